r"""Where searches for the minima of the profile likelihood begin.

The likelihood of an interfering signal has two minima in kappa. To second order in what the nuisance parameters move,
the profile at :math:`\kappa_j` is known from one point :math:`\alpha^*`:

.. math:: \min_\alpha\big[-2\ln L(\kappa_j,\alpha)\big] \approx -2\ln L(\kappa_j,\alpha^*)
          - \tfrac12\,g_j^TH^{-1}g_j, \qquad \hat\alpha(\kappa_j)\approx\alpha^*-H^{-1}g_j

with the exact gradient :math:`g_j` in α at every point of the grid and the Hessian in α at one. Its local minima, ends
included, are where searches start.
"""

import numpy as np

from steelyard.statistics.engine.compilation import compiled, internal
from steelyard.statistics.engine.newton import back_substitute, copy


@compiled
def predict_profile(values, gradients, hessian, alpha, bounds, profile, predicted, factor, shift):
    """Fill the expected profile and conditional fits along a slice.

    Args:
        values: (G,) -2 ln L of the slice; ``inf`` where forbidden.
        gradients: (G, 1 + K) there.
        hessian: (1 + K, 1 + K) at one point.
        alpha: (K,) of the slice.
        bounds: (1 + K, 2).
        profile: (G,) filled.
        predicted: (G, K) filled, within the bounds.
        factor, shift: room, (K, K) and (K,) at least.
    """
    nuisances = len(alpha)
    for row in range(nuisances):
        for column in range(row + 1):
            total = hessian[1 + row, 1 + column]
            for inner in range(column):
                total -= factor[row, inner] * factor[column, inner]
            if row == column:
                # A direction without positive curvature is not followed far.
                floor = 1e-3 * abs(hessian[1 + row, 1 + row]) + 1e-6
                factor[row, row] = np.sqrt(max(total, floor))
            else:
                factor[row, column] = total / factor[column, column]
    for point in range(len(values)):
        profile[point] = values[point]
        copy(alpha, predicted[point])
        if not np.isfinite(values[point]) or not nuisances:
            continue
        for k in range(nuisances):
            shift[k] = -gradients[point, 1 + k]
        back_substitute(factor, shift, nuisances)
        gain = 0.0
        for k in range(nuisances):
            gain -= 0.5 * gradients[point, 1 + k] * shift[k]
            predicted[point, k] = min(max(alpha[k] + shift[k], bounds[1 + k, 0]), bounds[1 + k, 1])
        profile[point] -= gain


@internal
def minima_of(profile, order):
    """Fill the places of the local minima of a curve, ends included, deepest first; returns their number.

    A plateau counts once, at its left end; ``inf`` is never a minimum.
    """
    number = 0
    for j in range(len(profile)):
        left = profile[j - 1] if j > 0 else np.inf
        right = profile[j + 1] if j + 1 < len(profile) else np.inf
        if np.isfinite(profile[j]) and profile[j] < left and profile[j] <= right:
            place = number
            while place > 0 and profile[order[place - 1]] > profile[j]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = j
            number += 1
    return number
