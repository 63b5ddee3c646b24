from dataclasses import replace

import numpy as np
import pytest
from shape_effects import correlated

from steelyard.errors import ModelError
from steelyard.statistics.interpolation import interpolate
from steelyard.statistics.normaliser import STEP, build_normaliser, log_normaliser, log_normaliser_derivatives
from steelyard.statistics.systematics import Normaliser


def prepared(*args, **keys):
    systematics, log_g, densities = correlated(*args, **keys)
    return replace(systematics, normaliser=build_normaliser(systematics, log_g, densities)), log_g, densities


def brute_force(systematics, log_g, alpha):
    """ln E[prod g] at one point (K,), event by event, and the factors."""
    product = np.ones(len(log_g))
    for t, (_, k) in enumerate(systematics.terms):
        up, down = log_g[:, t].astype(float).T
        product *= interpolate(systematics.nuisances[k].interpolation, up, down, alpha[k])[0]
    return np.log(product.mean())


def alone(number, k, values):
    alpha = np.zeros((len(values), number))
    alpha[:, k] = values
    return alpha


@pytest.mark.parametrize("kind", ["code4", "exponential"])
@pytest.mark.parametrize("size", [0.06, 0.3, 1.0])
def test_one_shape_alone_is_exact_at_the_knots_and_between_them(kind, size):
    systematics, log_g, _ = prepared(1, size, events=5000, kind=kind)
    knots = systematics.normaliser.knots
    assert 1.0 in knots and -1.0 in knots and knots[0] == -5.0 and knots[-1] == 5.0
    for place, tolerance in ((knots, 1e-12), (knots[:-1] + 0.5 * STEP, 1e-6)):
        expected = [brute_force(systematics, log_g, [alpha]) for alpha in place]
        np.testing.assert_allclose(log_normaliser(systematics, place[:, None])[:, 0], expected, atol=tolerance)


@pytest.mark.parametrize("kind", ["code4", "exponential"])
def test_the_table_has_the_exact_derivatives(kind):
    systematics, log_g, _ = prepared(1, 0.5, events=2000, kind=kind)
    up, down = log_g[:, 0].astype(float).T
    for knot, row in zip(systematics.normaliser.knots, systematics.normaliser.table[0], strict=True):
        value, first, second = (item.mean() for item in interpolate(kind, up, down, knot))
        expected = [np.log(value), first / value, second / value - (first / value) ** 2]
        np.testing.assert_allclose(row, expected, atol=1e-11)


def test_densities_weigh_the_events_and_each_process_has_its_own():
    systematics, log_g, _ = correlated(2, 0.3, events=4000)
    generator = np.random.default_rng(3)
    densities = np.stack([generator.uniform(size=4000), generator.exponential(size=4000)], axis=1)
    systematics = replace(
        systematics,
        log_yields=np.zeros((2, 2, 2)),
        factors=np.zeros((2, 2), dtype=bool),
        terms=np.array([[0, 1], [1, 0]]),
    )
    systematics = replace(systematics, normaliser=build_normaliser(systematics, log_g, densities))
    alpha = np.array([-1.5, 0.25])
    expected = [
        np.log(np.average(interpolate("code4", *log_g[:, t].astype(float).T, alpha[k])[0], weights=densities[:, c]))
        for t, (c, k) in enumerate(systematics.terms)
    ]
    np.testing.assert_allclose(log_normaliser(systematics, alpha), expected, atol=1e-12)
    assert len(systematics.normaliser.pairs) == 0  # one shape each: nothing to pair


def test_pairs_take_the_mean_of_the_four_corners():
    """b is fitted by least squares: the residual has no component along the product of the two parameters."""
    systematics, log_g, _ = prepared(2, 0.2, events=5000, share=0.9)
    corners = np.array([[a, b] for a in (1.0, -1.0) for b in (1.0, -1.0)])
    exact = np.array([brute_force(systematics, log_g, corner) for corner in corners])
    left = exact - log_normaliser(systematics, corners)[:, 0]
    product = corners.prod(axis=1)
    assert abs(systematics.normaliser.pair_factors[0]) > 0.005
    assert abs(left @ product) < 1e-12
    # And it is the covariance of the slopes, up to corrections of the fourth order in shapes of 20 %.
    slopes = [interpolate("code4", *log_g[:, t].astype(float).T, 0.0)[1] for t in range(2)]
    covariance = np.cov(slopes, bias=True)[0, 1]
    assert systematics.normaliser.pair_factors[0] == pytest.approx(covariance, abs=5.0 * 0.2**4)


