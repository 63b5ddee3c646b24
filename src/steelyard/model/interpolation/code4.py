r"""Code 4 of HistFactory (with α₀ = 1): exponential outside of ±1 and a polynomial inside.

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

These are linear in six functions of the variations, of which compiled code forms g as

.. math:: g(\alpha) - 1 = b_0(g^+-1) + b_1(g^--1) + g^+u\,(b_2 + b_4u) + g^-d\,(b_3 + b_5d).

For g⁺ and g⁻ many powers apart the polynomial turns negative in between. Such a pair, and no other, has the exponential
form at all α instead (:func:`non_positive`): outside of ±1 the two are the same.

Sources: CERN-OPEN-2012-016 (HistFactory), code 4; docs/theory.md 5.
"""

import numpy as np
from numpy.typing import ArrayLike

from steelyard.model.interpolation import exponential
from steelyard.model.interpolation.exponential import fill_inside
from steelyard.model.interpolation.positivity import SAFE, find_fall_back
from steelyard.model.interpolation.weights import FALL_BACK, Derivatives, outside
from steelyard.numerics.compilation import internal

NAME = "code4"


def derivatives(log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """g and its first two derivatives in α, of the exponential form where code 4 is not positive."""
    up, down, alpha = np.broadcast_arrays(*(np.asarray(item, dtype=float) for item in (log_up, log_down, alpha)))
    result, fallen = code4(up, down, alpha), non_positive(up, down)
    if fallen.any():
        safe = exponential.derivatives(up, down, alpha)
        value, first, second = (np.where(fallen, *both) for both in zip(safe, result, strict=True))
        return value, first, second
    return result


def event_values(log_up: np.ndarray, log_down: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """g of many events at many values: (n,), (n,), (P,) inside ±1 to (P, n)."""
    result = alpha[:, None] ** np.arange(1, 7) @ code4_coefficients(log_up, log_down) + 1.0
    fallen = np.flatnonzero(non_positive(log_up, log_down))
    if len(fallen):
        result[:, fallen] = exponential.event_values(log_up[fallen], log_down[fallen], alpha)
    return result


@internal
def weights(alpha, result):
    """Fill the weights (3, 8) of the effect and of its first two derivatives; true if they are of the polynomial."""
    if outside(alpha, result):
        return False
    fill_inside(alpha, FALL_BACK, result)
    x = alpha
    x2 = x * x
    x4 = x2 * x2
    x6 = x4 * x2
    # The factors of O_0, E_0, O_1, E_1, O_2, E_2, the odd and even parts of g and of its derivatives at 1.
    _fill(
        result[0],
        x * (15.0 - 10.0 * x2 + 3.0 * x4) / 8.0,
        3.0 * x2 - 3.0 * x4 + x6,
        x * (-7.0 + 10.0 * x2 - 3.0 * x4) / 8.0,
        (-9.0 * x2 + 14.0 * x4 - 5.0 * x6) / 8.0,
        x * (1.0 - 2.0 * x2 + x4) / 8.0,
        (x2 - 2.0 * x4 + x6) / 8.0,
    )
    _fill(
        result[1],
        (15.0 - 30.0 * x2 + 15.0 * x4) / 8.0,
        x * (6.0 - 12.0 * x2 + 6.0 * x4),
        (-7.0 + 30.0 * x2 - 15.0 * x4) / 8.0,
        x * (-18.0 + 56.0 * x2 - 30.0 * x4) / 8.0,
        (1.0 - 6.0 * x2 + 5.0 * x4) / 8.0,
        x * (2.0 - 8.0 * x2 + 6.0 * x4) / 8.0,
    )
    _fill(
        result[2],
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
