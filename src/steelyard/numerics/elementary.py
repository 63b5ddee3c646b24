"""Logarithm and exponential in plain arithmetic, which the compiler can run in vector lanes.

The C library's functions are calls, one number at a time, and would be most of the time of a likelihood.
"""

import numpy as np

from steelyard.numerics.compilation import internal, internal_exactly

_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
_SQRT2 = 1.4142135623730951
# Adding 1.5 * 2^52 to a small number leaves its nearest integer in the last bits.
_TO_INTEGER = 6755399441055744.0
_EXPONENT_AS_NUMBER = np.uint64(0x4330000000000000)  # 2^52: its last bits hold an integer
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_ONE = np.uint64(0x3FF0000000000000)
_SHIFT = np.uint64(52)


@internal
def _artanh_series(s):
    """artanh(f)/f = 1 + s/3 + s^2/5 + ... with s = f^2, less one and over s."""
    p = 1.0 / 21.0
    p = p * s + 1.0 / 19.0
    p = p * s + 1.0 / 17.0
    p = p * s + 1.0 / 15.0
    p = p * s + 1.0 / 13.0
    p = p * s + 1.0 / 11.0
    p = p * s + 1.0 / 9.0
    p = p * s + 1.0 / 7.0
    p = p * s + 1.0 / 5.0
    return p * s + 1.0 / 3.0


@internal
def _exp_series(r):
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
    return p * r + 1.0


@internal_exactly
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
    p = _artanh_series(s)
    return exponent * _LN2_HIGH + (2.0 * f + (2.0 * f * s * p + exponent * _LN2_LOW))


@internal_exactly
def exp(x):
    """Exponential of a number in [-600, 600] (beyond, that of the bound), to a unit in the last place."""
    x = min(max(x, -600.0), 600.0)
    shifted = x * 1.4426950408889634 + _TO_INTEGER
    whole = shifted - _TO_INTEGER
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = _exp_series(r)
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return p * power


_TO_INTEGER32 = np.float32(12582912.0)
_LN2_HIGH32, _LN2_LOW32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
_INVERSE_LN2_32 = np.float32(1.4426950408889634)
_C7, _C6, _C5 = np.float32(1.0 / 5040.0), np.float32(1.0 / 720.0), np.float32(1.0 / 120.0)
_C4, _C3, _C2 = np.float32(1.0 / 24.0), np.float32(1.0 / 6.0), np.float32(0.5)
_C8, _C9 = np.float32(1.0 / 40320.0), np.float32(1.0 / 362880.0)
_ONE32, _LIMIT32 = np.float32(1.0), np.float32(80.0)

# Up to here the series of :func:`expm1_of_small` is as good as float32 is.
SMALL = 0.75


@internal
def expm1_of_small(x):
    """exp(x) - 1 of a float32 number in [-0.75, 0.75], to a unit in the last place: its series."""
    p = _C9 * x + _C8
    p = p * x + _C7
    p = p * x + _C6
    p = p * x + _C5
    p = p * x + _C4
    p = p * x + _C3
    p = p * x + _C2
    return (p * x) * x + x


@internal
def _expm1_series(r):
    p = _C7
    p = p * r + _C6
    p = p * r + _C5
    p = p * r + _C4
    p = p * r + _C3
    p = p * r + _C2
    return (p * r) * r + r


@internal_exactly
def expm1(x):
    """exp(x) - 1 of a float32 number in [-80, 80] (beyond, that of the bound), to some units in the last place."""
    x = min(max(x, -_LIMIT32), _LIMIT32)
    shifted = x * _INVERSE_LN2_32 + _TO_INTEGER32
    whole = shifted - _TO_INTEGER32
    r = (x - whole * _LN2_HIGH32) - whole * _LN2_LOW32
    p = _expm1_series(r)
    power = np.int32((np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * power + (power - _ONE32)
