"""The inverse of a Hessian in the nuisance parameters: formed from it, and kept up to date with gradients."""

import numpy as np

from steelyard.numerics.compilation import internal


@internal
def invert(hessian, fixed, factor, inverse):
    """Form the inverse of a Hessian's block in alpha; a direction without positive curvature is not followed far.

    Args:
        hessian: (P, P).
        fixed: (P - 1,) nuisance parameters that do not move: the inverse does not mix them with others.
        factor: (P - 1, P - 1) buffers.
        inverse: (P - 1, P - 1) filled.
    """
    nuisances = len(fixed)
    for row in range(nuisances):
        for column in range(row + 1):
            total = hessian[1 + row, 1 + column]
            if fixed[row] or fixed[column]:
                total = 1.0 if row == column else 0.0
            for inner in range(column):
                total -= factor[row, inner] * factor[column, inner]
            if row == column:
                floor = 0.1 * abs(hessian[1 + row, 1 + row]) + 1e-6
                factor[row, row] = np.sqrt(max(total, floor))
            else:
                factor[row, column] = total / factor[column, column]
    # L L^T W = 1, a row of W at a time.
    for row in range(nuisances):
        for column in range(nuisances):
            inverse[row, column] = 1.0 if row == column else 0.0
        for inner in range(row):
            _subtract(factor[row, inner], inverse[inner], inverse[row])
        _divide(inverse[row], factor[row, row])
    for row in range(nuisances - 1, -1, -1):
        for inner in range(row + 1, nuisances):
            _subtract(factor[inner, row], inverse[inner], inverse[row])
        _divide(inverse[row], factor[row, row])


@internal
def bfgs_update(step, rise, along, inverse):
    """Change the inverse (P - 1, P - 1) so that it explains how much the gradient rose (P - 1,) along a step (P - 1,).

    By the formula of Broyden, Fletcher, Goldfarb and Shanno; ``along`` (P - 1,) is work space. Without positive
    curvature along the step nothing is learnt.
    """
    nuisances = len(step)
    for k in range(nuisances):
        along[k] = scalar(inverse[k], rise)
    found, bent = scalar(rise, step), scalar(rise, along)
    if not found > 1e-3 * abs(bent):
        return
    for k in range(nuisances):
        for m in range(nuisances):
            inverse[k, m] += (1.0 + bent / found) * step[k] * step[m] / found
            inverse[k, m] -= (along[k] * step[m] + step[k] * along[m]) / found


@internal
def scalar(left, right):
    """Scalar product of two vectors."""
    total = 0.0
    for k in range(len(left)):
        total += left[k] * right[k]
    return total


@internal
def _subtract(factor, source, target):
    for k in range(len(source)):
        target[k] -= factor * source[k]


@internal
def _divide(numbers, divisor):
    for k in range(len(numbers)):
        numbers[k] /= divisor
