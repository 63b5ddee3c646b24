"""Verdicts on the belt: the worst of many points is judged as such."""

from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.configuration.thresholds import Thresholds
from steelyard.diagnostics.of_belt import check_audit, check_belt
from steelyard.statistics.audit import Audit


def with_pull(audit, pull, place=0, **changes):
    points = list(audit.points)
    coverage = tuple(replace(item, pull=pull) for item in points[place].coverage)
    points[place] = replace(points[place], coverage=coverage, **changes)
    return Audit(tuple(points))


def status(audit):
    return {check.name: check for check in check_audit(audit, Thresholds())}


def test_one_of_four_points_at_two_errors_is_no_surprise():
    check = status(with_pull(made.audit(), 2.0))["coverage of 68.27 %"]
    assert check.status == "PASS"
    assert check.value == pytest.approx(1.372, abs=0.001)  # p = 1 - (1 - 0.0455)^4 = 0.170


def test_one_of_four_points_at_four_errors_fails():
    assert status(with_pull(made.audit(), -4.0))["coverage of 68.27 %"].status == "FAIL"


def test_the_worst_point_is_named_with_its_nuisance_parameters():
    audit = with_pull(made.audit(), -4.0, place=2, nuisances={"scale": -1.0}, critical=())
    found = status(audit)
    assert "at 1, scale = -1" in found["coverage of 68.27 %"].detail
    assert "of 3 points" in found["critical value of 68.27 %"].detail


def test_failed_fits_of_toys_are_a_share():
    (check,) = check_belt(made.belt(), Thresholds())
    assert check.value == 0.0 and check.status == "PASS"
