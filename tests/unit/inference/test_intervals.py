import numpy as np
import pytest

from steelyard.inference.intervals import accepted, curve, ends, one_sided_significance, significance, wald_threshold


def level_at(value):
    return lambda x: np.full_like(x, value, dtype=float)


def test_segments_end_at_the_crossings():
    segments = accepted(np.square, level_at(2.0), -3.0, 3.0)
    assert segments == [(pytest.approx(-np.sqrt(2.0)), pytest.approx(np.sqrt(2.0)))]


@pytest.mark.parametrize(("offset", "expected"), [(10.0, []), (-10.0, [(-3.0, 3.0)])])
def test_nothing_and_everything(offset, expected):
    assert accepted(lambda x: np.square(x) + offset, level_at(0.0), -3.0, 3.0) == expected


@pytest.mark.parametrize("centre", [1.0, 0.12345, 2.999])
def test_a_set_narrower_than_the_distance_of_the_search_is_not_lost(centre):
    """3 units are searched at 2,001 points, 0.0015 apart; the set is 2e-5 wide."""
    segments = accepted(lambda x: 1e10 * np.square(x - centre), level_at(1.0), 0.0, 3.0)
    np.testing.assert_allclose(segments, [(centre - 1e-5, centre + 1e-5)], atol=1e-8)


def test_a_hole_narrower_than_the_distance_of_the_search_is_not_lost():
    segments = accepted(lambda x: 2.0 - 1e10 * np.square(x - 1.0002), level_at(1.0), 0.0, 3.0)
    np.testing.assert_allclose(np.array(segments), [(0.0, 1.0002 - 1e-5), (1.0002 + 1e-5, 3.0)], atol=1e-8)


def test_a_set_of_one_point_is_found_where_the_curve_has_its_point():
    """The best fit is always accepted, however narrow its basin: a kink that no search of minima would meet."""

    def t(x):
        return np.where(np.abs(x - 1.00037) < 1e-6, 0.0, 10.0)

    assert accepted(t, level_at(1.0), 0.0, 3.0) == []
    ((low, high),) = accepted(t, level_at(1.0), 0.0, 3.0, places=[1.00037])
    assert low <= 1.00037 <= high and high - low < 1e-4


def test_an_end_is_a_crossing_a_bound_or_open():
    """The parameter in [0, 5], searched in [0, 3]: what reaches 3 goes on beyond, what reaches 0 cannot."""
    segments = [(0.0, 0.5), (1.96, 3.0)]
    assert ends(segments, (0.0, 3.0), (0.0, 5.0)) == [("bound", "crossing"), ("crossing", "open")]
    assert ends(segments, (0.0, 3.0), (0.0, 3.0)) == [("bound", "crossing"), ("crossing", "bound")]
    assert ends([(0.5, 3.0)], (0.5, 3.0), (0.0, 5.0)) == [("open", "open")]
    assert ends([], (0.0, 3.0), (0.0, 5.0)) == []


def test_a_curve_through_points_overshoots_nowhere():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([0.0, 0.0, 5.0, 5.0])
    values = curve(x, y)(np.linspace(0.0, 3.0, 301))
    assert values.min() >= 0.0 and values.max() <= 5.0


def test_a_curve_is_infinite_around_an_infinite_value():
    """Too few toys at one point: nothing is excluded from there to its neighbours, and as before elsewhere."""
    critical = curve(np.arange(5.0), np.array([1.0, 1.0, np.inf, 1.0, 1.0]))
    assert critical(np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])).tolist() == [1.0, 1.0, *3 * [np.inf], 1.0, 1.0]
    assert accepted(level_at(2.0), critical, 0.0, 4.0) == [(pytest.approx(1.0), pytest.approx(3.0))]
    assert np.isinf(curve(np.arange(2.0), np.array([np.inf, 1.0]))(np.array(0.5)))


def test_wald_and_significance_know_the_normal_distribution():
    assert wald_threshold(0.682689492137) == pytest.approx(1.0, abs=1e-9)
    assert wald_threshold(0.954499736104) == pytest.approx(4.0, abs=1e-9)
    assert significance(2 * 0.15865525393) == pytest.approx(1.0, abs=1e-9)
    assert one_sided_significance(0.15865525393) == pytest.approx(1.0, abs=1e-9)


def test_one_p_value_has_two_readings():
    assert significance(5.5e-4) == pytest.approx(3.46, abs=0.005)
    assert one_sided_significance(5.5e-4) == pytest.approx(3.26, abs=0.005)
    assert significance(1.0) == one_sided_significance(0.7) == 0.0
