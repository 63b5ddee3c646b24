"""Confidence sets as lists of segments: where a curve t(mu) stays below a critical curve."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri  # scipy.stats takes half a second to import

Segments = list[tuple[float, float]]

# Points at which a curve is searched for crossings, between which they are found by root finding.
SEARCH_POINTS = 2001


def curve(coordinate: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A monotone cubic through the points, in the fit coordinate, where t is smooth up to the bound."""
    from scipy.interpolate import PchipInterpolator  # a fifth of a second, which pictures of a belt have no use for

    return PchipInterpolator(coordinate, values, extrapolate=False)


def accepted(
    t: Callable[[np.ndarray], np.ndarray], critical: Callable[[np.ndarray], np.ndarray], low: float, high: float
) -> Segments:
    """All segments of [low, high] on which t(x) <= critical(x), with their ends found by bisection.

    An end that is ``low`` or ``high`` says that the set reaches the edge of the range searched, not that it ends there.
    """
    from scipy.optimize import brentq  # as above

    grid = np.linspace(low, high, SEARCH_POINTS)

    def excess(x: float) -> float:
        return float(t(x) - critical(x))

    inside = (t(grid) - critical(grid)) <= 0.0
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    crossings = [float(brentq(excess, grid[edge], grid[edge + 1])) for edge in edges]
    ends = ([low] if inside[0] else []) + crossings + ([high] if inside[-1] else [])
    return [(float(a), float(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]


def wald_threshold(level: float) -> float:
    """Critical value of t for one parameter if Wald's approximation held: the chi2_1 quantile (arXiv:1007.1727)."""
    return float(ndtri(0.5 + 0.5 * level) ** 2)


def significance(p_value: float) -> float:
    """Standard deviations of a p-value of t(mu): Z = Phi^-1(1 - p/2).

    Two-sided, as t(mu) is: Z is the number of standard deviations whose confidence set just excludes the tested value,
    and where t follows chi2_1 it is sqrt(t).
    """
    return float(-ndtri(0.5 * p_value))
