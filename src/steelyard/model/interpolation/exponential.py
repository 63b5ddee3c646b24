r"""The exponential form: positive for every pair of variations.

The construction of code 4 for the exponent: ln g is linear outside of ±1, and inside an odd part plus the even
polynomial of sixth order with value, first and second derivative of |α| at ±1,

.. math:: \ln g(\alpha) = \alpha u\ (\alpha\ge1), \qquad -\alpha d\ (\alpha\le-1), \qquad
          \frac{u-d}{2}\,\alpha + \frac{u+d}{2}\cdot\frac{15\alpha^2-10\alpha^4+3\alpha^6}{8}\ (|\alpha|<1).

For d = −u it is :math:`e^{\alpha u}` everywhere: the log-normal norm factor.

Source: CERN-OPEN-2012-016 (HistFactory), code 4p for the exponent; docs/theory.md 5.
"""

import numpy as np
from numpy.typing import ArrayLike

from steelyard.model.interpolation.weights import Derivatives, outside
from steelyard.numerics.compilation import internal

NAME = "exponential"


def derivatives(log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """The form that is always positive, with its first and second derivative in α; the arguments broadcast."""
    up, down, alpha = np.broadcast_arrays(*(np.asarray(item, dtype=float) for item in (log_up, log_down, alpha)))
    odd, even = 0.5 * (up - down), 0.5 * (up + down)
    inner = np.clip(alpha, -1.0, 1.0)
    square = inner**2
    outside = np.abs(alpha) >= 1.0
    slope = np.where(alpha > 0.0, up, -down)
    exponent = np.where(
        outside, alpha * slope, odd * inner + even * square * (15.0 - square * (10.0 - 3.0 * square)) / 8.0
    )
    first = np.where(outside, slope, odd + even * inner * (15.0 - square * (20.0 - 9.0 * square)) / 4.0)
    second = np.where(outside, 0.0, even * 15.0 * (1.0 - square) * (1.0 - 3.0 * square) / 4.0)
    value = np.exp(exponent)
    return value, first * value, (second + first**2) * value


def event_values(log_up: np.ndarray, log_down: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """g of many events at many values: (n,), (n,), (P,) inside ±1 to (P, n)."""
    inner = alpha[:, None]
    even = inner**2 * (15.0 - inner**2 * (10.0 - 3.0 * inner**2)) / 8.0
    return np.exp(0.5 * (even + inner) * log_up + 0.5 * (even - inner) * log_down)


@internal
def weights(alpha, result):
    """Fill the weights (3, 8) of the exponent and of its first two derivatives; never those of a polynomial."""
    if not outside(alpha, result):
        fill_inside(alpha, 0, result)
    return False


@internal
def fill_inside(alpha, at, result):
    """Fill columns ``at`` and the next one with the weights inside of ±1."""
    x = alpha
    x2 = x * x
    x4 = x2 * x2
    x6 = x4 * x2
    even = (15.0 * x2 - 10.0 * x4 + 3.0 * x6) / 8.0
    result[0, at], result[0, at + 1] = 0.5 * (even + x), 0.5 * (even - x)
    even = x * (15.0 - 20.0 * x2 + 9.0 * x4) / 4.0
    result[1, at], result[1, at + 1] = 0.5 * (even + 1.0), 0.5 * (even - 1.0)
    result[2, at] = result[2, at + 1] = 15.0 * (1.0 - x2) * (1.0 - 3.0 * x2) / 8.0
