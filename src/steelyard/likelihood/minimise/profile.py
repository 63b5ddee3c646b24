"""The conditional fits along kappa of one large data set, each begun where its neighbour predicts it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.minimise.search import Minimum, minimise

# A conditional fit that lands this far from its neighbour's prediction, in any other parameter, may have changed its
# basin: the neighbour on the other side is asked too. In units of Evaluator.units, which is a standard deviation of a
# constraint.
JUMP = 0.3

# So much lower is another track, and not the same once more, in -2 ln L.
LOWER = 1e-5

# Points of the grid at which every valley is tried.
PROBES = 9


@dataclass(frozen=True)
class Track:
    """Conditional fits at G coordinates: ``values`` (G,), ``rest`` (G, P - 1), ``converged`` (G,)."""

    values: np.ndarray
    rest: np.ndarray
    converged: np.ndarray


def follow(evaluator: Evaluator, kappa: np.ndarray, start: np.ndarray) -> Track:
    r"""Fit the nuisance parameters at coordinates (G,), from the point ``start`` (P,) outwards on both sides.

    The path is continued along its tangent,
    :math:`d\alpha/d\kappa=-H_{\alpha\alpha}^{-1}H_{\alpha\kappa}`. Where a fit lands far from where it was predicted
    the path may have fallen into another basin, which may have been the deeper one before: from there the fits are
    repeated in the opposite direction as long as they improve.
    """
    order = np.argsort(kappa, kind="stable")
    fixed = np.zeros(len(start), dtype=bool)
    fixed[0] = True
    results: dict[int, Minimum] = {}
    upwards = [int(g) for g in order if kappa[g] >= start[0]]
    downwards = [int(g) for g in order[::-1] if kappa[g] < start[0]]
    first = minimise(evaluator, start, fixed)
    for path in (upwards, downwards):
        before, jumps = first, []
        for g in path:
            predicted = _continue(evaluator, before, kappa[g])
            results[g] = minimise(evaluator, predicted, fixed)
            if not np.isfinite(results[g].value):  # forbidden where the tangent leads: from the neighbour itself
                results[g] = minimise(evaluator, np.concatenate([[kappa[g]], before.place[1:]]), fixed)
            if np.isfinite(results[g].value):
                if np.abs((results[g].place - predicted) / evaluator.units).max() > JUMP:
                    jumps.append(g)
                before = results[g]
        for jump in jumps:
            _return(evaluator, kappa, path[: path.index(jump) + 1], fixed, results)
    return Track(
        values=np.array([results[g].value for g in range(len(kappa))]),
        rest=np.array([results[g].place[1:] for g in range(len(kappa))]).reshape(len(kappa), len(start) - 1),
        converged=np.array([results[g].converged for g in range(len(kappa))], dtype=bool),
    )


def envelope(evaluator: Evaluator, kappa: np.ndarray, minima: list[np.ndarray], valleys: list[np.ndarray]) -> Track:
    """The lowest conditional fits at coordinates (G,) over all tracks that are known.

    The first of the ``minima`` (P,), the global one, is followed. Another one, or a valley in which a search begins
    at some points of the grid, is followed where it leads below what is known. Each point is then tried with its
    neighbours' nuisance parameters.

    Args:
        evaluator: the data.
        kappa: the grid.
        minima: local minima, deepest first.
        valleys: places, of which the coordinate is not used, in the valleys of the nuisance parameters.
    """
    track = follow(evaluator, kappa, minima[0])
    order = np.argsort(kappa, kind="stable")
    probes = np.unique(np.linspace(0, len(order) - 1, PROBES).round().astype(int))
    starts = [(int(np.argmin(np.abs(kappa - place[0]))), place) for place in minima[1:]]
    starts += [(int(order[probe]), place) for probe in probes for place in valleys]
    fixed = np.arange(len(minima[0])) == 0
    for g, place in starts:
        found = minimise(evaluator, np.concatenate([[kappa[g]], place[1:]]), fixed)
        if found.value < track.values[g] - LOWER:
            track = _lower(track, follow(evaluator, kappa, found.place))
    if len(valleys) or len(minima) > 1:
        _sweep(evaluator, kappa, order, track)
    return track


def _lower(one: Track, other: Track) -> Track:
    """At each point the lower one."""
    deeper = other.values < one.values - LOWER
    return Track(
        values=np.where(deeper, other.values, one.values),
        rest=np.where(deeper[:, None], other.rest, one.rest),
        converged=np.where(deeper, other.converged, one.converged),
    )


def _sweep(evaluator: Evaluator, kappa: np.ndarray, order: np.ndarray, track: Track) -> None:
    """Try each point from its neighbour where that is another valley, upwards and downwards."""
    fixed = np.arange(1 + track.rest.shape[1]) == 0
    for path in (order, order[::-1]):
        for before, g in pairwise(path):
            apart = np.abs(track.rest[before] - track.rest[g]) / evaluator.units[1:]
            if apart.max(initial=0.0) < JUMP:
                continue
            found = minimise(evaluator, np.concatenate([[kappa[g]], track.rest[before]]), fixed)
            if found.value < track.values[g] - LOWER:
                track.values[g], track.rest[g], track.converged[g] = found.value, found.place[1:], found.converged


def _return(
    evaluator: Evaluator, kappa: np.ndarray, path: list[int], fixed: np.ndarray, results: dict[int, Minimum]
) -> None:
    """Repeat the fits of a path from its end backwards, until one is no deeper than before."""
    for later, g in zip(path[:0:-1], path[-2::-1], strict=True):
        again = minimise(evaluator, _continue(evaluator, results[later], kappa[g]), fixed)
        if not again.value < results[g].value - LOWER:
            return
        results[g] = again


def _continue(evaluator: Evaluator, before: Minimum, kappa: float) -> np.ndarray:
    """Where the conditional fit is expected at another coordinate."""
    place = before.place.copy()
    place[0] = kappa
    bounds = evaluator.model.bounds
    free = 1 + np.flatnonzero((place[1:] > bounds[1:, 0]) & (place[1:] < bounds[1:, 1]))
    if len(free):
        block, cross = before.hessian[np.ix_(free, free)], before.hessian[free, 0]
        try:
            np.linalg.cholesky(block)
        except np.linalg.LinAlgError:
            return place
        step = -np.linalg.solve(block, cross) * (kappa - before.place[0])
        place[free] = np.clip(place[free] + step, *bounds[free].T)
    return place
