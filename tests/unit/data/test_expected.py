"""Expected events before training: what cannot be meant, and the default reference with a rare process."""

import logging

import numpy as np
import pytest

from steelyard.configuration.schema import Parameter, Process, ReferenceWeight, Split
from steelyard.data.expected import check_expected, default_shares, expected_events, outdated, tell_expected
from steelyard.data.identifiers import event_ids
from steelyard.data.reference import mix_reference
from steelyard.data.reference_events import oracle_log_ratios, reference_events
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.model.asimov_weights import asimov_weights, reference_advice
from steelyard.errors import InputError
from steelyard.io.serialisation import from_json, to_json
from steelyard.model.coefficients import Coefficients

SPLIT = Split(method="held_out", train_fraction=0.5)
BOUNDS = (0.0, 5.0)


def coefficients(*expressions):
    parameters = [Parameter(name="mu", nominal=1.0, bounds=BOUNDS)]
    names = [f"p{number}" for number in range(len(expressions))]
    processes = [Process(name=name, coefficient=text) for name, text in zip(names, expressions, strict=True)]
    return Coefficients.from_configuration(parameters, processes)


def expectation(yields, *expressions):
    expressions = expressions or ("mu",) + ("1",) * (len(yields) - 1)
    return expected_events(coefficients(*expressions), yields, BOUNDS, 1.0)


def sample(name, number, total):
    """A sample of one process, its densities uniform in x within [0, 1], tilted by its first letter."""
    sums = {name: float(total)}, {name: float(total) ** 2 / number}, {name: 0}
    info = SampleInfo(name, (name,), ("x",), (), number, number, *sums, (f"{name}.root",))
    x = np.random.default_rng([number, len(name)]).uniform(size=(number, 1)).astype(np.float32)
    weights = np.full((number, 1), total / number)
    return Sample(info, x, np.empty((number, 0), np.float32), weights, event_ids(name, [np.arange(number)]))


def mix(samples, configured=None, free=()):
    def default(yields, sizes):
        return default_shares(expectation(yields), sizes, free)

    names = [one.info.name for one in samples]
    return mix_reference(samples, names, configured, SPLIT, default=default)


def effective_per_event(samples, reference):
    """Effective reference events for each expected one at mu = 1: all densities are equal here, and so all ratios."""
    events = reference_events(samples, reference)
    yields = np.array([reference.yields[name] for name in reference.processes])
    log_r = oracle_log_ratios(np.zeros((len(events.weights), len(yields))), reference)
    found = asimov_weights(
        np.exp(log_r) * yields,
        events.weights,
        np.array([1.0]),
        np.ones((1, len(yields))),
        advice=reference_advice(reference),
    )
    return found.effective[0] / found.total[0], found.checks[1]


# --- the default reference --------------------------------------------------------------------------------------------


def test_a_process_of_negligible_yield_takes_no_equal_share():
    samples = [sample("S", 100_000, 30.0), sample("B", 100_000, 500.0), sample("rare", 2_000, 1e-4)]
    equal = mix_reference(samples, ["S", "B", "rare"], None, SPLIT)
    thin, check = effective_per_event(samples, equal)
    assert thin == pytest.approx(17.0, rel=0.1)  # 1000/(1/3)^2 effective events for 530
    assert check.status == "WARN" and "process rare has the share 0.33 of the reference" in check.detail
    reference = mix(samples)
    assert reference.weights["rare"] == pytest.approx(0.02 / 2.02, rel=0.05)  # 1,000 events beside 50,000
    assert reference.weights["S"] == reference.weights["B"]
    assert sum(reference.weights.values()) == pytest.approx(1.0, abs=1e-15)
    (note,) = reference.notes
    assert "process rare: at most 2e-07 of the expected events" in note and "`reference` sets other shares" in note
    many, check = effective_per_event(samples, reference)
    without, _ = effective_per_event(samples[:2], mix(samples[:2]))
    assert without > 180.0  # 100,000 for 530
    assert many == pytest.approx(without, rel=0.02) and check.status == "PASS"


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([("S", 100_000, 30.0), ("B", 100_000, 500.0)], id="two ordinary processes"),
        pytest.param([("S", 2_000, 30.0), ("B", 100_000, 500.0)], id="few events of a process that counts"),
        pytest.param([("S", 100_000, 1e-4), ("B", 100_000, 500.0)], id="a rare process with many events"),
        pytest.param([("S", 2_000, 1e-4), ("B", 100_000, 5e-2)], id="enough events for each expected one"),
    ],
)
def test_ordinary_references_stay_equal_to_the_bit(samples):
    samples = [sample(*one) for one in samples]
    names = [one.info.name for one in samples]
    reference = mix(samples)
    assert reference == mix_reference(samples, names, None, SPLIT) and reference.notes == ()


