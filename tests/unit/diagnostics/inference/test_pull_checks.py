"""Verdicts on nuisance parameters: each check passes on good numbers and fails on bad ones."""

from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.diagnostics.inference.pull_checks import check_nuisances
from steelyard.diagnostics.thresholds import Thresholds

GOOD = made.impacts()


def checks(result, exact=None, data="asimov"):
    found = check_nuisances({data: result}, {data: exact} if exact else {}, Thresholds())
    return {check.name: check for check in found}


def changed(result, name, **changes):
    impacts = tuple(replace(item, **changes) if item.name == name else item for item in result.impacts)
    return replace(result, impacts=impacts)


def test_good_results_pass():
    assert {check.status for check in checks(GOOD, GOOD).values()} == {"PASS"}


def test_a_pull_of_asimov_data_fails():
    assert checks(changed(GOOD, "scale", pull=-0.5))["pulls, asimov data"].status == "FAIL"


def test_a_pull_of_the_data_may_be_half_a_sigma_but_not_four():
    assert checks(changed(GOOD, "scale", pull=-0.5), data="observed")["pulls, observed data"].status == "PASS"
    assert checks(changed(GOOD, "scale", pull=-4.0), data="observed")["pulls, observed data"].status == "FAIL"


def test_parameters_without_a_constraint_are_pulled_by_nothing_but_a_fault_of_the_model():
    """A free norm of 5 where 1 is nominal is what data may say; expected data return the nominal value to its error."""
    moved = changed(GOOD, "free", hat=5.0, pull=4.0)
    assert checks(moved, data="observed")["pulls, observed data"].status == "PASS"
    assert checks(moved)["pulls, asimov data"].status == "FAIL"
    small = changed(GOOD, "free", hat=1.004, pull=0.004)  # of an error of 0.1
    assert checks(small)["pulls, asimov data"].status == "PASS"
    assert checks(small)["pulls, asimov data"].value == pytest.approx(0.04)


def test_an_analysis_without_constrained_parameters_has_no_warning_of_them():
    free = replace(GOOD, impacts=tuple(item for item in GOOD.impacts if not item.constrained))
    found = checks(free, data="observed")
    assert "pulls, observed data" not in found and "constraints, observed data" not in found


def test_an_overconstrained_parameter_is_flagged_with_the_reason():
    check = checks(changed(GOOD, "scale", constraint=0.3))["constraints, asimov data"]
    assert check.status == "WARN"
    assert "scale: 0.300 of 1; the data alone know it to 0.31" in check.detail


def test_a_refit_that_went_wrong_is_found():
    check = checks(changed(GOOD, "scale", up=0.9))["impacts against the covariance, asimov data"]
    assert check.status == "FAIL" and check.detail.startswith("scale")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"constraint": 0.6}, "post-fit errors against exact"),
        ({"inflation": 0.02}, "parts of the error against exact"),
        ({"inflation": 0.02}, "ranking against exact"),
    ],
)
def test_a_difference_from_the_exact_likelihood_fails(changes, name):
    assert checks(changed(GOOD, "scale", **changes), GOOD)[name].status == "FAIL"


def test_on_a_bound_what_needs_a_covariance_is_undecided():
    bound = replace(GOOD, error=None, statistical=None, groups=None, correlation=None)
    bound = replace(bound, impacts=tuple(replace(item, constraint=None, covariance=None) for item in bound.impacts))
    found = checks(bound, GOOD)
    assert found["constraints, asimov data"].status == "WARN"
    assert found["post-fit errors against exact"].status == "WARN"
