"""Confidence sets as lists of segments: where a curve t(mu) stays below a critical curve."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtri  # scipy.stats takes half a second to import

Segments = list[tuple[float, float]]

# What an end of a segment is: a crossing of the two curves; a bound of the parameter, which belongs to the set; or the
# edge of what was searched, beyond which the set goes on.
End = Literal["crossing", "bound", "open"]
Ends = list[tuple[End, End]]

# Points at which a curve is searched for crossings, between which they are found by root finding.
SEARCH_POINTS = 2001

# t - c beyond this is as good as infinite: no event of the tested hypothesis, or toys too few for a critical value.
HUGE = 1e9

# Two places closer than this fraction of the range are one.
SAME = 1e-12


def curve(coordinate: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A monotone cubic through the points, in the fit coordinate, where t is smooth up to the bound.

    A value that is infinite makes the curve infinite up to both of its neighbours.
    """
    from scipy.interpolate import PchipInterpolator  # a fifth of a second, which pictures of a belt have no use for

    coordinate, values = np.asarray(coordinate, dtype=float), np.asarray(values, dtype=float)
    infinite = np.isinf(values)
    if not infinite.any():
        return PchipInterpolator(coordinate, values, extrapolate=False)

    def broken(x: np.ndarray) -> np.ndarray:
        right = np.clip(np.searchsorted(coordinate, x), 1, len(coordinate) - 1)
        left = right - 1
        left, right = np.where(x == coordinate[right], right, left), np.where(x == coordinate[left], left, right)
        near = infinite[left] | infinite[right]
        if np.count_nonzero(~infinite) < 2:
            return np.where(near, np.inf, np.interp(x, coordinate, values))
        finite = PchipInterpolator(coordinate[~infinite], values[~infinite], extrapolate=True)
        return np.where(near, np.inf, finite(x))

    return broken


def accepted(
    t: Callable[[np.ndarray], np.ndarray],
    critical: Callable[[np.ndarray], np.ndarray],
    low: float,
    high: float,
    places: Sequence[float] = (),
) -> Segments:
    """All segments of [low, high] on which t(x) <= critical(x), with their ends found by bisection.

    The curves are searched at equal distances and at ``places``: the points that they run through and the best fit,
    where t is least. A minimum of t - c between the points, or a maximum inside of a segment, is looked for on its own,
    so that a set that is narrower than the distance of the points is not lost.

    An end that is ``low`` or ``high`` says that the set reaches the edge of the range searched, not that it ends there
    (:func:`ends`).
    """
    from scipy.optimize import brentq  # as above

    inner = np.asarray(places, dtype=float)
    inner = inner[(inner > low) & (inner < high)]
    grid = np.union1d(np.linspace(low, high, SEARCH_POINTS), inner)
    grid = grid[np.append(True, np.diff(grid) > SAME * (high - low))]
    grid[-1] = high

    def excess(x: np.ndarray) -> np.ndarray:
        return np.clip(np.nan_to_num(t(x) - critical(x), nan=HUGE), -HUGE, HUGE)

    value = excess(grid)
    found = _turning_points(excess, grid, value)
    grid = np.union1d(grid, np.array(found, dtype=float))
    value = excess(grid)
    inside = value <= 0.0
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    crossings = []
    for edge in edges:
        # At a point that touches the critical curve it is the end itself.
        touching = [grid[place] for place in (edge, edge + 1) if value[place] == 0.0]
        crossings.append(float(touching[0] if touching else brentq(excess, grid[edge], grid[edge + 1])))
    limits = ([low] if inside[0] else []) + crossings + ([high] if inside[-1] else [])
    return [(float(a), float(b)) for a, b in zip(limits[::2], limits[1::2], strict=True)]


def _turning_points(excess: Callable[[np.ndarray], np.ndarray], grid: np.ndarray, value: np.ndarray) -> list[float]:
    """Where a minimum above zero between grid points may lie below it, or a maximum below zero above: its place."""
    from scipy.optimize import minimize_scalar

    found = []
    for sign in (1.0, -1.0):
        signed = sign * value
        middle = signed[1:-1]
        turning = (
            np.flatnonzero((middle > 0.0) & (middle <= signed[:-2]) & (middle <= signed[2:]) & (middle < HUGE)) + 1
        )
        for place in turning:
            if signed[place - 1] == signed[place] == signed[place + 1]:
                continue  # flat
            result = minimize_scalar(
                lambda x, sign=sign: sign * float(excess(np.array(x))),
                bounds=(grid[place - 1], grid[place + 1]),
                method="bounded",
                options={"xatol": 1e-9 * (grid[-1] - grid[0])},
            )
            if result.fun <= 0.0:
                found.append(float(result.x))
    return found


def ends(segments: Segments, searched: tuple[float, float], bounds: tuple[float, float]) -> Ends:
    """What each end of the segments is, where they were searched in ``searched`` and the parameter in ``bounds``.

    A segment that reaches the edge of what was searched ends there only if that is a bound of the parameter.
    """
    reach = 1e-9 * (searched[1] - searched[0])
    kinds = []
    for segment in segments:
        kind = []
        for end, edge, bound in zip(segment, searched, bounds, strict=True):
            at_bound = abs(edge - bound) <= reach
            kind.append("crossing" if abs(end - edge) > reach else "bound" if at_bound else "open")
        kinds.append(tuple(kind))
    return kinds


def wald_threshold(level: float) -> float:
    """Critical value of t for one parameter if Wald's approximation held: the chi2_1 quantile (arXiv:1007.1727)."""
    return float(ndtri(0.5 + 0.5 * level) ** 2)


def significance(p_value: float) -> float:
    """Standard deviations of a p-value of t(mu): Z = Phi^-1(1 - p/2).

    Two-sided, as t(mu) is: Z is the number of standard deviations whose confidence set just excludes the tested value,
    and where t follows chi2_1 it is sqrt(t).
    """
    return float(max(0.0, -ndtri(0.5 * p_value)))


def one_sided_significance(p_value: float) -> float:
    """Standard deviations of the same p-value read one-sided: Z = Phi^-1(1 - p), and zero for p above one half.

    The convention of discoveries (arXiv:1007.1727). Where t at the bound is zero in half of the experiments and
    follows chi2_1 in the others, it is sqrt(t).
    """
    return float(max(0.0, -ndtri(p_value)))