def test_the_parameters_range_and_free_yields_count():
    yields, sizes = {"p0": 1e-4, "p1": 500.0}, {"p0": 1000.0, "p1": 50_000.0}
    assert default_shares(expectation(yields), sizes)[0]["p0"] < 0.05
    far = expectation(yields, "10**4*mu", "1")  # 5 events at the upper bound
    assert default_shares(far, sizes) == ({"p0": 1.0, "p1": 1.0}, ())
    assert default_shares(expectation(yields), sizes, free=["p0"]) == ({"p0": 1.0, "p1": 1.0}, ())


def test_interference_is_judged_wherever_the_parameter_is():
    """1 - sqrt(mu) vanishes at the nominal point, and counts elsewhere."""
    expected = expectation({"S": 30.0, "SBI": 250.0, "B": 240.0}, "mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)")
    assert expected.at_nominal[2] == 0.0 and expected.largest_share["B"] == pytest.approx(1.0)
    assert default_shares(expected, dict.fromkeys(expected.processes, 10.0))[1] == ()


def test_a_configured_reference_is_kept(tmp_path):
    samples = [sample("B", 100_000, 500.0), sample("rare", 2_000, 1e-4)]
    rules = [ReferenceWeight(process=name, weight=1.0) for name in ("B", "rare")]
    assert mix(samples, rules).weights == {"B": 0.5, "rare": 0.5}
    reduced = mix(samples)
    to_json(reduced, tmp_path / "reference.json")
    assert from_json(type(reduced), tmp_path / "reference.json") == reduced


def test_other_coefficients_later_are_said_and_change_nothing():
    samples = [sample("B", 100_000, 500.0), sample("rare", 2_000, 1e-4)]
    reduced = mix(samples)
    yields = {"B": 500.0, "rare": 1e-4}
    assert outdated(reduced, expectation(yields, "1", "mu")) is None
    assert "of rare would now be an equal one" in outdated(reduced, expectation(yields, "1", "10**4*mu"))
    equal = mix_reference(samples, ["B", "rare"], None, SPLIT)
    assert "of rare would now be a smaller one" in outdated(equal, expectation(yields, "1", "mu"))
    rules = [ReferenceWeight(process="B", weight=1.0), ReferenceWeight(process="rare", weight=2.0)]
    assert outdated(mix(samples, rules), expectation(yields, "1", "mu")) is None


# --- numbers that cannot be meant -------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [0.2, 30.0, 1e6, 5e8])
def test_possible_numbers_pass_and_are_said(caplog, total):
    caplog.set_level(logging.INFO, "steelyard")
    expected = expectation({"S": total / 2, "B": total / 2})
    check_expected(expected, [sample("S", 100, total / 2).info, sample("B", 100, total / 2).info])
    tell_expected(expected)
    assert f"process B: {total / 2:.6g} expected events at the nominal parameter 1" in caplog.text
    assert f"all processes: {total:.6g} expected events at 1, " in caplog.text


@pytest.mark.parametrize(("total", "words"), [(1e16, "more than 10^9"), (1e-8, "fewer than 0.1"), (np.inf, "inf")])
def test_impossible_numbers_are_one_message(total, words):
    infos = [sample("S", 100, 1e-9).info, sample("B", 100, total).info]
    with pytest.raises(InputError) as error:
        check_expected(expectation({"S": 1e-9, "B": total}), infos, {"S": {"S": "w_S"}, "B": {"B": "w_B/lumi"}})
    message = str(error.value)
    assert (
        words in message
        and f"process B, sample B: the weights 'w_B/lumi' of 100 selected events sum to {total:.4g}" in (message)
    )
    assert ("w_S" in message) == (total < 1)


def test_a_rare_nominal_point_with_events_elsewhere_is_a_search():
    check_expected(expectation({"S": 0.05, "B": 0.01}), [])
