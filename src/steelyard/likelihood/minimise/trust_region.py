"""The minimum of a quadratic model within bounds: the step of Newton's method, and how to leave a saddle.

The model is that of a :class:`~steelyard.likelihood.minimise.newton.NewtonState`: its gradient and Hessian at its
place.
"""

import numpy as np

from steelyard.numerics.compilation import internal

# The first relative shift of the diagonal of a Hessian that is not positive; later ones are ten times as large each.
_FIRST_SHIFT = 1e-7

# Multiplications by the Hessian, for each parameter, that find its lowest eigenvector.
_POWERS = 100


@internal
def decrease_of(search):
    """Decrease of the quadratic model by the step."""
    total = 0.0
    for i in range(len(search.step)):
        if search.step[i] != 0.0:
            along = 0.0
            for j in range(len(search.step)):
                along += search.hessian[i, j] * search.step[j]
            total += search.step[i] * (search.gradient[i] + 0.5 * along)
    return -total


@internal
def solve_within_bounds(search, number):
    """Fill the step over the first ``number`` free parameters; returns the shift of the Hessian.

    Parameters that the Newton step would carry out of their range are set on its end, and the others minimise what
    then remains of the model.
    """
    place, step, free = search.place, search.step, search.free
    largest = 0.0
    while True:
        shift = _solve(search, number)
        largest = max(largest, shift)
        kept = 0
        for index in range(number):
            i = free[index]
            end = place[i] + step[i]
            if end < search.lower[i]:
                step[i] = search.lower[i] - place[i]
            elif end > search.upper[i]:
                step[i] = search.upper[i] - place[i]
            else:
                free[kept] = i
                kept += 1
        if kept == number:
            return largest
        number = kept


@internal
def fall_along(search, reach):
    """Fill the step along the direction of most negative curvature, ``reach`` scales long; returns its decrease, or 0.

    By the power method, for the Hessian divided by the roots of its diagonal; never across a bound.
    """
    place, gradient, step, right, hessian = search.place, search.gradient, search.step, search.right, search.hessian
    size, top = len(step), 1e-12
    for i in range(size):
        top = max(top, abs(hessian[i, i]))
    for i in range(size):
        # Unequal components, so that none of the directions is missed.
        step[i] = 0.0 if search.fixed[i] else 1.0 + 0.1 * i
    for _ in range(_POWERS * size):
        length = 0.0
        for i in range(size):
            right[i] = 0.0
            if search.fixed[i]:
                continue
            for j in range(size):
                weight = np.sqrt(max(abs(hessian[i, i]), 1e-3 * top) * max(abs(hessian[j, j]), 1e-3 * top))
                right[i] += hessian[i, j] / weight * step[j]
            right[i] = (size + 1.0) * step[i] - right[i]  # no eigenvalue is larger
            length += right[i] * right[i]
        length = np.sqrt(max(length, 1e-300))
        for i in range(size):
            step[i] = right[i] / length
    largest, slope = 1e-300, 0.0
    for i in range(size):
        step[i] /= np.sqrt(max(abs(hessian[i, i]), 1e-3 * top))
        largest = max(largest, abs(step[i]) / search.scale[i])
        slope += gradient[i] * step[i]
    factor = -reach / largest if slope > 0.0 else reach / largest
    for i in range(size):
        end = min(max(place[i] + factor * step[i], search.lower[i]), search.upper[i])
        step[i] = end - place[i]
    return max(decrease_of(search), 0.0)


@internal
def _solve(search, number):
    """Newton's step of the free parameters, given the steps of all others; returns the relative shift needed."""
    free, step, factor = search.free, search.step, search.factor
    size = len(step)
    if number == 0:
        return 0.0
    shift, top = 0.0, 0.0
    for index in range(number):
        top = max(top, abs(search.hessian[free[index], free[index]]))
    while not _cholesky(search, number, shift, top):
        shift = _FIRST_SHIFT if shift == 0.0 else 10.0 * shift
        if shift > 1e12:  # not a number somewhere: do not move
            for index in range(number):
                step[free[index]] = 0.0
            return shift
    # The free parameters' own steps do not enter the right-hand side.
    for index in range(number):
        step[free[index]] = 0.0
    right = search.right
    for index in range(number):
        i = free[index]
        total = -search.gradient[i]
        for j in range(size):
            if step[j] != 0.0:
                total -= search.hessian[i, j] * step[j]
        right[index] = total
    _back_substitute(factor, right, number)
    for index in range(number):
        step[free[index]] = right[index]
    return shift


@internal
def _cholesky(search, number, shift, top):
    """Lower factor of the free parameters' Hessian with its diagonal shifted; false if it is not positive."""
    free, factor = search.free, search.factor
    for row in range(number):
        i = free[row]
        for column in range(row + 1):
            total = search.hessian[i, free[column]]
            if row == column:
                size = max(abs(total), 1e-3 * top, 1e-12)
                total += shift * size
            for inner in range(column):
                total -= factor[row, inner] * factor[column, inner]
            if row == column:
                if not total > 1e-13 * size:
                    return False
                factor[row, row] = np.sqrt(total)
            else:
                factor[row, column] = total / factor[column, column]
    return True


@internal
def _back_substitute(factor, right, number):
    """Solve L L^T x = right in place."""
    for row in range(number):
        total = right[row]
        for column in range(row):
            total -= factor[row, column] * right[column]
        right[row] = total / factor[row, row]
    for row in range(number - 1, -1, -1):
        total = right[row]
        for column in range(row + 1, number):
            total -= factor[column, row] * right[column]
        right[row] = total / factor[row, row]
