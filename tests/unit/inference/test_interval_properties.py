"""Confidence sets of any two curves: what lies in them, and what their ends are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from steelyard.inference.intervals import (
    SEARCH_POINTS,
    accepted,
    curve,
    ends,
    one_sided_significance,
    significance,
    wald_threshold,
)

POINTS = np.linspace(0.0, 3.0, 9)
heights = st.lists(
    st.floats(0.0, 8.0, allow_subnormal=False).map(lambda value: round(value, 2)), min_size=9, max_size=9
)
levels = st.floats(0.1, 6.0).map(lambda value: round(value, 2) + 0.005)  # never a point of the curve itself
low, high = POINTS[0], POINTS[-1]


def constant(value):
    return lambda x: np.full(np.shape(x), value)


def inside(x, segments):
    return any(first <= x <= last for first, last in segments)


@examples
@given(heights, levels)
def test_a_point_is_in_the_set_if_and_only_if_t_is_at_most_critical(t, critical):
    drawn = curve(POINTS, t)
    segments = accepted(drawn, constant(critical), low, high, POINTS)
    edges = [end for segment in segments for end in segment]
    assert edges == sorted(edges) and all(low <= end <= high for end in edges)
    for x in np.linspace(low, high, 301):
        if min((abs(x - end) for end in edges), default=1.0) > 1e-6:
            assert inside(x, segments) == (drawn(x) <= critical)


@examples
@given(heights, levels)
def test_ends_are_crossings_or_the_edge_of_the_search(t, critical):
    drawn = curve(POINTS, t)
    segments = accepted(drawn, constant(critical), low, high, POINTS)
    kinds = ends(segments, (low, high), (low, high + 1.0))
    for segment, pair in zip(segments, kinds, strict=True):
        for end, kind, edge in zip(segment, pair, ("bound", "open"), strict=True):
            if kind == "crossing":
                assert drawn(end) == pytest.approx(critical, abs=1e-6)
            else:
                assert kind == edge and end in (low, high)


@examples
@given(heights, levels, st.floats(0.0, 3.0))
def test_a_higher_level_keeps_what_a_lower_one_accepts(t, critical, more):
    drawn = curve(POINTS, t)
    smaller, larger = (accepted(drawn, constant(c), low, high, POINTS) for c in (critical, critical + more))
    for first, last in smaller:
        assert any(a <= first + 1e-9 and last <= b + 1e-9 for a, b in larger)


@examples
@given(heights)
def test_the_best_fit_is_in_every_set(t):
    drawn, best = curve(POINTS, t), POINTS[np.argmin(t)]
    segments = accepted(drawn, constant(min(t) + 1e-3), low, high, [*POINTS, best])
    assert inside(best, segments)


@examples
@given(st.floats(0.05, 2.95), st.floats(1e-7, 1e-4))
def test_a_set_narrower_than_the_search_is_found(place, width):
    """A well between two points that are searched: its minimum is looked for on its own."""
    assert width < (high - low) / SEARCH_POINTS
    (segment,) = accepted(lambda x: (x - place) ** 2 / width**2, constant(1.0), low, high)
    assert segment == pytest.approx((place - width, place + width), abs=1e-9)


@examples
@given(st.floats(1e-6, 1.0 - 1e-6))
def test_significances_are_those_of_walds_thresholds(level):
    assert significance(1.0 - level) == pytest.approx(np.sqrt(wald_threshold(level)), rel=1e-9)
    assert one_sided_significance(0.5 * (1.0 - level)) == pytest.approx(significance(1.0 - level), rel=1e-9)
