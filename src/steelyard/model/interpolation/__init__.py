r"""Interpolation of an effect between its values at α = ±1 and at 0, with exact derivatives.

u = ln g⁺ and d = ln g⁻ are everywhere the logarithms of the effect at α = +1 and −1: of one event, or of a yield.

**Code 4** of HistFactory (with α₀ = 1) is exponential outside of ±1 and a polynomial inside,

.. math:: g(\alpha) = e^{\alpha u}\ (\alpha\ge1), \qquad e^{-\alpha d}\ (\alpha\le-1), \qquad
          1+\sum_{i=1}^6 a_i\alpha^i\ (|\alpha|<1).

Value, first and second derivative are continuous at ±1, where the exponentials have g⁽ʲ⁾(1) = eᵘuʲ and
g⁽ʲ⁾(−1) = eᵈ(−d)ʲ. The odd part O = a₁α + a₃α³ + a₅α⁵ and the even part E = a₂α² + a₄α⁴ + a₆α⁶ of the polynomial meet
these six conditions apart from each other. With Oⱼ and Eⱼ their j-th derivatives at 1,

    O₀ = (eᵘ − eᵈ)/2       = a₁ +  a₃ +   a₅        E₀ = (eᵘ + eᵈ)/2 − 1   =  a₂ +   a₄ +   a₆
    O₁ = (eᵘu − eᵈd)/2     = a₁ + 3a₃ +  5a₅        E₁ = (eᵘu + eᵈd)/2     = 2a₂ +  4a₄ +  6a₆
    O₂ = (eᵘu² − eᵈd²)/2   =      6a₃ + 20a₅        E₂ = (eᵘu² + eᵈd²)/2   = 2a₂ + 12a₄ + 30a₆

which gives

    a₁ = (15 O₀ − 7 O₁ + O₂)/8        a₂ = ( 24 E₀ − 9 E₁ + E₂)/8
    a₃ = (−5 O₀ + 5 O₁ − O₂)/4        a₄ = (−12 E₀ + 7 E₁ − E₂)/4
    a₅ = ( 3 O₀ − 3 O₁ + O₂)/8        a₆ = (  8 E₀ − 5 E₁ + E₂)/8.

For g⁺ and g⁻ many powers apart the polynomial turns negative in between. Such a pair, and no other, has the exponential
form at all α instead (:func:`non_positive`): outside of ±1 the two are the same.

**Exponential** is positive for every pair. It is the same construction for the exponent: ln g is linear outside of ±1,
and inside an odd part plus the even polynomial of sixth order with value, first and second derivative of |α| at ±1,

.. math:: \ln g(\alpha) = \alpha u\ (\alpha\ge1), \qquad -\alpha d\ (\alpha\le-1), \qquad
          \frac{u-d}{2}\,\alpha + \frac{u+d}{2}\cdot\frac{15\alpha^2-10\alpha^4+3\alpha^6}{8}\ (|\alpha|<1).

For d = −u it is :math:`e^{\alpha u}` everywhere: the log-normal norm factor.

Sources: CERN-OPEN-2012-016 (HistFactory), codes 4 and, of the exponent, 4p; docs/theory.md 5.
"""

import numpy as np
from numpy.typing import ArrayLike

from steelyard.model.effects import Interpolation
from steelyard.model.interpolation.positivity import SAFE, find_fall_back

Derivatives = tuple[np.ndarray, np.ndarray, np.ndarray]  # value, first and second derivative in alpha


