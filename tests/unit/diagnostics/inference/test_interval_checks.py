"""Verdicts on the ends of the confidence sets."""

import synthetic_results as made

from steelyard.diagnostics.inference.interval_checks import check_intervals


def test_closed_sets_pass():
    (check,) = check_intervals({"observed": made.inference([(0.4, 1.7)], [(0.0, 2.3)])}, {})
    assert (check.status, check.value) == ("PASS", 0.0)  # zero is the bound of the parameter


def test_an_open_end_warns_and_says_what_to_extend():
    cut = made.inference([(0.4, 1.7)], [(0.2, 3.0)])
    _, check = check_intervals({"asimov": made.inference([(0.4, 1.7)], [(0.0, 2.3)])}, {"observed": cut})
    assert (check.name, check.status, check.value) == ("open ends of the exact sets, observed", "WARN", 1.0)
    assert check.detail == "95.45 % by toys goes on above 3: extend belts.points and scan"


def test_a_best_fit_outside_of_the_belt_fails():
    """Best fit 3.11, and a set that was said to end at 3."""
    (check,) = check_intervals({"observed": made.inference([(1.96, 3.0)], [(1.2, 3.0)], hat=3.11)}, {})
    assert (check.status, check.value) == ("FAIL", 2.0)
    assert "3.11 lies outside the belt [0, 3]" in check.detail and "extend belts.points" in check.detail
    (empty,) = check_intervals({"observed": made.inference([], [], hat=5.0)}, {})
    assert empty.status == "FAIL"
