"""Scalar products of rows of float32 numbers, many at a time: each number that is loaded is used in several.

A row is a block of events, short enough for a float32 sum; blocks are added in float64.
"""

import numpy as np

from steelyard.numerics.compilation import internal


@internal
def dot(left, right, count):
    """Scalar product of the first ``count`` numbers of two rows."""
    total = np.float32(0.0)
    for b in range(count):
        total += left[b] * right[b]
    return np.float64(total)


@internal
def add_products(left, rows, right, columns, count, sums):
    """Add the products of the first rows of ``left`` (rows, B) and ``right`` (columns, B) to ``sums``."""
    for i in range(0, rows - 1, 2):
        for j in range(0, columns - 3, 4):
            _add_tile(left, i, right, j, count, sums)
        for j in range(columns // 4 * 4, columns):
            sums[i, j] += dot(left[i], right[j], count)
            sums[i + 1, j] += dot(left[i + 1], right[j], count)
    if rows % 2:
        for j in range(columns):
            sums[rows - 1, j] += dot(left[rows - 1], right[j], count)


@internal
def add_upper_products(left, right, rows, count, sums):
    """The same for i <= j only, ``rows`` of both; a few elements below the diagonal are filled as well."""
    for i in range(0, rows - 1, 2):
        for j in range(i, rows - 3, 4):
            _add_tile(left, i, right, j, count, sums)
        for j in range(i + (rows - i) // 4 * 4, rows):
            sums[i, j] += dot(left[i], right[j], count)
            sums[i + 1, j] += dot(left[i + 1], right[j], count)
    if rows % 2:
        sums[rows - 1, rows - 1] += dot(left[rows - 1], right[rows - 1], count)


@internal
def _add_tile(left, i, right, j, count, sums):
    """Two rows by four."""
    t00 = t01 = t02 = t03 = t10 = t11 = t12 = t13 = np.float32(0.0)
    for b in range(count):
        l0, l1 = left[i, b], left[i + 1, b]
        r0, r1, r2, r3 = right[j, b], right[j + 1, b], right[j + 2, b], right[j + 3, b]
        t00 += l0 * r0
        t01 += l0 * r1
        t02 += l0 * r2
        t03 += l0 * r3
        t10 += l1 * r0
        t11 += l1 * r1
        t12 += l1 * r2
        t13 += l1 * r3
    sums[i, j] += t00
    sums[i, j + 1] += t01
    sums[i, j + 2] += t02
    sums[i, j + 3] += t03
    sums[i + 1, j] += t10
    sums[i + 1, j + 1] += t11
    sums[i + 1, j + 2] += t12
    sums[i + 1, j + 3] += t13
