import pickle
import subprocess
import sys

import numpy as np
import pytest

from steelyard.configuration.schema import Parameter, Process
from steelyard.errors import ConfigurationError, ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.parameters import Coordinate

INTERFERENCE = Coefficients(["mu"], ["mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", "1"], {"mu": 1.0})
# Two derivatives of each by hand, as functions of kappa.
HAND = [
    lambda k: np.stack([k**2 - k, k, 1 - k, np.ones_like(k)], axis=-1),
    lambda k: np.stack([2 * k - 1, np.ones_like(k), -np.ones_like(k), np.zeros_like(k)], axis=-1),
    lambda k: np.stack([2 * np.ones_like(k), np.zeros_like(k), np.zeros_like(k), np.zeros_like(k)], axis=-1),
]


def test_interference_is_a_polynomial_of_the_root():
    assert INTERFERENCE.coordinate == Coordinate("kappa", 2, 0.0)
    np.testing.assert_array_equal(INTERFERENCE.polynomial, [[0, -1, 1], [0, 1, 0], [1, -1, 0], [1, 0, 0]])


def test_coefficients_and_derivatives_in_kappa_are_exact_at_zero():
    kappa = np.array([0.0, 0.25, 1.0, 1.5])  # sums and products of these are exact in binary
    for function, expected in zip((INTERFERENCE.at, INTERFERENCE.first, INTERFERENCE.second), HAND, strict=True):
        np.testing.assert_array_equal(function(kappa), expected(kappa))
        np.testing.assert_array_equal(function(0.25), expected(np.float64(0.25)))


def test_value_is_the_same_function_of_the_parameter():
    mu = np.array([0.0, 0.04, 1.0, 9.0])
    kappa = INTERFERENCE.coordinate.from_parameter(mu)
    np.testing.assert_allclose(INTERFERENCE.value(mu), INTERFERENCE.at(kappa), rtol=0, atol=1e-15)
    np.testing.assert_allclose(INTERFERENCE.value({"mu": mu}), INTERFERENCE.at(kappa), rtol=0, atol=1e-15)
    # chain rule: df/dkappa = 2 kappa df/dmu
    gradient = INTERFERENCE.gradient(mu[1:])[..., 0]
    np.testing.assert_allclose(2 * kappa[1:, None] * gradient, INTERFERENCE.first(kappa[1:]), rtol=0, atol=1e-14)
    # d2f/dkappa2 = 4 kappa^2 d2f/dmu2 + 2 df/dmu
    hessian = INTERFERENCE.hessian(mu[1:])[..., 0, 0]
    second = 4 * mu[1:, None] * hessian + 2 * gradient
    np.testing.assert_allclose(second, INTERFERENCE.second(kappa[1:]), rtol=0, atol=1e-14)


def test_the_gradient_in_the_parameter_diverges_where_that_in_kappa_does_not():
    assert np.isneginf(INTERFERENCE.gradient(0.0)[0, 0])
    assert np.all(np.isfinite(INTERFERENCE.first(0.0)))


