r"""Where code 4 is not positive, so that an effect takes the exponential form instead.

Inside ±1 code 4 is a polynomial of sixth order, p(α) = 1 + Σ aᵢ αⁱ, that meets e^{αu} and e^{−αd} at the ends
(:mod:`steelyard.model.interpolation` derives the aᵢ). For g⁺ and g⁻ many powers apart it turns negative in
between. Whether it does is a property of the pair (u, d) = (ln g⁺, ln g⁻) alone, and this module is the only place that
decides it, for events, bins and yields, in numpy as in the compiled likelihood.

The decision is exact. On an interval [x, x + h] the polynomial lies between its smallest and largest Bernstein
coefficient, of which the first and last are its values at the ends: all positive, and so is p; a value that is not, and
p is not; else the interval is halved. A minimum that touches zero to within 10⁻⁶ of an interval counts as zero.
"""

import numpy as np

from steelyard.numerics.compilation import compiled, internal_exactly
from steelyard.numerics.elementary import exp

# With |u| and |d| up to here code 4 is positive: over this square its minimum is 0.22, at the corners' ends themselves
# (on a grid of 301 x 301 pairs and 401 α; also up to 2). No other effect costs more than the comparison.
SAFE = 1.5

# The shortest interval that is looked at.
_SHORTEST = 2.0**-20


@internal_exactly
def falls_back(log_up, log_down):
    """Whether code 4 between g⁺ and g⁻ is zero or negative at some α."""
    u, d = np.float64(log_up), np.float64(log_down)
    if abs(u) <= SAFE and abs(d) <= SAFE:
        return False
    up, down = exp(u), exp(d)
    o0, o1, o2 = 0.5 * (up - down), 0.5 * (up * u - down * d), 0.5 * (up * u * u - down * d * d)
    e0, e1, e2 = 0.5 * (up + down) - 1.0, 0.5 * (up * u + down * d), 0.5 * (up * u * u + down * d * d)
    a1 = (15.0 * o0 - 7.0 * o1 + o2) / 8.0
    a2 = (24.0 * e0 - 9.0 * e1 + e2) / 8.0
    a3 = (-5.0 * o0 + 5.0 * o1 - o2) / 4.0
    a4 = (-12.0 * e0 + 7.0 * e1 - e2) / 4.0
    a5 = (3.0 * o0 - 3.0 * o1 + o2) / 8.0
    a6 = (8.0 * e0 - 5.0 * e1 + e2) / 8.0
    x, h = -1.0, 1.0
    while x < 1.0:
        # The polynomial around x, in units of h.
        c0 = 1.0 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5 + x * a6)))))
        c1 = a1 + x * (2.0 * a2 + x * (3.0 * a3 + x * (4.0 * a4 + x * (5.0 * a5 + x * 6.0 * a6))))
        c2 = a2 + x * (3.0 * a3 + x * (6.0 * a4 + x * (10.0 * a5 + x * 15.0 * a6)))
        c3 = a3 + x * (4.0 * a4 + x * (10.0 * a5 + x * 20.0 * a6))
        c4 = a4 + x * (5.0 * a5 + x * 15.0 * a6)
        c5 = a5 + x * 6.0 * a6
        c1, c2, c3, c4, c5, c6 = c1 * h, c2 * h**2, c3 * h**3, c4 * h**4, c5 * h**5, a6 * h**6
        b1 = c0 + c1 / 6.0
        b2 = c0 + c1 / 3.0 + c2 / 15.0
        b3 = c0 + c1 / 2.0 + c2 / 5.0 + c3 / 20.0
        b4 = c0 + c1 / 1.5 + c2 / 2.5 + c3 / 5.0 + c4 / 15.0
        b5 = c0 + c1 / 1.2 + c2 / 1.5 + c3 / 2.0 + c4 / 3.0 + c5 / 6.0
        b6 = c0 + c1 + c2 + c3 + c4 + c5 + c6
        if c0 > 0.0 and b1 > 0.0 and b2 > 0.0 and b3 > 0.0 and b4 > 0.0 and b5 > 0.0 and b6 > 0.0:
            x += h
            h = min(2.0 * h, 1.0 - x)
        elif c0 <= 0.0 or b6 <= 0.0 or h <= _SHORTEST:
            return True
        else:
            h *= 0.5
    return False


@compiled
def find_fall_back(log_up, log_down, result):
    """Fill ``result`` (n,) with the answers for pairs (n,), (n,), float64."""
    for i in range(len(result)):
        result[i] = falls_back(log_up[i], log_down[i])
