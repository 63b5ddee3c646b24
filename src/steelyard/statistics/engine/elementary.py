"""Logarithm and exponential in plain arithmetic, which the compiler can run in vector lanes.

The C library's functions are calls, one number at a time, and would be most of the time of a likelihood.
"""

import numpy as np

from steelyard.statistics.engine.compilation import compiled_exactly

_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
_SQRT2 = 1.4142135623730951
# Adding 1.5 * 2^52 to a small number leaves its nearest integer in the last bits.
_TO_INTEGER = 6755399441055744.0
_EXPONENT_AS_NUMBER = np.uint64(0x4330000000000000)  # 2^52: its last bits hold an integer
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_ONE = np.uint64(0x3FF0000000000000)
_SHIFT = np.uint64(52)


@compiled_exactly
def log(x):
    """Natural logarithm of a positive normal number, to a unit in the last place: 2 artanh((m-1)/(m+1)) + e ln 2."""
    bits = np.float64(x).view(np.uint64)
    exponent = np.uint64((bits >> _SHIFT) | _EXPONENT_AS_NUMBER).view(np.float64) - (4503599627370496.0 + 1023.0)
    mantissa = np.uint64((bits & _MANTISSA) | _ONE).view(np.float64)
    large = 1.0 if mantissa > _SQRT2 else 0.0
    mantissa -= 0.5 * mantissa * large
    exponent += large
    f = (mantissa - 1.0) / (mantissa + 1.0)
    s = f * f
    p = 1.0 / 21.0
    p = p * s + 1.0 / 19.0
    p = p * s + 1.0 / 17.0
    p = p * s + 1.0 / 15.0
    p = p * s + 1.0 / 13.0
    p = p * s + 1.0 / 11.0
    p = p * s + 1.0 / 9.0
    p = p * s + 1.0 / 7.0
    p = p * s + 1.0 / 5.0
    p = p * s + 1.0 / 3.0
    return exponent * _LN2_HIGH + (2.0 * f + (2.0 * f * s * p + exponent * _LN2_LOW))


@compiled_exactly
def exp(x):
    """Exponential of a number in [-700, 700] (beyond, that of the bound), to a unit in the last place."""
    x = min(max(x, -700.0), 700.0)
    shifted = x * 1.4426950408889634 + _TO_INTEGER
    whole = shifted - _TO_INTEGER
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 1.0 / 2.0
    p = p * r + 1.0
    p = p * r + 1.0
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return p * power