def interpolate(kind: Interpolation, log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """g(α) and its first two derivatives; the arguments broadcast against each other.

    Args:
        kind: ``code4``, ``exponential``, or ``linear``: g = α, a norm factor, which has no ±1σ effects.
        log_up, log_down: ln g at α = +1 and −1.
        alpha: nuisance parameter.
    """
    if kind == "linear":
        value = np.broadcast_arrays(np.asarray(alpha, dtype=float), log_up, log_down)[0]
        return value.copy(), np.ones(value.shape), np.zeros(value.shape)
    if kind == "exponential":
        return exponential(log_up, log_down, alpha)
    up, down, alpha = np.broadcast_arrays(*(np.asarray(item, dtype=float) for item in (log_up, log_down, alpha)))
    result, fallen = code4(up, down, alpha), non_positive(up, down)
    if fallen.any():
        safe = exponential(up, down, alpha)
        result = tuple(np.where(fallen, *both) for both in zip(safe, result, strict=True))
    return result


def code4(log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """Code 4, positive or not, with its first and second derivative in α; the arguments broadcast, float64."""
    up, down, alpha = np.broadcast_arrays(*(np.asarray(item, dtype=float) for item in (log_up, log_down, alpha)))
    polynomial = code4_coefficients(up, down)
    inner = np.clip(alpha, -1.0, 1.0)
    inside = [np.zeros(alpha.shape) for _ in range(3)]
    for power in range(6, 0, -1):
        factor = polynomial[power - 1]
        inside[0] = (inside[0] + factor) * inner
        inside[1] = inside[1] * inner + power * factor
        if power > 1:
            inside[2] = inside[2] * inner + power * (power - 1) * factor
    slope = np.where(alpha > 0.0, up, -down)
    outer = np.exp(np.where(np.abs(alpha) < 1.0, 0.0, alpha * slope))
    within = np.abs(alpha) < 1.0
    return (
        np.where(within, 1.0 + inside[0], outer),
        np.where(within, inside[1], slope * outer),
        np.where(within, inside[2], slope**2 * outer),
    )


def code4_coefficients(log_up: np.ndarray, log_down: np.ndarray) -> np.ndarray:
    """a₁ … a₆ of the polynomial inside ±1, derived above: (...) to (6, ...), float64."""
    up, down = np.asarray(log_up, dtype=float), np.asarray(log_down, dtype=float)
    # expm1: the effects of most events are small, and their differences are what the coefficients are made of.
    up0, down0 = np.expm1(up), np.expm1(down)
    up1, down1 = (up0 + 1.0) * up, (down0 + 1.0) * down
    up2, down2 = up1 * up, down1 * down
    odd0, odd1, odd2 = 0.5 * (up0 - down0), 0.5 * (up1 - down1), 0.5 * (up2 - down2)
    even0, even1, even2 = 0.5 * (up0 + down0), 0.5 * (up1 + down1), 0.5 * (up2 + down2)
    return np.stack(
        [
            (15.0 * odd0 - 7.0 * odd1 + odd2) / 8.0,
            (24.0 * even0 - 9.0 * even1 + even2) / 8.0,
            (-5.0 * odd0 + 5.0 * odd1 - odd2) / 4.0,
            (-12.0 * even0 + 7.0 * even1 - even2) / 4.0,
            (3.0 * odd0 - 3.0 * odd1 + odd2) / 8.0,
            (8.0 * even0 - 5.0 * even1 + even2) / 8.0,
        ]
    )


def exponential(log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
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


def event_values(kind: Interpolation, log_up: np.ndarray, log_down: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """g of many events at many values of one nuisance parameter: (n,), (n,), (P,) to (P, n), without derivatives.

    The same numbers as :func:`interpolate` to rounding, at a fraction of its cost: what depends on the event alone is
    done once for all values.
    """
    up, down, alpha = (np.asarray(item, dtype=float) for item in (log_up, log_down, alpha))
    result = np.empty((len(alpha), len(up)))
    above, below = alpha >= 1.0, alpha <= -1.0
    inside = ~(above | below)
    if inside.any():
        inner = alpha[inside, None]
        even = inner**2 * (15.0 - inner**2 * (10.0 - 3.0 * inner**2)) / 8.0

        def positive(up: np.ndarray, down: np.ndarray) -> np.ndarray:
            return np.exp(0.5 * (even + inner) * up + 0.5 * (even - inner) * down)

        if kind == "code4":
            result[inside] = inner ** np.arange(1, 7) @ code4_coefficients(up, down) + 1.0
            fallen = np.flatnonzero(non_positive(up, down))
            if len(fallen):
                result[np.ix_(inside, fallen)] = positive(up[fallen], down[fallen])
        else:
            result[inside] = positive(up, down)
    if above.any():
        result[above] = np.exp(np.outer(alpha[above], up))
    if below.any():
        result[below] = np.exp(np.outer(-alpha[below], down))
    return result


def non_positive(log_up: ArrayLike, log_down: ArrayLike) -> np.ndarray:
    """Where code 4 is zero or negative at some α, so that the exponential form takes its place: (...) to (...) bool.

    Only the polynomial can be, so |α| < 1 decides whatever the bounds are; and of effects up to a factor of 4.5 none
    is (:mod:`steelyard.model.interpolation.positivity`, which knows for the compiled likelihood too).
    """
    up, down = np.broadcast_arrays(np.asarray(log_up), np.asarray(log_down))
    result = np.zeros(up.shape, dtype=bool)
    large = np.maximum(np.abs(up), np.abs(down)) > SAFE
    if large.any():
        found = np.zeros(int(np.count_nonzero(large)), dtype=bool)
        find_fall_back(up[large].astype(float), down[large].astype(float), found)
        result[large] = found
    return result
