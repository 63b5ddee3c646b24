"""Verdicts on fits: what the fit says of itself is in the checks."""

from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.diagnostics.inference.fit_checks import check_fits

GOOD = made.scan()


def statuses(data="asimov", exact=False, not_converged=0, **changes):
    scan = replace(GOOD, fit=replace(GOOD.fit, **changes), not_converged=not_converged)
    scans = ({}, {data: scan}) if exact else ({data: scan}, {})
    return {check.name: check for check in check_fits(*scans, "mu", (0.0, 5.0))}


@pytest.mark.parametrize("exact", [False, True])
def test_a_good_fit_passes(exact):
    found = statuses(exact=exact, nuisances=("scale",))
    assert {check.status for check in found.values()} == {"PASS"} and len(found) == 4
    assert all(name.endswith("exact likelihood") == exact for name in found)


def test_the_upper_bound_is_a_range_too_small():
    check = statuses(hat=5.0, at_bound=True, bounds_hit=("mu",))["best fit at the upper bound, asimov data"]
    assert check.status == "FAIL" and "widen the bounds of mu" in check.detail


def test_the_lower_bound_is_ordinary_and_said():
    check = statuses(hat=0.0, at_bound=True, bounds_hit=("mu",))["best fit at the upper bound, asimov data"]
    assert check.status == "PASS" and "lower end" in check.detail


@pytest.mark.parametrize("changes", [{"valid": False}, {"not_converged": 1}])
def test_a_failed_fit_fails(changes):
    check = statuses(**changes)["failed fits, asimov data"]
    assert check.status == "FAIL" and check.value == 1.0


@pytest.mark.parametrize(("data", "status"), [("asimov", "FAIL"), ("observed", "WARN")])
def test_a_nuisance_parameter_on_its_bound_is_named(data, status):
    found = statuses(data, nuisances=("scale", "tilt"), bounds_hit=("mu", "tilt"))
    check = found[f"nuisance parameters on a bound, {data} data"]
    assert check.status == status and "tilt" in check.detail


def test_sides_that_go_the_same_way_are_named():
    check = statuses(nuisances=("scale", "tilt"), folded=("tilt",))["nuisance parameters with two valleys, asimov data"]
    assert check.status == "WARN" and "tilt" in check.detail
