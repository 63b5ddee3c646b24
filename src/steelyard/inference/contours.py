r"""The profile likelihood ratio in the plane of two parameters, and its contours.

.. math:: t(\theta_1,\theta_2) = -2\ln L(\theta_1,\theta_2,\hat{\hat\eta}) + 2\ln L(\hat\theta_1,\hat\theta_2,\hat\eta)

with all others, η, fitted at every point. By Wilks' theorem the contour of a level is at the quantile of a χ² with two
degrees of freedom, 2.30 and 6.18 for 68.27 and 95.45 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from steelyard.errors import ModelError
from steelyard.inference.fit import Fit, fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.search import Minimum, minimise

# So much lower is another conditional fit, and not the same once more.
_LOWER = 1e-6


@dataclass(frozen=True)
class Surface:
    """t in the plane of two parameters.

    Attributes:
        parameters: their names.
        values: grids of each, (G1,) and (G2,).
        t: (G1, G2); infinite where the density of an event is not positive.
        fit: the global fit.
        not_converged: number of conditional fits that did not converge.
    """

    parameters: tuple[str, str]
    values: tuple[np.ndarray, np.ndarray]
    t: np.ndarray
    fit: Fit
    not_converged: int = 0

    def area(self, level: float) -> float:
        """Area inside the contour of a level such as 0.6827, with t linear between the points of the grid."""
        first, second = (np.linspace(0.0, len(grid) - 1.0, 8 * (len(grid) - 1) + 1) for grid in self.values)
        fine = _bilinear(np.minimum(self.t, 1e6), first, second)
        x, y = (
            np.interp(place, np.arange(len(grid)), grid)
            for place, grid in zip((first, second), self.values, strict=True)
        )
        inside = (fine <= threshold(level)).astype(float)
        return float(np.trapezoid(np.trapezoid(inside, y, axis=1), x))


def threshold(level: float) -> float:
    """t on the contour of a level, for two parameters: the quantile of χ² with two degrees of freedom."""
    return float(2.0 * gammaincinv(1.0, level))


def surface(likelihood: Likelihood, parameters: tuple[str, str], first: np.ndarray, second: np.ndarray) -> Surface:
    """t on a grid (G1, G2) of two parameters of the coefficients.

    Every conditional fit begins at its neighbour's, along both axes and in both directions, and at the global one: the
    lowest counts.

    Args:
        likelihood: the data; its normalisers are taken as they stand, without integration events.
        parameters: two names.
        first, second: values of each.

    Raises:
        ModelError: not two different parameters of the coefficients.
    """
    names = [parameter.name for parameter in likelihood.model.theta]
    if len(set(parameters)) < 2 or not set(parameters) <= set(names):
        raise ModelError(f"a contour has two different parameters out of {', '.join(names)}, not {parameters}")
    likelihood = likelihood.profiling(parameters[0])
    likelihood = (
        likelihood
        if not any(likelihood.integrations)
        else likelihood.with_forms(tuple(region.systematics for region in likelihood.model.regions))
    )
    best = fit(likelihood)
    every = likelihood.parameters
    one, other = (every.index(name) for name in parameters)
    grids = [np.asarray(grid, dtype=float) for grid in (first, second)]
    coordinates = [every.parameters[p].to_coordinate(grid) for p, grid in zip((one, other), grids, strict=True)]
    still = np.isin(np.arange(len(every)), (one, other))
    start = every.to_coordinates([best.hat, *best.theta, *best.alpha])
    found: dict[tuple[int, int], Minimum] = {}

    def attempt(i: int, j: int, place: np.ndarray) -> None:
        place = place.copy()
        place[one], place[other] = coordinates[0][i], coordinates[1][j]
        known = found.get((i, j))
        reached = minimise(likelihood.evaluator, place, still)
        if known is None or reached.value < known.value - _LOWER:
            found[i, j] = reached

    shape = (len(grids[0]), len(grids[1]))
    middle = tuple(
        int(np.argmin(np.abs(grid - every.parameters[p].from_coordinate(start[p]))))
        for p, grid in zip((one, other), grids, strict=True)
    )
    for i, j in sorted(np.ndindex(*shape), key=lambda at: abs(at[0] - middle[0]) + abs(at[1] - middle[1])):
        attempt(i, j, start)
        for near in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if near in found and np.isfinite(found[near].value):
                attempt(i, j, found[near].place)
    values = np.array([[found[i, j].value for j in range(shape[1])] for i in range(shape[0])])
    failed = sum(np.isfinite(minimum.value) and not minimum.converged for minimum in found.values())
    return Surface(parameters, (grids[0], grids[1]), np.maximum(values - best.minimum, 0.0), best, int(failed))


def _bilinear(t: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    i, j = (np.minimum(place.astype(int), size - 2) for place, size in zip((first, second), t.shape, strict=True))
    u, v = (first - i)[:, None], (second - j)[None]
    low = t[np.ix_(i, j)] * (1.0 - v) + t[np.ix_(i, j + 1)] * v
    high = t[np.ix_(i + 1, j)] * (1.0 - v) + t[np.ix_(i + 1, j + 1)] * v
    return low * (1.0 - u) + high * u
