"""Where the likelihood of one data set may have its minima, before any of them is refined."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.compile import CompiledModel
from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.continuation import FIRST, LAST, POINTS, ContinuationState
from steelyard.likelihood.minimise.minima import minima_along, minima_of, predict
from steelyard.likelihood.minimise.search import follow_profile, minimise

# Points of the search grid in the fit coordinate. A basin of a data set of O(1000) events is far wider than a step.
SEARCH_POINTS = 64
# The same with nuisance parameters, where it only has to show a place that is allowed.
PROFILE_POINTS = 33

# Parts of the range of a coordinate in which a conditional fit begins, and how many coordinates in all combinations.
# One is the lower bound: that of a root's coordinate is a minimum of its own in many data sets.
WITHIN = (0.0, 1.0 / 6.0, 0.5, 5.0 / 6.0)
TOGETHER = 2

# A minimum this far from where the path has it, in ranges of the coordinate, belongs to another basin.
STRAY = 0.1


@dataclass(frozen=True)
class Basin:
    """A local minimum of the expected profile.

    Attributes:
        start: (P,) where a search begins.
        expected: -2 ln L there.
        low, high: coordinates of the neighbours on the grid around it.
        hessian: (P, P) if the start is a minimum already.
    """

    start: np.ndarray
    expected: float
    low: float
    high: float
    hessian: np.ndarray | None = None


def search_grid(bounds: np.ndarray) -> np.ndarray:
    """Coordinates (G,) over the first parameter's range among which basins are sought, of the bounds (P, 2) of all."""
    low, high = bounds[0]
    return np.linspace(low, high, PROFILE_POINTS if len(bounds) > 1 else SEARCH_POINTS)


def further_starts(model: CompiledModel) -> np.ndarray:
    """Where to begin in the coordinates of the second and further parameters of the coefficients: (V, M - 1).

    A coordinate in which all coefficients are straight has one basin, at any value of the others; in any other one,
    such as that of a Wilson coefficient or of a second root, a conditional fit may have two. No number in a row stands
    for the value that is given; the first row has none.
    """
    form, thetas = model.form, len(model.middle)
    rows = [np.full(thetas - 1, np.nan)]
    bent = [p for p in range(1, thetas) if not form.is_polynomial or form.powers[:, p].max(initial=0) > 1]
    for values in product(*([np.nan, *WITHIN] for _ in bent[:TOGETHER])) if bent else ():
        row = rows[0].copy()
        row[[p - 1 for p in bent[:TOGETHER]]] = [
            _within(model.bounds[p], value) for p, value in zip(bent, values, strict=False)
        ]
        rows.append(row)
    for p in bent[TOGETHER:]:
        for value in WITHIN:
            row = rows[0].copy()
            row[p - 1] = _within(model.bounds[p], value)
            rows.append(row)
    return np.array(rows if not bent else [rows[0], *(row for row in rows[1:] if not np.isnan(row).all())])


def _within(bounds: np.ndarray, share: float) -> float:
    return float(bounds[0] + share * (bounds[1] - bounds[0]))


def find_basins(likelihood: Likelihood, start: np.ndarray, fixed: np.ndarray) -> tuple[Basin, ...]:
    """Basins of the profile likelihood in the coordinate, deepest first.

    Args:
        likelihood: the data.
        start: (P,) values of fixed parameters, and where to begin with the others.
        fixed: (P,) which do not move.

    Raises:
        ModelError: no value of the coordinate gives every event a positive density.
    """
    evaluator, parameters = likelihood.evaluator, likelihood.parameters
    grid = start[:1] if fixed[0] else search_grid(evaluator.model.bounds)
    nominal = np.where(fixed[1:], start[1:], parameters.to_coordinates(parameters.nominal)[1:])
    for rest in (start[1:], nominal):
        values = evaluator.slice(grid, rest)
        if np.isfinite(values).any():
            break
    else:
        middle = float(grid[len(grid) // 2])
        raise ModelError(
            f"no value of the parameter in {list(likelihood.profiled.bounds)} gives every event a positive density: at "
            f"{float(likelihood.profiled.from_coordinate(middle)):.3g} there are "
            f"{likelihood.negative_events(middle, nominal)} "
            "negative events. Check the ratios' diagnostics and the coefficients"
        )
    buffers = max(len(grid), 2 * POINTS)
    minima, depths, order = np.empty(buffers), np.empty(buffers), np.empty(buffers, dtype=np.int64)
    step = grid[1] - grid[0] if len(grid) > 1 else 0.0
    if fixed[1:].all():
        found = minima_of(grid, values, minima, depths, order)
        starts = [(np.concatenate([[minima[j]], rest]), None) for j in order[:found]]
    else:
        held = fixed.copy()
        held[0] = True
        known = minimise(evaluator, np.concatenate([[grid[np.argmin(values)]], rest]), held)
        if fixed[0]:
            hessian = known.hessian if known.converged else None
            return (Basin(known.place, known.value, float(grid[0]), float(grid[0]), hessian),)
        path = follow_profile(evaluator, known, held)
        found = minima_along(path, minima, depths, order)
        starts = [_start_at(evaluator, path, minima[j], fixed, STRAY * (grid[-1] - grid[0])) for j in order[:found]]
    basins = []
    for j, (place, hessian) in zip(order, starts, strict=False):
        low, high = max(minima[j] - step, grid[0]), min(minima[j] + step, grid[-1])
        basins.append(Basin(place, float(depths[j]), float(low), float(high), hessian))
    return tuple(basins)


def _start_at(evaluator: Evaluator, path: ContinuationState, kappa: float, fixed: np.ndarray, stray: float) -> tuple:
    """The minimum next to a minimum of the path, and its Hessian; if none is as near as ``stray``, that of the path."""
    place = np.concatenate([[kappa], np.zeros(len(path.base))])
    predict(path, kappa, place[1:])
    if not np.isfinite(evaluator.expand(place, VALUE).value):
        used = np.arange(path.counts[FIRST], path.counts[LAST] + 1)
        used = used[np.isfinite(path.value[used])]
        nearest = used[np.argmin(np.abs(path.kappa[used] - kappa))]
        place[0], place[1:] = path.kappa[nearest], path.rest[nearest]
    found = minimise(evaluator, place, fixed)
    near = found.converged and abs(found.place[0] - kappa) < stray
    return (found.place, found.hessian) if near else (place, None)
