"""Minima of a curve and the order of their depth: where searches begin."""

import numpy as np

from steelyard.statistics.engine.compilation import compiled, internal


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
            number = insert(grid[j], values[j], number, minima, depths, order)
    return number


@internal
def insert(where, depth, number, minima, depths, order):
    """Add a minimum to so many others in their order of depth; returns how many there are then."""
    minima[number], depths[number] = where, depth
    place = number
    while place > 0 and depths[order[place - 1]] > depth:
        order[place] = order[place - 1]
        place -= 1
    order[place] = number
    return number + 1