@pytest.mark.parametrize(
    ("expression", "lower", "power", "polynomial"),
    [
        ("mu", 0.0, 1, True),
        ("mu**2 - 3*mu", -5.0, 1, True),
        ("mu", -1.0, 1, True),
        ("sqrt(mu)", 0.5, 1, False),  # smooth down to its bound
        ("mu**0.5", 0.0, 2, True),
        ("mu**1.5", 0.0, 2, True),  # its second derivative diverges
        ("mu**2.5", 0.0, 1, False),
        ("sqrt(mu**2)", 0.0, 1, True),
        ("sqrt(2*mu)", 0.0, 2, True),
        ("sqrt(mu + 1)", -1.0, 2, True),
        ("sqrt(mu + mu**2)", 0.0, 2, False),
        ("sin(sqrt(mu))", 0.0, 2, False),
        ("mu**(1/3)", 0.0, 3, True),
        ("mu**0.25", 0.0, 4, True),
        ("exp(-mu)*abs(mu - 1)", 0.0, 1, False),
        ("where(mu < 1, mu, 2*mu - 1)", 0.0, 1, False),
        ("minimum(mu, 2)**2", 0.0, 1, False),
    ],
)
def test_the_coordinate_is_the_lowest_root_that_makes_all_smooth(expression, lower, power, polynomial):
    coefficients = Coefficients(["mu"], [expression, "1 - mu"], {}, lower)
    assert coefficients.coordinate.power == power
    assert (coefficients.polynomial is not None) == polynomial
    # Against central differences of the value: their error is h^2 f''' / 6 and h^2 f'''' / 12 with f of order 10.
    mu = lower + np.array([0.3, 0.9, 3.1])
    kappa, h = coefficients.coordinate.from_parameter(mu), 1e-4
    np.testing.assert_allclose(coefficients.at(kappa), coefficients.value(mu), rtol=1e-13, atol=1e-13)
    low, middle, high = (coefficients.at(kappa + step) for step in (-h, 0.0, h))
    np.testing.assert_allclose(coefficients.first(kappa), (high - low) / (2 * h), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(coefficients.second(kappa), (high - 2 * middle + low) / h**2, rtol=1e-5, atol=1e-4)
    start = coefficients.coordinate.from_parameter(lower)
    for function in (coefficients.at, coefficients.first, coefficients.second):
        assert np.all(np.isfinite(function(start)))


@pytest.mark.parametrize(
    "coordinate", [Coordinate("mu", 1), *(Coordinate("kappa", power, -0.5) for power in (2, 3, 4))]
)
def test_coordinates_go_there_and_back(coordinate):
    mu = np.array([[-0.5, 0.0], [1.0, 9.7]])
    kappa = coordinate.from_parameter(mu)
    assert kappa.shape == mu.shape
    np.testing.assert_allclose(coordinate.to_parameter(kappa), mu, rtol=1e-14, atol=1e-15)
    assert coordinate.to_parameter(0.0) == coordinate.origin


def test_the_bound_itself_survives_rounding_and_below_it_is_an_error():
    coordinate = Coordinate("kappa", 2, 0.1)
    assert coordinate.from_parameter(0.1 - 2e-17) == 0.0
    with pytest.raises(ModelError, match=r"-0\.2 is below its lower bound 0\.1"):
        coordinate.from_parameter([-0.2, 0.3])


def test_several_parameters_with_the_others_nominal():
    coefficients = Coefficients(["mu", "kl"], ["mu*kl**2", "sqrt(mu)*kl", "1"], {"mu": 1.0, "kl": 2.0})
    np.testing.assert_array_equal(coefficients.at([0.0, 3.0]), [[0, 0, 1], [36, 6, 1]])
    np.testing.assert_array_equal(coefficients.value({"kl": [2.0, 3.0]}), [[4, 2, 1], [9, 3, 1]])
    np.testing.assert_array_equal(coefficients.gradient({"mu": 4.0, "kl": 3.0}), [[9.0, 24.0], [0.75, 2.0], [0.0, 0.0]])
    hessian = coefficients.hessian({"mu": np.full((5, 7), 4.0)})
    assert hessian.shape == (5, 7, 3, 2, 2)
    np.testing.assert_array_equal(hessian[0, 0], [[[0, 4], [4, 8]], [[-2 / 32, 0.25], [0.25, 0]], [[0, 0], [0, 0]]])
    with pytest.raises(ModelError, match="no parameter 'nu'"):
        coefficients.value({"nu": 1.0})
    with pytest.raises(ModelError, match="'kl' has no value"):
        Coefficients(["mu", "kl"], ["mu*kl"]).at(1.0)


def test_constants_have_the_shape_of_the_grid():
    constant = Coefficients(["mu"], ["1", "exp(0*mu)"])
    assert constant.at(np.ones(4)).shape == (4, 2)
    assert constant.first(np.ones(4)).shape == (4, 2)
    assert constant.gradient(np.ones((4, 3))).shape == (4, 3, 2, 1)


def test_coefficients_without_a_smooth_coordinate_or_with_unknown_names_are_errors():
    with pytest.raises(ConfigurationError, match=r"'log\(mu\)' has no finite value.* mu = 0; .*raise the lower bound"):
        _ = Coefficients(["mu"], ["log(mu)", "mu"]).coordinate
    with pytest.raises(ConfigurationError, match=r"unknown name 'nu' in '2\*nu'; did you mean 'mu'\?"):
        Coefficients(["mu"], ["2*nu"]).at(1.0)


def test_from_configuration_and_pickle():
    parameters = [Parameter(name="mu", nominal=1.0, bounds=(-1.0, 3.0)), Parameter(name="x", nominal=2, bounds=(0, 5))]
    processes = [Process(name="a", coefficient="sqrt(mu + 1)*x"), Process(name="b", coefficient="1")]
    coefficients = Coefficients.from_configuration(parameters, processes)
    assert coefficients.coordinate == Coordinate("kappa", 2, -1.0)
    np.testing.assert_array_equal(coefficients.at(1.5), [3.0, 1.0])
    again = pickle.loads(pickle.dumps(coefficients))
    assert again == coefficients
    np.testing.assert_array_equal(again.at(1.5), [3.0, 1.0])


def test_sympy_is_loaded_only_when_a_coefficient_is_evaluated():
    code = "import sys, steelyard.model.coefficients, steelyard.configuration.schema; print('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
