"""Verdicts on null variations: the noise of networks is told from information, and named where it is none."""

from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.diagnostics.inference.null_checks import check_nulls, more_events, noisy_constraints
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.finite_simulation.null_information import NullInformation
from steelyard.io.serialisation import from_json, to_json

NULL = NullInformation("S", "scale", (0.001,), (0.01,), 1.0, 1.0, 1000.0, ("scale", "tune"))
RESULT = made.impacts()


def with_constraint(name, value):
    return replace(RESULT, impacts=tuple(
        replace(item, constraint=value) if item.name == name else item for item in RESULT.impacts
    ))  # fmt: skip


def verdict(information, result=RESULT, **changes):
    (check,) = check_nulls([replace(NULL, information=(information,), **changes)], result, Thresholds())
    return check


@pytest.mark.parametrize(
    ("information", "status"),
    # σ = 1/√(1 + F): 0.995, 0.962, 0.949, and the 0.32 of 1 % of noise at 85,000 events
    [(0.01, "PASS"), (0.08, "WARN"), (0.11, "FAIL"), (8.5, "FAIL")],
)
def test_noise_that_constrains_below_95_per_cent_fails(information, status):
    check = verdict(information)
    assert check.name == "null variation of scale" and check.status == status
    assert check.value == pytest.approx(1.0 - (1.0 + information) ** -0.5)


def test_a_constraint_that_noise_may_explain_is_named_and_one_far_stronger_is_not():
    check = verdict(0.11, with_constraint("scale", 0.93))  # of an information of 0.16
    assert "constraints that may be noise: scale (0.93 of 1)" in check.detail
    check = verdict(0.11, with_constraint("scale", 0.1))  # of 99
    assert "no constraint of the fit is comparable to it" in check.detail


def test_only_parameters_that_are_learnt_alike_are_compared():
    result = with_constraint("scale", 0.95)
    assert noisy_constraints(replace(NULL, information=(0.1,)), result) == [("scale", 0.95)]
    assert noisy_constraints(replace(NULL, information=(0.1,), alike=("tune",)), result) == []


def test_it_says_how_many_events_help():
    # F ∝ 1/events, and the level of warning is F = 1/0.975² − 1 = 0.052
    assert more_events(replace(NULL, information=(0.52,)), Thresholds()) == pytest.approx(10.0, rel=0.01)
    assert more_events(NULL, Thresholds()) == 1.0
    assert "simulate 10 times the nominal and varied events" in verdict(0.52).detail


def test_draws_are_averaged_and_other_processes_added():
    (check,) = check_nulls([replace(NULL, information=(0.0, 0.22), others=2.0, slope=0.5)], RESULT, Thresholds())
    assert check.value == pytest.approx(1.0 - (1.0 + 0.11) ** -0.5) and "2 trainings" in check.detail


def test_it_is_kept_as_json(tmp_path):
    to_json(NULL, tmp_path / "null.json")
    assert from_json(NullInformation, tmp_path / "null.json") == NULL