def test_gradient_and_hessian_are_those_of_the_value():
    systematics, *_ = prepared(4, 0.3, events=3000, kind="exponential")
    generator = np.random.default_rng(8)
    for alpha in generator.uniform(-3.0, 3.0, size=(3, 4)):
        value, gradient, hessian = log_normaliser_derivatives(systematics, alpha)
        np.testing.assert_allclose(value, log_normaliser(systematics, alpha), rtol=1e-14)
        up, down = (
            [log_normaliser_derivatives(systematics, alpha + step) for step in sign * 1e-4 * np.eye(4)]
            for sign in (1.0, -1.0)
        )
        slopes, curvatures = (
            [(high[order][0] - low[order][0]) / 2e-4 for high, low in zip(up, down, strict=True)] for order in (0, 1)
        )
        # Central differences are off by h^2/6 times third derivatives of order size^3, and by rounding over h.
        np.testing.assert_allclose(gradient[0], slopes, atol=1e-8)
        np.testing.assert_allclose(hessian[0], curvatures, atol=1e-7)
        np.testing.assert_array_equal(hessian[0], hessian[0].T)


def test_fifty_correlated_shapes_need_the_pairs():
    """DESIGN 1.6: the product of normalisers of single shapes misses by 0.006 rms; the pairs leave a fifth of that."""
    systematics, log_g, _ = prepared(50, 0.06)
    generator = np.random.default_rng(5)
    alpha = generator.uniform(-1.0, 1.0, size=(20, 50))
    exact = np.array([brute_force(systematics, log_g, point) for point in alpha])
    normaliser = systematics.normaliser
    single = replace(systematics, normaliser=replace(normaliser, pair_factors=0.0 * normaliser.pair_factors))
    factorised, pairs = (
        np.sqrt(np.mean((log_normaliser(form, alpha)[:, 0] - exact) ** 2)) for form in (single, systematics)
    )
    assert 0.004 < factorised < 0.010
    assert pairs < 0.3 * factorised
    # The rest, from three and more shapes together, is still a unit of -2 ln L for 1000 events: it has to be told.
    assert 2.0 * 1000.0 * pairs > 1.0


def test_blocks_bound_the_memory_and_change_nothing(monkeypatch):
    systematics, log_g, densities = prepared(3, 0.2, events=5000)
    monkeypatch.setattr("steelyard.statistics.normaliser.BLOCK", 700)
    again = build_normaliser(systematics, log_g, densities)
    np.testing.assert_allclose(again.table, systematics.normaliser.table, atol=1e-13)
    np.testing.assert_allclose(again.pair_factors, systematics.normaliser.pair_factors, atol=1e-13)


def test_narrow_bounds_have_a_narrow_table():
    systematics, log_g, _ = prepared(1, 0.3, events=2000, bounds=(-0.3, 1.0))
    knots = systematics.normaliser.knots
    assert knots[0] == -0.375 and knots[-1] == 1.0
    expected = brute_force(systematics, log_g, [-0.3])
    assert log_normaliser(systematics, np.array([-0.3]))[0] == pytest.approx(expected, abs=1e-8)
    with pytest.raises(ModelError, match=r"shape0 is outside of \[-0.375, 1\]"):
        log_normaliser(systematics, np.array([1.01]))


def test_an_expectation_that_is_not_positive_is_an_error():
    systematics, log_g, densities = correlated(1, 0.1, events=100)
    log_g[:] = [200.0, -4.0]  # beyond the range of numbers at 5
    with np.errstate(over="ignore"), pytest.raises(ModelError, match="shape0 on process number 1"):
        build_normaliser(systematics, log_g, densities)


def test_without_shapes_there_is_nothing_to_normalise():
    systematics, log_g, densities = correlated(2, 0.1, events=100)
    bare = replace(systematics, terms=np.zeros((0, 2), dtype=np.int64))
    normaliser = build_normaliser(bare, log_g[:, :0], densities)
    assert len(normaliser.table) == 0
    bare = replace(bare, normaliser=normaliser)
    np.testing.assert_array_equal(log_normaliser(bare, np.array([[99.0, 0.0]])), [[0.0]])
    systematics = replace(systematics, normaliser=Normaliser.none(2))
    np.testing.assert_array_equal(log_normaliser(systematics, np.array([3.0, -4.0])), [0.0])
