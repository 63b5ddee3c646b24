"""The verdict on the change of t by a cross term."""

from dataclasses import replace

import factorising
import numpy as np
import pytest

from steelyard.diagnostics.factorisation.cross_term import CrossTerm
from steelyard.diagnostics.factorisation.factorisation_checks import (
    FactorisationDiagnosis,
    conditional_covariance,
    diagnose_factorisation,
)
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.fit import scan
from steelyard.io.serialisation import from_data, to_data

GRID = np.linspace(0.0, 3.0, 13)


@pytest.fixture(scope="module")
def model():
    return factorising.build()


@pytest.fixture(scope="module")
def scans(model):
    return {"asimov": scan(model.asimov(1.0), GRID), "observed": scan(model.asimov(1.2, [0.8, 0.5]), GRID)}


def diagnosis(model, scans, cross, **levels):
    events = factorising.integrate(model).events(cross)
    return diagnose_factorisation("both", model, events, scans, 1.0, Thresholds(**levels))


def test_what_factorises_passes_and_what_does_not_fails_where_it_matters(model, scans):
    factorises = diagnosis(model, scans, 0.0)
    assert [check.status for check in factorises.checks] == ["PASS"] * 3
    found = diagnosis(model, scans, 0.03)
    names = [f"factorisation at both, {where}" for where in ("expected fit", "observed fit", "data at the point")]
    assert [check.name for check in found.checks] == names
    expected, observed, there = found.checks
    assert expected.value < observed.value < there.value
    assert expected.status == "PASS" and there.status == "FAIL"
    assert "nuisance parameters that follow" in there.detail


def test_the_curves_are_the_changes_along_the_fits(model, scans):
    found = diagnosis(model, scans, 0.03)
    _, observed, there = found.curves
    cross = CrossTerm(model, factorising.integrate(model).events(0.03))
    covariance = conditional_covariance(scans["observed"].fit, model.systematics)
    places = [int(np.argmin(np.abs(GRID - mu))) for mu in observed.mu]
    fit = scans["observed"].fit
    changes = cross.changes(observed.mu, scans["observed"].alpha[places], covariance, fit.hat, np.array(fit.alpha))
    assert observed.change == pytest.approx([change.value for change in changes])
    assert observed.t == pytest.approx(np.asarray(scans["observed"].t)[places])
    assert observed.allowance == pytest.approx(np.maximum(0.15, 0.1 * observed.t))
    at_fit = int(np.argmin(there.t))
    assert abs(there.change[at_fit]) < 1e-3 * np.abs(there.change).max()
    parts = sum(there.processes.values())
    assert parts + there.refit == pytest.approx(there.change)
    assert found.log_yields["S"][0] == pytest.approx(cross.log_yields["S"][0])
    assert found.events == 4000


def test_the_covariance_at_a_fixed_parameter(model, scans):
    """Of the block of the inverse; twice the inverse Hessian of -2 ln L in the nuisance parameters."""
    fit = scans["asimov"].fit
    expected = np.linalg.inv(np.linalg.inv(np.array(fit.covariance))[1:, 1:])
    assert conditional_covariance(fit, model.systematics) == pytest.approx(expected)
    assert conditional_covariance(replace(fit, covariance=None), model.systematics) == pytest.approx(np.eye(2))


def test_without_observed_data_there_are_two_curves(model, scans):
    found = diagnosis(model, {"asimov": scans["asimov"]}, 0.0)
    assert [curve.where for curve in found.curves] == ["expected fit", "data at the point"]


def test_too_few_events_warn(model, scans):
    events = factorising.simulate(model, 40, 3).events(0.3)
    found = diagnose_factorisation("both", model, events, scans, 1.0, Thresholds())
    assert found.checks[-1].status == "WARN"


def test_points_of_infinite_t_are_left_out_and_none_is_undecided(model, scans):
    broken = replace(scans["asimov"], t=np.full(13, np.inf))
    found = diagnosis(model, {"asimov": broken}, 0.0)
    assert [check.status for check in found.checks] == ["WARN", "WARN"]
    assert "no fit has a positive intensity" in found.checks[0].detail


def test_a_diagnosis_goes_there_and_back(model, scans):
    found = diagnosis(model, scans, 0.0)
    again = from_data(FactorisationDiagnosis, to_data(found))
    assert again.checks == found.checks
    assert again.curves[0].change == pytest.approx(found.curves[0].change)
    assert again.log_yields == {name: tuple(pair) for name, pair in found.log_yields.items()}
