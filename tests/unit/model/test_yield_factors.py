import numpy as np
import pytest
from interference_effects import NUISANCES, inputs

from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.interpolation import interpolate
from steelyard.model.interpolation.code4 import code4
from steelyard.model.interpolation.exponential import derivatives as exponential
from steelyard.model.mixture import Mixture
from steelyard.model.yield_factors import response, total_yield_factors, yield_factors
from steelyard.regions.varied_intensities import process_factors, shape_products, total_intensities, varied_intensities


@pytest.fixture(scope="module")
def model():
    return inputs(2000).build()


ALPHA = np.array([0.7, -1.3, 0.4, 0.6, 1.8])


def test_yield_factors_are_interpolated_where_there_is_an_effect(model):
    value, first, second = yield_factors(model.systematics, ALPHA)
    np.testing.assert_allclose(value[:, 0], 1.017**0.7, rtol=1e-14)
    np.testing.assert_allclose(value[:3, 1], np.exp(1.3 * np.log(0.91)), rtol=1e-14)
    expected = interpolate("code4", np.log(1.05), np.log(0.97), 0.6)
    np.testing.assert_allclose([value[3, 3], first[3, 3], second[3, 3]], expected, rtol=1e-14)
    np.testing.assert_array_equal([value[3, 4], first[3, 4], second[3, 4]], [1.8, 1.0, 0.0])
    untouched = np.ones((4, 5), dtype=bool)
    untouched[:, 0] = untouched[:3, 1] = untouched[3, 3] = untouched[3, 4] = False
    assert (value[untouched] == 1.0).all() and (first[untouched] == 0.0).all()


def test_points_of_any_shape(model):
    points = np.stack([ALPHA, 0.5 * ALPHA, model.systematics.nominal]).reshape(3, 1, 5)
    total = total_yield_factors(model.systematics, points)
    assert total.shape == (3, 1, 4)
    np.testing.assert_allclose(total[1, 0], response(model.systematics, 0.5 * ALPHA).value, rtol=1e-14)
    np.testing.assert_array_equal(total[2, 0], 1.0)


def test_gradient_and_hessian_are_those_of_the_value(model):
    found = response(model.systematics, ALPHA)
    steps = 1e-5 * np.eye(5)
    up, down = (total_yield_factors(model.systematics, ALPHA + sign * steps) for sign in (1, -1))
    np.testing.assert_allclose(found.gradient.T, (up - down) / 2e-5, atol=1e-9)
    up, down = (
        np.stack([response(model.systematics, ALPHA + sign * step).gradient for step in steps]) for sign in (1, -1)
    )
    np.testing.assert_allclose(found.hessian.transpose(1, 0, 2), (up - down) / 2e-5, atol=1e-9)
    np.testing.assert_allclose(found.hessian, found.hessian.transpose(0, 2, 1), rtol=1e-14)


def test_derivatives_exist_where_a_norm_factor_is_zero(model):
    alpha = ALPHA.copy()
    alpha[4] = 0.0
    found, near = response(model.systematics, alpha), response(model.systematics, alpha + np.eye(5)[4])
    assert found.value[3] == 0.0
    # G of the process is proportional to the factor: its slope is G at factor one, wherever it is taken.
    np.testing.assert_allclose(found.gradient[3, 4], near.value[3], rtol=1e-14)
    np.testing.assert_allclose(found.hessian[3, 4], near.gradient[3] * (np.arange(5) != 4), rtol=1e-14)


def test_rates_of_events_at_a_point_are_the_formula(model):
    """One process after the other, with the definitions of g, G and N."""
    systematics, log_g = model.systematics, model.log_g.astype(float)
    factors = process_factors(systematics, ALPHA)
    expected = model.intensities * factors
    for t, (c, k) in enumerate(systematics.terms):
        kind = NUISANCES[k].interpolation
        expected[:, c] *= interpolate(kind, log_g[:, t, 0], log_g[:, t, 1], ALPHA[k])[0]
    np.testing.assert_allclose(
        varied_intensities(systematics, model.intensities, model.log_g, ALPHA), expected, rtol=1e-12
    )


