"""What interpolation promises of any pair of effects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from steelyard.model.interpolation import event_values, interpolate
from steelyard.model.interpolation.exponential import derivatives as exponential
from steelyard.model.interpolation.positivity import SAFE

effects = st.floats(-SAFE, SAFE, allow_subnormal=False)  # where code 4 is positive for every pair
places = st.floats(-5.0, 5.0, allow_subnormal=False)
kinds = pytest.mark.parametrize("kind", ["code4", "exponential"])


@kinds
@examples
@given(effects, effects)
def test_the_given_effects_are_met_and_nothing_happens_at_zero(kind, up, down):
    found = interpolate(kind, up, down, [-1.0, 0.0, 1.0])[0]
    np.testing.assert_allclose(found, [np.exp(down), 1.0, np.exp(up)], rtol=1e-13)


@kinds
@examples
@given(effects, effects, st.sampled_from((-1.0, 1.0)))
def test_value_and_two_derivatives_go_on_where_the_forms_meet(kind, up, down, edge):
    """Over a distance of 1e-9 only the jumping third derivative could show, 1e3 at most here."""
    inside, outside = (interpolate(kind, up, down, edge * (1.0 + side * 1e-9)) for side in (-1.0, 1.0))
    np.testing.assert_allclose(inside, outside, rtol=1e-7, atol=1e-5)


@kinds
@examples
@given(effects, effects, places)
def test_up_and_down_are_mirror_images(kind, up, down, alpha):
    value, slope, curvature = interpolate(kind, up, down, alpha)
    mirrored = interpolate(kind, down, up, -alpha)
    np.testing.assert_allclose([value, -slope, curvature], mirrored, rtol=1e-9, atol=1e-11)


@kinds
@examples
@given(effects, effects, places)
def test_the_effect_is_positive(kind, up, down, alpha):
    assert interpolate(kind, up, down, alpha)[0] > 0.0


@kinds
@examples
@given(effects, effects, places)
def test_derivatives_are_those_of_the_value(kind, up, down, alpha):
    """Central differences, whose error is h²/6 of the next derivative but one, which jumps at ±1: keep h away."""
    step = 1e-5
    if abs(abs(alpha) - 1.0) < 2.0 * step:
        return
    value, slope, curvature = interpolate(kind, up, down, alpha + step * np.array([-1.0, 0.0, 1.0]))
    size = max(1.0, value.max(), np.abs(slope).max(), np.abs(curvature).max())
    assert (value[2] - value[0]) / (2.0 * step) == pytest.approx(slope[1], abs=1e-8 * size)
    assert (slope[2] - slope[0]) / (2.0 * step) == pytest.approx(curvature[1], abs=1e-7 * size)


@examples
@given(effects, effects, effects, effects, places)
def test_exponential_effects_multiply(up, down, other_up, other_down, alpha):
    product = exponential(up, down, alpha)[0] * exponential(other_up, other_down, alpha)[0]
    assert exponential(up + other_up, down + other_down, alpha)[0] == pytest.approx(product, rel=1e-12)


@kinds
@examples
@given(st.lists(st.tuples(effects, effects), min_size=1, max_size=6), st.lists(places, min_size=1, max_size=4))
def test_many_events_at_many_points_are_the_same_numbers(kind, pairs, alpha):
    up, down = np.array(pairs).T
    expected = interpolate(kind, up, down, np.array(alpha)[:, None])[0]
    np.testing.assert_allclose(event_values(kind, up, down, np.array(alpha)), expected, rtol=1e-12)
