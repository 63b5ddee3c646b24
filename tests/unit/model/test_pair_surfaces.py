"""Pairs of large shapes: the table of what the pair form leaves."""

from dataclasses import replace

import numpy as np
import one_sided_search
import pytest
from joint_normaliser import JointNormaliser

from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import from_arrays, to_arrays
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
from steelyard.regions.varied_intensities import total_intensities

KINDS = {"one-sided": (0.0, 0.0), "one and two": (0.0, 1.0), "two-sided": (1.0, 1.0)}


def in_units(model, points):
    """What the form leaves of the joint expectation, in -2 ln L of 1,000 events."""
    joint = JointNormaliser.over(
        model.systematics, model.log_g.astype(float), model.weights[:, None] * model.intensities
    )
    return 2000.0 * (joint.value(points) - log_normaliser(model.systematics, points))[:, 1]


@pytest.mark.parametrize("sides", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize(("size", "within", "anywhere"), [(0.1, 0.02, 0.1), (0.2, 0.1, 1.0)])
def test_the_form_holds_wherever_a_fit_may_go(size, within, anywhere, sides):
    """By pairs alone it was off by up to 287 units at the bounds, which are minima then."""
    points = np.random.default_rng(0).uniform(-5.0, 5.0, size=(200, 2))
    left = np.abs(in_units(one_sided_search.model(size, sides=sides), points))
    assert left.max() < anywhere
    assert left[np.abs(points).max(axis=1) < 2.0].max() < within


def test_small_shapes_have_no_table():
    assert len(one_sided_search.model(0.02).systematics.normaliser.surface_pairs) == 0


def test_the_table_is_zero_where_the_pair_form_is_exact():
    model = one_sided_search.model(0.2)
    normaliser = model.systematics.normaliser
    bare = model.systematics.with_effects(
        normaliser=replace(normaliser, surface_pairs=np.zeros((0, 2), dtype=np.int64))
    )
    exact = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [0, 0], [2.3, 0], [0, -4.1]], dtype=float)
    np.testing.assert_allclose(log_normaliser(model.systematics, exact), log_normaliser(bare, exact), atol=1e-12)


def test_the_engine_has_the_same_value_and_derivatives():
    model = one_sided_search.model(0.2, sides=(0.0, 1.0))
    systematics, rows = model.systematics, np.arange(0, 4000, 7)
    likelihood = Likelihood.of(model.mixture, model.intensities[rows], None, systematics, model.log_g[rows])
    coefficients = model.mixture.coefficients_along(1.2)[0]
    for alpha in (np.array(point) for point in ([0.7, -1.3], [-2.2, 3.1], [4.6, 4.3], [-4.9, 4.9])):
        here = likelihood.expansion(1.2, alpha)
        intensities = total_intensities(
            systematics, coefficients, model.intensities[rows], model.log_g[rows], alpha[None]
        )[0]
        expected = 2.0 * coefficients @ model.mixture.yields - 2.0 * np.log(intensities).sum() + alpha @ alpha
        assert here.value == pytest.approx(expected, abs=1e-3)
        for k, step in enumerate(1e-3 * np.eye(2)):
            up, down = (likelihood.expansion(1.2, alpha + sign * step) for sign in (1.0, -1.0))
            assert (up.value - down.value) / 2e-3 == pytest.approx(here.gradient[1 + k], rel=1e-3, abs=0.05)
            found = (up.gradient - down.gradient) / 2e-3
            np.testing.assert_allclose(found, here.hessian[1 + k], rtol=1e-3, atol=0.2)


def test_derivatives_of_the_form_are_those_of_its_value():
    systematics, alpha = one_sided_search.model(0.2).systematics, np.array([2.3, -3.7])
    _, gradient, hessian = log_normaliser_derivatives(systematics, alpha)
    ends = [[alpha + sign * step for sign in (1.0, -1.0)] for step in 1e-5 * np.eye(2)]
    slopes = [(log_normaliser(systematics, up) - log_normaliser(systematics, down)) / 2e-5 for up, down in ends]
    np.testing.assert_allclose(np.array(slopes).T, gradient, atol=1e-8)
    bends = [
        (log_normaliser_derivatives(systematics, up)[1] - log_normaliser_derivatives(systematics, down)[1]) / 2e-5
        for up, down in ends
    ]
    np.testing.assert_allclose(np.moveaxis(bends, 0, 1), hessian, atol=1e-7)


def test_round_trip():
    systematics = one_sided_search.model(0.2).systematics
    back = from_arrays(to_arrays(systematics))
    points = np.array([[2.0, -3.0], [4.0, 4.5]])
    np.testing.assert_array_equal(log_normaliser(back, points), log_normaliser(systematics, points))
