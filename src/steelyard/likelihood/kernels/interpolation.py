r"""One effect between its variations, as weights that are formed once for all events.

With u = ln g⁺ and d = ln g⁻, an effect is evaluated in one of two ways (formulas and their derivation:
:mod:`steelyard.model.interpolation`).

*Polynomial*: code 4 inside :math:`|\alpha|<1`. Its coefficients are linear in six functions of the variations,

.. math:: g(\alpha) - 1 = b_0(g^+-1) + b_1(g^--1) + g^+u\,(b_2 + b_4u) + g^-d\,(b_3 + b_5d).

*Exponent*: code 4 outside, and the exponential form everywhere, are

.. math:: \ln g(\alpha) = b_0\,u + b_1\,d,

with :math:`b=(\alpha,0)` above 1, :math:`(0,-\alpha)` below −1, and :math:`b_{0,1}=\frac12(E\pm\alpha)`,
:math:`E=(15\alpha^2-10\alpha^4+3\alpha^6)/8` in between. Derivatives in α are those of the weights.

An effect on which code 4 is not positive somewhere has the exponential form at all α
(:mod:`~steelyard.model.interpolation.positivity`). So the weights of the polynomial are accompanied by those that the
exponent would have, in two further columns.
"""

from steelyard.model.interpolation.positivity import falls_back
from steelyard.numerics.compilation import internal
from steelyard.numerics.elementary import exp

# Columns of the weights: the polynomial's six, or two in their place; then the two for effects that fall back.
WEIGHTS = 8
_FALL_BACK = 6

CODE4, EXPONENTIAL, LINEAR = 0, 1, 2

# Stands for a factor of exactly zero, so that its logarithmic derivatives exist; products with it are exact again. A
# float32 number times it is still one.
TINY = 1e-30


@internal
def interpolation_weights(kind, alpha, weights):
    """Fill the weights (3, 8) of the effect and of its first two derivatives; true if they are of the polynomial."""
    weights[:] = 0.0
    if abs(alpha) >= 1.0:
        side = 0 if alpha > 0.0 else 1
        weights[0, side], weights[1, side] = abs(alpha), 1.0 - 2.0 * side
        return False
    x = alpha
    x2 = x * x
    x4 = x2 * x2
    x6 = x4 * x2
    at = 0 if kind == EXPONENTIAL else _FALL_BACK
    even = (15.0 * x2 - 10.0 * x4 + 3.0 * x6) / 8.0
    weights[0, at], weights[0, at + 1] = 0.5 * (even + x), 0.5 * (even - x)
    even = x * (15.0 - 20.0 * x2 + 9.0 * x4) / 4.0
    weights[1, at], weights[1, at + 1] = 0.5 * (even + 1.0), 0.5 * (even - 1.0)
    weights[2, at] = weights[2, at + 1] = 15.0 * (1.0 - x2) * (1.0 - 3.0 * x2) / 8.0
    if kind == EXPONENTIAL:
        return False
    # The factors of O_0, E_0, O_1, E_1, O_2, E_2, the odd and even parts of g and of its derivatives at 1.
    _fill(
        weights[0],
        x * (15.0 - 10.0 * x2 + 3.0 * x4) / 8.0,
        3.0 * x2 - 3.0 * x4 + x6,
        x * (-7.0 + 10.0 * x2 - 3.0 * x4) / 8.0,
        (-9.0 * x2 + 14.0 * x4 - 5.0 * x6) / 8.0,
        x * (1.0 - 2.0 * x2 + x4) / 8.0,
        (x2 - 2.0 * x4 + x6) / 8.0,
    )
    _fill(
        weights[1],
        (15.0 - 30.0 * x2 + 15.0 * x4) / 8.0,
        x * (6.0 - 12.0 * x2 + 6.0 * x4),
        (-7.0 + 30.0 * x2 - 15.0 * x4) / 8.0,
        x * (-18.0 + 56.0 * x2 - 30.0 * x4) / 8.0,
        (1.0 - 6.0 * x2 + 5.0 * x4) / 8.0,
        x * (2.0 - 8.0 * x2 + 6.0 * x4) / 8.0,
    )
    _fill(
        weights[2],
        x * (-60.0 + 60.0 * x2) / 8.0,
        6.0 - 36.0 * x2 + 30.0 * x4,
        x * (60.0 - 60.0 * x2) / 8.0,
        (-18.0 + 168.0 * x2 - 150.0 * x4) / 8.0,
        x * (-12.0 + 20.0 * x2) / 8.0,
        (2.0 - 24.0 * x2 + 30.0 * x4) / 8.0,
    )
    return True


@internal
def _fill(weights, odd0, even0, odd1, even1, odd2, even2):
    # Half the sum and half the difference over the two variations are the even and the odd part.
    weights[0], weights[1] = 0.5 * (even0 + odd0), 0.5 * (even0 - odd0)
    weights[2], weights[3] = 0.5 * (even1 + odd1), 0.5 * (even1 - odd1)
    weights[4], weights[5] = 0.5 * (even2 + odd2), 0.5 * (even2 - odd2)


@internal
def interpolate(logs, factors, polynomial, weights):
    """g, and its first two derivatives over g, from the weights (3, 8) of :func:`interpolation_weights`.

    Args:
        logs, factors: (2,) u and d, and their exponentials g+ and g-.
        polynomial: which of the two ways.
    """
    log_up, log_down, up, down = logs[0], logs[1], factors[0], factors[1]
    if not polynomial:
        first = weights[1, 0] * log_up + weights[1, 1] * log_down
        second = weights[2, 0] * log_up + weights[2, 1] * log_down
        return exp(weights[0, 0] * log_up + weights[0, 1] * log_down), first, second + first * first
    if falls_back(log_up, log_down):
        first = weights[1, 6] * log_up + weights[1, 7] * log_down
        second = weights[2, 6] * log_up + weights[2, 7] * log_down
        return exp(weights[0, 6] * log_up + weights[0, 7] * log_down), first, second + first * first
    g = 1.0 + _combine(weights[0], log_up, log_down, up, down)
    if abs(g) < TINY:
        g = TINY
    inverse = 1.0 / g
    first = _combine(weights[1], log_up, log_down, up, down) * inverse
    return g, first, _combine(weights[2], log_up, log_down, up, down) * inverse


@internal
def _combine(weights, log_up, log_down, up, down):
    return (
        weights[0] * (up - 1.0)
        + weights[1] * (down - 1.0)
        + up * log_up * (weights[2] + weights[4] * log_up)
        + down * log_down * (weights[3] + weights[5] * log_down)
    )
