import dataclasses

import numpy as np
import pytest

from steelyard.checks import Check, Kind, Level, Levels, at_least, at_most, undecided, within, worst
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.io.serialisation import from_json, to_json

X = Kind("A number", "x", "measure it").of()


@pytest.mark.parametrize(
    ("value", "error", "status", "threshold"),
    [
        (0.5, None, "PASS", 1.0),
        (1.5, None, "WARN", 1.0),
        (2.5, None, "FAIL", 2.0),
        (2.5, 0.3, "WARN", 1.0),  # 2.5 - 2 * 0.3 < 2: it may be a fluctuation
        (2.5, 0.2, "FAIL", 2.0),
        (0.5, 1.1, "WARN", 1.0),  # the test could not have failed
        (0.5, np.nan, "WARN", 1.0),
        (np.nan, None, "FAIL", 2.0),
        (np.inf, 0.1, "FAIL", 2.0),
    ],
)
def test_status_of_an_upper_bound(value, error, status, threshold):
    check = at_most(X, value, Levels(1.0, 2.0), error)
    assert (check.status, check.threshold) == (status, threshold)


def test_a_number_is_both_levels():
    assert at_most(X, 1.01, 1.0).status == "FAIL"
    assert at_most(X, 1.0, 1).status == "PASS"


def test_thresholds_of_the_configuration_are_taken():
    threshold = Thresholds().normalisation
    middle = 0.5 * (threshold.warn + threshold.fail)
    assert [within(X, value, threshold).status for value in (threshold.warn, middle, 2 * threshold.fail)] == [
        "PASS",
        "WARN",
        "FAIL",
    ]


def test_room_is_counted_from_the_perfect_value():
    assert at_most(X, 0.5, 0.51, error=0.02).status == "PASS"
    assert at_most(X, 0.5, 0.51, error=0.02, perfect=0.5).status == "WARN"


def test_deviations_of_both_signs_are_judged_by_size():
    assert within(X, -0.3, 0.2).status == "FAIL"
    assert within(X, -0.1, 0.2).status == "PASS"
    assert within(X, -0.3, 0.2).value == -0.3


def test_lower_bounds():
    levels = Levels(warn=25.0, fail=10.0)
    assert [at_least(X, value, levels).status for value in (25, 24, 9, np.nan)] == ["PASS", "WARN", "FAIL", "FAIL"]


def test_worst_of_several():
    checks = [at_most(X, 0.0, 1.0), undecided(X, 1.0, "no data"), at_most(X, 2.0, 1.0)]
    assert worst(checks) == "FAIL"
    assert worst(checks[:2]) == "WARN"
    assert worst([]) == "PASS"


def test_a_check_survives_json_and_is_frozen(tmp_path):
    check = undecided(Kind("Ensemble", "ensemble of {ratio}", "train").of(ratio="S"), 0.1, "one member")
    to_json(check, tmp_path / "check.json")
    back = from_json(Check, tmp_path / "check.json")
    assert back.name == "ensemble of S" and np.isnan(back.value) and back.detail == "one member" and back.error is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        check.status = "PASS"


def test_a_kind_makes_the_names_that_it_recognises():
    kind = Kind("Sets", "{of}sets of {variation}, {data} data", "look", words={"of": ("", "exact ")})
    made = kind.of(of="exact ", variation="S-scale-up", data="asimov").text
    assert made == "exact sets of S-scale-up, asimov data" and kind.matches(made)
    for other in ("exact sets of S, asimov data", "exact sets of S-scale-up, some data", f"{made}!", "sets"):
        assert not kind.matches(other), other


@pytest.mark.parametrize(
    "words",
    [{}, {"variation": "S"}, {"variation": "S-scale-up", "more": 1}, {"ratio": "S"}],
    ids=["nothing", "no variation", "too much", "another field"],
)
def test_a_name_needs_the_words_of_its_kind(words):
    with pytest.raises(ValueError, match=r"no check 'closure of \{variation\}' of .*: give variation"):
        Kind("Closure", "closure of {variation}", "train").of(**words)


def test_a_kind_knows_the_defaults_of_its_levels():
    level = Level(1.0, 2.0, "A size.")
    kind = Kind("A", "a", "look", levels={"size": level})
    assert kind.default("size") is level and at_most(kind.of(), 1.5, kind.default("size")).status == "WARN"
