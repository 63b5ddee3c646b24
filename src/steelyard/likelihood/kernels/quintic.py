"""Smooth functions from their values and derivatives at equidistant knots."""

import numpy as np

from steelyard.numerics.compilation import internal


@internal
def quintic(knots, lowest, step, x):
    """The quintic polynomial through value and two derivatives of the knots (Q, 3) around x, and its derivatives."""
    place = (x - lowest) / step
    left = min(max(int(np.floor(place)), 0), len(knots) - 2)
    u = place - left
    v0, d0, s0 = knots[left, 0], knots[left, 1] * step, knots[left, 2] * step * step
    v1, d1, s1 = knots[left + 1, 0], knots[left + 1, 1] * step, knots[left + 1, 2] * step * step
    rise = v1 - v0
    c3 = 10.0 * rise - 6.0 * d0 - 4.0 * d1 - 1.5 * s0 + 0.5 * s1
    c4 = -15.0 * rise + 8.0 * d0 + 7.0 * d1 + 1.5 * s0 - s1
    c5 = 6.0 * rise - 3.0 * d0 - 3.0 * d1 - 0.5 * s0 + 0.5 * s1
    value = v0 + u * (d0 + u * (0.5 * s0 + u * (c3 + u * (c4 + u * c5))))
    first = d0 + u * (s0 + u * (3.0 * c3 + u * (4.0 * c4 + u * 5.0 * c5)))
    second = s0 + u * (6.0 * c3 + u * (12.0 * c4 + u * 20.0 * c5))
    return value, first / step, second / (step * step)
