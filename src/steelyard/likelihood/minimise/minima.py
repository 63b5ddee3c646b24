"""Where the profile likelihood has its minima: on a slice, and along a path."""

import numpy as np

from steelyard.likelihood.minimise.continuation import FIRST, LAST
from steelyard.numerics.compilation import compiled, internal


@compiled
def minima_of(grid, values, minima, depths, order):
    """Fill the local minima of a curve, ends included, and their order, deepest first; returns their number.

    A plateau counts once, at its left end; ``inf`` is never a minimum.
    """
    number = 0
    for j in range(len(grid)):
        left = values[j - 1] if j > 0 else np.inf
        right = values[j + 1] if j + 1 < len(grid) else np.inf
        if values[j] < np.inf and values[j] < left and values[j] <= right:
            number = _insert(grid[j], values[j], number, minima, depths, order)
    return number


@compiled
def minima_along(path, kappa, expected, order):
    """Fill the minima of the profile, ends included, and their order, deepest first; returns their number.

    Between two points the profile is the cubic with their values and slopes. Where it falls towards points without a
    value, the last one with a value counts.

    Args:
        kappa, expected: (M,) coordinates and values, filled.
        order: (M,) filled.
    """
    number, first, last = 0, path.counts[FIRST], path.counts[LAST]
    for j in range(first, last + 1):
        if not path.value[j] < np.inf:
            continue
        slope = path.slope[j]
        open_below = j == first or not path.value[j - 1] < np.inf
        open_above = j == last or not path.value[j + 1] < np.inf
        if (open_below and slope >= 0.0) or (open_above and slope <= 0.0):
            number = _insert(path.kappa[j], path.value[j], number, kappa, expected, order)
        if open_above:
            continue
        size = path.kappa[j + 1] - path.kappa[j]
        rise, start, end = path.value[j + 1] - path.value[j], slope * size, path.slope[j + 1] * size
        square, cube = 3.0 * rise - 2.0 * start - end, start + end - 2.0 * rise
        root = square * square - 3.0 * cube * start
        if root < 0.0:
            continue
        root = np.sqrt(root)
        if square > 0.0:
            where = -start / (square + root)
        elif cube != 0.0:
            where = (root - square) / (3.0 * cube)
        else:
            continue
        if 0.0 <= where < 1.0:
            value = path.value[j] + where * (start + where * (square + where * cube))
            number = _insert(path.kappa[j] + where * size, value, number, kappa, expected, order)
    return number


@internal
def _insert(where, depth, number, minima, depths, order):
    """Add a minimum to so many others in their order of depth; returns how many there are then."""
    minima[number], depths[number] = where, depth
    place = number
    while place > 0 and depths[order[place - 1]] > depth:
        order[place] = order[place - 1]
        place -= 1
    order[place] = number
    return number + 1


@internal
def predict(path, kappa, alpha):
    """Fill the conditional fit (K,) expected at a coordinate, between its neighbours on the path."""
    j = path.counts[FIRST]
    while j < path.counts[LAST] - 1 and path.kappa[j + 1] <= kappa:
        j += 1
    above = min(j + 1, path.counts[LAST])
    size = path.kappa[above] - path.kappa[j]
    share = (kappa - path.kappa[j]) / size if size > 0.0 else 0.0
    for k in range(len(alpha)):
        rise = path.rest[above, k] - path.rest[j, k]
        start, end = path.tangent[j, k] * size - rise, path.tangent[above, k] * size - rise
        bend = share * (1.0 - share) * ((1.0 - share) * start - share * end)
        alpha[k] = path.rest[j, k] + share * rise + bend
