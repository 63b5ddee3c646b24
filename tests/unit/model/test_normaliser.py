from dataclasses import replace

import numpy as np
import pytest
from shape_effects import correlated

from steelyard.errors import ModelError
from steelyard.model.anchor import Anchor
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.interpolation import interpolate
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
from steelyard.regions.normaliser_fit import STEP, build_normaliser


def prepared(*args, **keys):
    systematics, log_g, densities = correlated(*args, **keys)
    return systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities)), log_g, densities


def one_sided(sides, size=0.05, events=4000):
    """Shapes that are one function of x, each with ``up`` alone or with both sides."""
    x = (np.arange(events) + 0.5) / events
    shape = size * np.sqrt(12.0) * (x - 0.5)
    nuisances = tuple(Nuisance(f"shape{k}") for k in range(len(sides)))
    log_g = np.zeros((events, len(sides), 2))
    for k, kind in enumerate(sides):
        log_g[:, k, 0] = shape
        log_g[:, k, 1] = -shape if kind == "both" else 0.0
    log_g -= np.log(np.exp(log_g).mean(axis=0))
    terms = np.stack([np.zeros(len(sides), dtype=np.int64), np.arange(len(sides))], axis=1)
    number = len(sides)
    systematics = Systematics.of(nuisances, np.zeros((1, number, 2)), np.zeros((1, number), dtype=bool), terms)
    return systematics, log_g.astype(np.float32), np.full((events, 1), 1.0 / events)


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
    systematics = systematics.with_effects(
        log_yields=np.zeros((2, 2, 2)),
        factors=np.zeros((2, 2), dtype=bool),
        terms=np.array([[0, 1], [1, 0]]),
    )
    systematics = systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities))
    alpha = np.array([-1.5, 0.25])
    expected = [
        np.log(np.average(interpolate("code4", *log_g[:, t].astype(float).T, alpha[k])[0], weights=densities[:, c]))
        for t, (c, k) in enumerate(systematics.terms)
    ]
    np.testing.assert_allclose(log_normaliser(systematics, alpha), expected, atol=1e-12)
    assert len(systematics.normaliser.pairs) == 0  # one shape each: nothing to pair


def test_the_four_corners_of_a_pair_are_exact():
    """Each quadrant has a factor of its own, with third cumulants (large shapes) and without (small ones)."""
    for size in (0.3, 0.02):
        systematics, log_g, _ = prepared(2, size, events=5000, share=0.9)
        corners = np.array([[a, b] for a in (1.0, -1.0) for b in (1.0, -1.0)])
        exact = np.array([brute_force(systematics, log_g, corner) for corner in corners])
        np.testing.assert_allclose(log_normaliser(systematics, corners)[:, 0], exact, atol=1e-13)
        assert (systematics.normaliser.directions.shape[2] > 0) == (size > 0.1)


@pytest.mark.parametrize(
    ("sides", "old"), [(("up", "up"), (-3.74, 1.25, 1.25, 1.25)), (("up", "both"), (-2.49, 2.50, 0.0, 0.0))]
)
def test_one_sided_shapes(sides, old):
    """Two fully correlated 5 % shapes on 1,000 events: -2 ln L at the corners is that of the exact N.

    One factor for all quadrants was off by ``old`` at (1, 1), (-1, -1) and the two others.
    """
    systematics, log_g, densities = one_sided(sides)
    systematics = systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities))
    corners = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    exact = np.array([brute_force(systematics, log_g, corner) for corner in corners])
    np.testing.assert_allclose(2000.0 * log_normaliser(systematics, corners)[:, 0], 2000.0 * exact, atol=1e-9)
    # The numbers of one factor, fitted to the four corners, are the fault that was there.
    together = exact - [sum(own) for own in _alone_at_corners(systematics, log_g, corners)]
    b = 0.25 * corners.prod(axis=1) @ together
    np.testing.assert_allclose(2000.0 * (b * corners.prod(axis=1) - together)[:2], old[:2], atol=0.15)
    # In between nothing is exact; a unit of -2 ln L would be 0.0005.
    alpha = np.random.default_rng(0).uniform(-2.0, 2.0, size=(40, 2))
    exact = np.array([brute_force(systematics, log_g, point) for point in alpha])
    assert np.abs(2000.0 * (log_normaliser(systematics, alpha)[:, 0] - exact)).max() < 0.1


def _alone_at_corners(systematics, log_g, corners):
    for corner in corners:
        yield [brute_force(systematics, log_g, corner * np.eye(2)[t]) for t in range(2)]


def test_gradient_and_hessian_are_those_of_the_value():
    systematics, *_ = prepared(4, 0.3, events=3000, kind="exponential")
    generator = np.random.default_rng(2)
    quadratic = generator.normal(scale=0.02, size=(1, 4, 4))
    anchor = Anchor(
        np.array([0.5, -1.0, 0.0, 2.0]), np.array([0.1]), quadratic[:, 0], quadratic + quadratic.transpose(0, 2, 1)
    )
    systematics = systematics.with_effects(normaliser=replace(systematics.normaliser, anchor=anchor))
    assert systematics.normaliser.cumulants.any()
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


def test_fifty_correlated_shapes_need_the_pairs_and_the_third_order():
    """The product of normalisers of single shapes misses by 0.006 rms.

    In -2 ln L of 1,000 events: 14 units; with pairs that know no sides it was 1.4, with them 0.6, and with the third
    order it is 0.06, at |alpha| <= 1.
    """
    systematics, log_g, _ = prepared(50, 0.06)
    generator = np.random.default_rng(5)
    alpha = generator.uniform(-1.0, 1.0, size=(20, 50))
    exact = np.array([brute_force(systematics, log_g, point) for point in alpha])
    normaliser = systematics.normaliser
    single = systematics.with_effects(normaliser=replace(normaliser, pair_factors=0.0 * normaliser.pair_factors))
    factorised, whole = (
        np.sqrt(np.mean((log_normaliser(form, alpha)[:, 0] - exact) ** 2)) for form in (single, systematics)
    )
    assert 0.004 < factorised < 0.010
    assert 2000.0 * whole < 0.15


def test_blocks_bound_the_memory_and_change_nothing(monkeypatch):
    systematics, log_g, densities = prepared(3, 0.2, events=5000)
    monkeypatch.setattr("steelyard.regions.normaliser_fit.BLOCK", 700)
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
    bare = systematics.with_effects(terms=np.zeros((0, 2), dtype=np.int64))
    normaliser = build_normaliser(bare, log_g[:, :0], densities)
    assert len(normaliser.table) == 0
    bare = bare.with_effects(normaliser=normaliser)
    np.testing.assert_array_equal(log_normaliser(bare, np.array([[99.0, 0.0]])), [[0.0]])
    systematics = systematics.with_effects(normaliser=Normaliser.none(2))
    np.testing.assert_array_equal(log_normaliser(systematics, np.array([3.0, -4.0])), [0.0])
