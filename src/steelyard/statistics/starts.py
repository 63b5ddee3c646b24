"""Where the likelihood of one data set may have its minima, before any of them is refined."""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.statistics.engine.search import minimise
from steelyard.statistics.engine.starts import minima_of, predict_profile
from steelyard.statistics.likelihood import Likelihood
from steelyard.statistics.mixture import Mixture

# Points of the search grid in the fit coordinate. A basin of a data set of O(1000) events is far wider than a step.
SEARCH_POINTS = 64
# The same with nuisance parameters, where a point is dearer and only says in which basin a search begins.
PROFILE_POINTS = 33


@dataclass(frozen=True)
class Basin:
    """A local minimum of the expected profile: the start of a search, and the neighbours on the grid around it."""

    start: np.ndarray
    expected: float
    low: float
    high: float


def search_grid(mixture: Mixture, nuisances: int) -> np.ndarray:
    """Coordinates (G,) over the parameter's range among which basins are sought."""
    return np.linspace(*mixture.coordinate_bounds, PROFILE_POINTS if nuisances else SEARCH_POINTS)


def find_basins(likelihood: Likelihood, start: np.ndarray, fixed: np.ndarray) -> tuple[Basin, ...]:
    """Basins of the profile likelihood in the coordinate, deepest first.

    Args:
        likelihood: the data.
        start: (1 + K,) values of fixed parameters, and where to begin with the others.
        fixed: (1 + K,) which do not move.

    Raises:
        ModelError: no value of the coordinate gives every event a positive density.
    """
    mixture, evaluator = likelihood.mixture, likelihood.evaluator
    grid = start[:1] if fixed[0] else search_grid(likelihood.mixture, len(start) - 1)
    nominal = np.where(fixed[1:], start[1:], likelihood.systematics.nominal)
    for alpha in (start[1:], nominal):
        values = evaluator.slice(grid, alpha)
        if np.isfinite(values).any():
            break
    else:
        middle = float(grid[len(grid) // 2])
        raise ModelError(
            f"no value of the parameter in {list(mixture.bounds)} gives every event a positive density: at "
            f"{float(mixture.to_parameter(middle)):.3g} there are {likelihood.negative_events(middle, nominal)} "
            "negative events. Check the ratios' diagnostics and the coefficients"
        )
    profile, predicted = values, np.broadcast_to(alpha, (len(grid), len(alpha)))
    if not fixed[1:].all():
        # A slice through the nearest minimum foretells the others.
        first = minimise(evaluator, np.concatenate([[grid[np.argmin(values)]], alpha]), fixed)
        alpha = first.place[1:]
        values, gradients = evaluator.slice_gradients(grid, alpha)
        profile, predicted = np.empty(len(grid)), np.empty((len(grid), len(alpha)))
        hessian, room = first.hessian.copy(), (np.empty((len(alpha), len(alpha))), np.empty(len(alpha)))
        still = np.flatnonzero(fixed[1:])
        gradients[:, 1 + still] = 0.0
        hessian[1 + still], hessian[:, 1 + still] = 0.0, 0.0
        hessian[1 + still, 1 + still] = 1.0
        predict_profile(values, gradients, hessian, alpha, evaluator.effects.bounds, profile, predicted, *room)
        predicted[:, still] = alpha[still]
    order = np.zeros(len(grid), dtype=np.int64)
    basins, places = [], list(order[: minima_of(profile, order)])
    lowest = int(np.argmin(values))
    if all(abs(lowest - j) > 1 for j in places):  # where shapes are large, the expected profile may hide a basin
        places.append(lowest)
        predicted = np.array(predicted)
        predicted[lowest] = alpha
    for j in places:
        place = np.concatenate([[grid[j]], predicted[j]])
        if not np.isfinite(evaluator.slice(place[:1], place[1:])[0]):
            place[1:] = alpha
        low, high = grid[max(j - 1, 0)], grid[min(j + 1, len(grid) - 1)]
        basins.append(Basin(place, float(profile[j]), float(low), float(high)))
    return tuple(basins)
