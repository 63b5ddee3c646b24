import numpy as np
import pytest

from steelyard.statistics.intervals import accepted, curve, significance, wald_threshold


def test_segments_end_at_the_crossings():
    segments = accepted(np.square, lambda x: np.full_like(x, 2.0), -3.0, 3.0)
    assert segments == [(pytest.approx(-np.sqrt(2.0)), pytest.approx(np.sqrt(2.0)))]


@pytest.mark.parametrize(("offset", "expected"), [(10.0, []), (-10.0, [(-3.0, 3.0)])])
def test_nothing_and_everything(offset, expected):
    assert accepted(lambda x: np.square(x) + offset, lambda x: np.zeros_like(x), -3.0, 3.0) == expected


def test_a_curve_through_points_overshoots_nowhere():
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([0.0, 0.0, 5.0, 5.0])
    values = curve(x, y)(np.linspace(0.0, 3.0, 301))
    assert values.min() >= 0.0 and values.max() <= 5.0


def test_wald_and_significance_know_the_normal_distribution():
    assert wald_threshold(0.682689492137) == pytest.approx(1.0, abs=1e-9)
    assert wald_threshold(0.954499736104) == pytest.approx(4.0, abs=1e-9)
    assert significance(2 * 0.15865525393) == pytest.approx(1.0, abs=1e-9)
