"""Plain-arithmetic logarithm and exponential against those of the C library, compiled as the engine compiles them."""

import numpy as np
import pytest
from numba import njit

from steelyard.numerics.elementary import SMALL, exp, expm1, expm1_of_small, log


@njit
def _log(x, y):
    for i in range(len(x)):
        y[i] = log(x[i])


@njit
def _exp(x, y):
    for i in range(len(x)):
        y[i] = exp(x[i])


@njit
def _expm1(x, y):
    for i in range(len(x)):
        y[i] = expm1(x[i])


@njit
def _expm1_of_small(x, y):
    for i in range(len(x)):
        y[i] = expm1_of_small(x[i])


def of(function, x):
    y = np.empty_like(x)
    function(x, y)
    return y


def test_logarithm():
    generator = np.random.default_rng(0)
    x = np.concatenate(
        [np.exp(generator.uniform(-600.0, 600.0, 20_000)), 1.0 + generator.normal(scale=1e-3, size=20_000)]
    )
    np.testing.assert_array_max_ulp(of(_log, x), np.log(x), maxulp=2)
    assert of(_log, np.ones(1))[0] == 0.0


def test_exponential():
    x = np.random.default_rng(1).uniform(-590.0, 590.0, 20_000)
    np.testing.assert_array_max_ulp(of(_exp, x), np.exp(x), maxulp=2)
    np.testing.assert_array_equal(of(_exp, np.array([0.0])), [1.0])
    np.testing.assert_allclose(of(_exp, np.array([700.0, -700.0])), np.exp([600.0, -600.0]), rtol=1e-15)


@pytest.mark.parametrize(("function", "reach"), [(_expm1, 60.0), (_expm1_of_small, SMALL)])
def test_exponential_less_one_of_float32(function, reach):
    x = np.random.default_rng(2).uniform(-reach, reach, 20_000).astype(np.float32)
    x = np.concatenate([x, x * np.float32(1e-4)])
    np.testing.assert_allclose(of(function, x), np.expm1(x.astype(float)), rtol=5e-7)
