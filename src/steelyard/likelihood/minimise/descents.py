"""Minima of one data set over all valleys of its nuisance parameters: by Newton's method, confirmed by Minuit."""

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.basins import Basin, find_basins, further_starts
from steelyard.likelihood.minimise.experiment_loop import CROSSINGS
from steelyard.likelihood.minimise.minuit import minimise_with_minuit
from steelyard.likelihood.minimise.search import Minimum, minimise
from steelyard.likelihood.minimise.valleys import enter, valley_signs

# A bound or another valley in which a minimum is expected this far above the best one is not fitted.
MARGIN = 10.0

# So much deeper is another minimum, and not the same once more.
DEEPER = 1e-5

# Two minima are one if no parameter differs by more.
APART = 1e-2

# A Hessian with an eigenvalue below this, for parameters in units of their own curvature, is not that of a minimum.
NEGATIVE = -1e-4


def all_minima(
    likelihood: Likelihood, start: np.ndarray, still: np.ndarray, further: tuple[np.ndarray, ...] = ()
) -> list[Minimum]:
    """Local minima, deepest first, from ``start`` (P,), whose coordinate is not used unless it is fixed.

    Args:
        likelihood: the data.
        start: values of fixed parameters, and where to begin with the others.
        still: (P,) which do not move.
        further: places (P,) from which to search too.

    Raises:
        ModelError: no value of the coordinate gives every event a positive density.
    """
    ends = (float(likelihood.evaluator.model.bounds[0, 0]), float(likelihood.evaluator.model.bounds[0, 1]))
    places = valley_starts(likelihood, start, still)
    basins = _distinct([basin for place in places for basin in find_basins(likelihood, place, still)])
    # With nuisance parameters the minimum may move further than to the next point of the grid.
    found = []
    for basin in basins:
        if len(places) > 1 and found and basin.expected > found[0].value + MARGIN:
            break
        limits = (basin.low, basin.high) if len(start) == 1 else ends
        found.append(confirmed(likelihood, basin.start, still, limits, basin.hessian))
    found += [confirmed(likelihood, place, still, ends) for place in further]
    best = min(found, key=lambda local: local.value)
    across = over_ridges(likelihood, best, still)
    if across is not best:
        found.append(confirmed(likelihood, across.place, still, ends, across.hessian))
    if not still[0]:
        ceiling = min(local.value for local in found) + MARGIN
        # First in the list, so that a bound wins a draw: Minuit comes near it, but never sits on it.
        for end in ends:
            found = _at_end(likelihood, np.concatenate([[end], basins[0].start[1:]]), still, ceiling) + found
    found.sort(key=lambda local: local.value)
    return found


def valley_starts(likelihood: Likelihood, start: np.ndarray, still: np.ndarray) -> list[np.ndarray]:
    """Places (P,) in all valleys of the parameters that move; ``start`` alone where there is one valley."""
    model, thetas = likelihood.evaluator.model, likelihood.evaluator.thetas
    folded = _moving(likelihood.valleys.folded, still[thetas:])
    found = []
    for coordinates in further_starts(model):
        place = start.copy()
        moved = ~still[1:thetas] & ~np.isnan(coordinates)
        place[1:thetas][moved] = coordinates[moved]
        if not moved.any() and found:
            continue  # all of it is fixed
        for sides in valley_signs(folded, len(start) - thetas):
            alpha = enter(place[thetas:], sides, model.bounds[thetas:]) if len(folded) else place[thetas:]
            found.append(np.concatenate([place[:thetas], alpha]))
    return found


