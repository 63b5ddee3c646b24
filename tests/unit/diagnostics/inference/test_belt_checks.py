"""Verdicts on the belt: the worst of many points is judged as such."""

from dataclasses import replace

import numpy as np
import pytest
import synthetic_results as made

from steelyard.coverage.audit import Audit
from steelyard.diagnostics.inference.belt_checks import check_audit, check_belt
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.belts import build_belt
from steelyard.inference.toy_fits import ToyFits


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


def test_too_few_toys_for_a_level_fail():
    few = ToyFits(np.arange(20.0), np.ones(20), np.full(20, 10), np.zeros(20, dtype=int))
    checks = check_belt(build_belt({0.0: few, 1.0: few}, (0.6827, 0.9545)), Thresholds())
    assert [check.name for check in checks] == ["failed fits of toys", "toys for 95.45 %"]
    assert (checks[1].status, checks[1].value, checks[1].threshold) == ("FAIL", 20.0, 21.0)
    assert "increase belts.toys" in checks[1].detail