def test_each_process_integrates_to_its_varied_yield(model):
    """What the normaliser is for: yields alone move the integral, shapes do not; N_c of one shape alone is exact."""
    for alpha in (ALPHA * [1, 1, 0, 1, 1], ALPHA * [1, 0, 1, 1, 1]):
        intensities = varied_intensities(model.systematics, model.intensities, model.log_g, alpha)
        expected = model.mixture.yields * total_yield_factors(model.systematics, alpha)
        np.testing.assert_allclose(model.weights @ intensities, expected, rtol=1e-7)


def test_many_points_at_once_are_the_same_intensities(model):
    coefficients = model.mixture.coefficients_along(0.8)[0]
    points = np.stack([ALPHA, -0.5 * ALPHA, model.systematics.nominal])
    found = total_intensities(model.systematics, coefficients, model.intensities, model.log_g, points)
    for row, point in zip(found, points, strict=True):
        expected = varied_intensities(model.systematics, model.intensities, model.log_g, point) @ coefficients
        np.testing.assert_allclose(row, expected, rtol=1e-11)


def test_events_stay_where_they_are_at_the_nominal_point(model):
    nominal = model.systematics.nominal
    np.testing.assert_array_equal(
        varied_intensities(model.systematics, model.intensities, model.log_g, nominal), model.intensities
    )
    assert (shape_products(model.systematics, model.log_g, nominal[None], 0) == 1.0).all()


def test_blocks_bound_the_memory_and_change_nothing(model, monkeypatch):
    expected = varied_intensities(model.systematics, model.intensities, model.log_g, ALPHA)
    monkeypatch.setattr("steelyard.regions.varied_intensities.BLOCK", 300)
    found = varied_intensities(model.systematics, model.intensities, model.log_g, ALPHA)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_no_nuisance_parameter_at_all():
    none = Systematics.none(3)
    np.testing.assert_array_equal(total_yield_factors(none, np.zeros((2, 0))), np.ones((2, 3)))
    found = response(none, np.zeros(0))
    assert found.value.tolist() == [1.0] * 3 and found.gradient.shape == (3, 0) and found.hessian.shape == (3, 0, 0)


def test_yields_that_code_4_would_make_negative_are_exponential_in_numpy_and_compiled_alike():
    """30 and 1/40: the polynomial is negative inside ±1. Another process with the same parameter keeps code 4."""
    log_yields = np.log([[[40.0, 1.0 / 40.0]], [[1.1, 0.95]]])
    systematics = Systematics.of(
        (Nuisance("scale"),), log_yields, np.zeros((2, 1), dtype=bool), np.zeros((0, 2), dtype=np.int64)
    )
    mixture = Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.array([3.0, 9.0]), (0.0, 5.0))
    likelihood = Likelihood.of(mixture, np.array([[3.0, 9.0]]), np.array([12.0]), systematics)
    for alpha in (-2.0, -0.8, -0.3, 0.2, 0.7, 1.5):
        factors = total_yield_factors(systematics, np.array([alpha]))
        assert factors[0] == pytest.approx(exponential(*log_yields[0, 0], alpha)[0], rel=1e-12)
        assert factors[1] == code4(*log_yields[1, 0], alpha)[0]
        expected = factors @ [3.0, 9.0]
        value = 2.0 * (expected - 12.0 * np.log(expected)) + alpha**2
        assert likelihood.value(1.0, [alpha])[0] == pytest.approx(value, rel=1e-12)
        h = 1e-4
        ends = [likelihood.value(1.0, [alpha + step])[0] for step in (h, -h)]
        assert likelihood.expansion(1.0, [alpha]).gradient[1] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5)