def over_ridges(
    likelihood: Likelihood, best: Minimum, still: np.ndarray, evaluator: Evaluator | None = None
) -> Minimum:
    """The deepest minimum from ``best`` with one parameter after the other taken across its ridges.

    ``evaluator`` is that of the likelihood, or one with other global observables.
    """
    evaluator = likelihood.evaluator if evaluator is None else evaluator
    thetas, bounds = evaluator.thetas, evaluator.model.bounds
    crossed = _moving(likelihood.valleys.crossed, still[thetas:])
    turn, tried = 0, 0
    while tried < len(CROSSINGS) * len(crossed):
        k = crossed[turn // len(CROSSINGS) % len(crossed)]
        place = best.place.copy()
        place[thetas + k] = np.clip(CROSSINGS[turn % len(CROSSINGS)], *bounds[thetas + k])
        found = minimise(evaluator, place, still)
        turn, tried = turn + 1, tried + 1
        if found.value < best.value - DEEPER:
            best, tried = found, 0
    return best


def confirmed(
    likelihood: Likelihood,
    start: np.ndarray,
    still: np.ndarray,
    limits: tuple[float, float],
    hessian: np.ndarray | None = None,
) -> Minimum:
    """Minuit's minimum from ``start`` (P,); a saddle is left on both sides, and is never valid."""
    evaluator = likelihood.evaluator
    local = minimise_with_minuit(evaluator, start, still, limits, hessian)
    down = _falling(likelihood, local, still)
    if down is None:
        return local
    bounds = evaluator.model.bounds
    sides = [minimise(evaluator, np.clip(local.place + sign * down, *bounds.T), still) for sign in (1.0, -1.0)]
    lower = min(sides, key=lambda side: side.value)
    if lower.value < local.value - DEEPER:
        local = minimise_with_minuit(evaluator, lower.place, still, limits, lower.hessian)
        if _falling(likelihood, local, still) is None:
            return local
    return Minimum(local.place, local.value, local.gradient, local.hessian, local.edm, converged=False)


def _falling(likelihood: Likelihood, local: Minimum, still: np.ndarray) -> np.ndarray | None:
    """A step (P,) of half a unit of the nuisance parameters along negative curvature, if there is any."""
    evaluator = likelihood.evaluator
    bounds = evaluator.model.bounds
    width = bounds[:, 1] - bounds[:, 0]
    inside = (local.place > bounds[:, 0] + 1e-6 * width) & (local.place < bounds[:, 1] - 1e-6 * width)
    free = np.flatnonzero(~still & inside)
    block = local.hessian[np.ix_(free, free)]
    if not len(free) or not np.isfinite(block).all():
        return None
    diagonal = np.abs(np.diag(block))
    unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-3 * diagonal.max() + 1e-12))
    values, vectors = np.linalg.eigh(block * np.outer(unit, unit))
    if values[0] >= NEGATIVE:
        return None
    step = np.zeros(len(still))
    step[free] = vectors[:, 0] * unit
    sizes = np.where(np.arange(len(still)) < evaluator.thetas, 0.125 * width, 0.5)
    return step / np.abs(step / sizes).max()


def _moving(numbers: np.ndarray, still: np.ndarray) -> np.ndarray:
    return numbers[~still[numbers]]


def _distinct(basins: list[Basin]) -> list[Basin]:
    """Each basin once, deepest first."""
    kept: list[Basin] = []
    for basin in sorted(basins, key=lambda basin: basin.expected):
        if all(np.abs(basin.start - other.start).max() > APART for other in kept) or not kept:
            kept.append(basin)
    return kept


def _at_end(likelihood: Likelihood, start: np.ndarray, still: np.ndarray, ceiling: float) -> list[Minimum]:
    """The minimum with the coordinate where ``start`` (P,) has it, if the density is positive there."""
    held = still.copy()
    held[0] = True
    try:
        places = valley_starts(likelihood, start, held)
        places = places if len(places) == 1 else [start, *places]
        basin = min((find_basins(likelihood, place, held)[0] for place in places), key=lambda basin: basin.expected)
    except ModelError:
        return []
    if basin.expected > ceiling:
        return []
    ends = (float(likelihood.evaluator.model.bounds[0, 0]), float(likelihood.evaluator.model.bounds[0, 1]))
    return [confirmed(likelihood, basin.start, held, ends, basin.hessian)]
