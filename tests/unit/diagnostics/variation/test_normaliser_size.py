import numpy as np
import pytest

from steelyard.checks import Levels
from steelyard.diagnostics.variation.normaliser_size import NormaliserSize, normaliser_size, points_within
from steelyard.io.serialisation import from_json, to_json

LEVELS = Levels(0.25, 1.0)
NAMES, PROCESSES = ("scale", "angle", "lumi"), ("S", "B")


def log_normaliser(alpha, size=1.0):
    """log N = size (0.01 α0² + 0.02 α0 α1) of S, and a tenth of B."""
    values = size * (0.01 * alpha[:, 0] ** 2 + 0.02 * alpha[:, 0] * alpha[:, 1])
    return np.stack([values, 0.1 * values], axis=1)


def test_points_are_the_axes_and_the_corners_of_pairs():
    points = points_within(3)
    assert points.shape == (1 + 3 * 8 + 3 * 4, 3)
    assert len(np.unique(points, axis=0)) == len(points)
    assert np.abs(points).max() == 2.0 and not points[0].any()
    assert [2.0, -2.0, 0.0] in points.tolist() and [0.0, 0.5, 0.0] in points.tolist()
    assert points_within(1, 4.0).shape == (9, 1) and points_within(1, 4.0).max() == 4.0


def test_the_largest_is_found_where_it_is():
    points = points_within(3)
    result = normaliser_size("all", NAMES, PROCESSES, points, log_normaliser, LEVELS)
    assert result.largest == pytest.approx(np.expm1([0.12, 0.012]))
    assert np.abs(result.alpha[0]).tolist() == [2.0, 2.0, 0.0] and np.prod(result.alpha[0, :2]) == 4.0
    assert result.check.status == "PASS" and result.check.name == "normaliser of all"
    assert "of S at scale = " in result.check.detail and "lumi" not in result.check.detail
    given = normaliser_size("all", NAMES, PROCESSES, points, log_normaliser(points), LEVELS)
    assert given.check == result.check


@pytest.mark.parametrize(("size", "status"), [(2.0, "WARN"), (-2.5, "WARN"), (8.0, "FAIL")])
def test_a_large_one_is_told_with_its_sign(size, status):
    points = points_within(3)
    result = normaliser_size("all", NAMES, PROCESSES, points, lambda alpha: log_normaliser(alpha, size), LEVELS)
    assert result.check.status == status and np.sign(result.largest[0]) == np.sign(size)


def test_one_that_is_not_a_number_fails():
    values = log_normaliser(points_within(3))
    values[7, 1] = np.nan
    result = normaliser_size("all", NAMES, PROCESSES, points_within(3), values, LEVELS)
    assert result.check.status == "FAIL" and "of B" in result.check.detail


def test_result_survives_json(tmp_path):
    result = normaliser_size("all", NAMES, PROCESSES, points_within(3), log_normaliser, LEVELS)
    to_json(result, tmp_path / "size.json")
    back = from_json(NormaliserSize, tmp_path / "size.json")
    assert back.check == result.check and np.array_equal(back.alpha, result.alpha)
