"""The checks of one systematic, from stores: weights of the same events, other events, and samples left as they are."""

from types import SimpleNamespace

import numpy as np
import pytest
from gaussians import HELD_OUT

from steelyard.data.identifiers import event_ids, is_training, is_unseen
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.diagnostics.variation.variation_diagnosis import SystematicDiagnosis, diagnose_systematic
from steelyard.diagnostics.variation.varied_events import varied_events
from steelyard.errors import InputError, ModelError
from steelyard.io.serialisation import from_json, to_json

EVENTS = 40_000
SHIFT = {"up": 0.1, "down": -0.1}
SLOPE = {"up": 0.04, "down": -0.04}


def store(name, processes, x, y, weights, ids, features=("x",), observables=("x", "y")):
    info = SampleInfo(name, processes, features, observables, len(ids), len(ids), {}, {}, {}, ())
    columns = {"x": x, "y": y}
    matrices = [np.stack([columns[c] for c in names], axis=1) if names else np.empty((len(ids), 0)) for names in
                (features, observables)]  # fmt: skip
    return Sample(info, *(matrix.astype(np.float32) for matrix in matrices), np.asarray(weights), ids)


@pytest.fixture(scope="module")
def samples():
    """Two samples of unit Gaussians x and y: ``gg`` with S (weights from 0.5 to 1.5) and B, ``qqZZ`` with NI."""
    result = []
    for number, (name, processes) in enumerate((("gg", ("S", "B")), ("qqZZ", ("NI",)))):
        x, y = np.random.default_rng(number).normal(size=(2, EVENTS))
        weights = np.stack([1.0 + 0.5 * np.tanh(y), np.ones(EVENTS)], axis=1)[:, -len(processes) :]
        result.append(store(name, processes, x, y, weights, event_ids(name, [np.arange(EVENTS)])))
    return result


def variation(process, direction, kind, systematic="k"):
    name = f"{process}-{systematic}-{direction}"
    return SimpleNamespace(name=name, process=process, systematic=systematic, direction=direction, kind=kind)


def soft(samples, direction):
    """Weights of S and B times exp(slope · x)."""
    (gg, _) = samples
    weights = gg.weights * np.exp(SLOPE[direction] * gg.observables[:, :1].astype(float))
    return {"gg": store("gg", ("S", "B"), None, None, weights, gg.ids, (), ())}


def separate(samples, direction):
    """Events of NI with x shifted; one in ten is selected in the varied version alone, one in ten in the nominal."""
    (_, qq) = samples
    chosen = np.random.default_rng(7).permutation(EVENTS)[: int(0.9 * EVENTS)]
    x, y = qq.observables[chosen].T
    extra_x, extra_y = np.random.default_rng(8).normal(size=(2, EVENTS // 10))
    ids = np.concatenate([qq.ids[chosen], event_ids("extra", [np.arange(EVENTS // 10)])])
    x, y = np.concatenate([x, extra_x]) + SHIFT[direction], np.concatenate([y, extra_y])
    return {"qqZZ": store("qqZZ", ("NI",), x, y, np.ones((len(ids), 1)), ids)}


def exact(samples, variations):
    """Per sample (N, V) log g: of the Gaussian's shift, or the slope, of any normalisation."""
    slopes = [SHIFT[v.direction] if v.kind == "events" else SLOPE[v.direction] for v in variations]
    return [sample.observables[:, :1].astype(float) * slopes for sample in samples]


def learned(samples, variations, damage=0.0):
    """As a score file has it: float32, normalised, NaN where an event trained."""
    result = []
    for sample, values in zip(samples, exact(samples, variations), strict=True):
        scores = values - 0.5 * np.var(values, axis=0) + damage * sample.observables[:, :1]
        scores[is_training(sample.ids, HELD_OUT)] = np.nan
        result.append(scores.astype(np.float32))
    return result


SOFT = [variation(process, direction, "weights") for process in ("S", "B") for direction in SLOPE]
SEPARATE = [variation("NI", direction, "events") for direction in SHIFT]


def diagnose(samples, variations, damage=0.0, **options):
    make = soft if variations[0].kind == "weights" else separate
    return diagnose_systematic(
        variations,
        samples,
        {direction: make(samples, direction) for direction in ("up", "down")},
        learned(samples, variations, damage),
        HELD_OUT,
        Thresholds(),
        exact(samples, variations),
        **options,
    )


def test_exact_ratios_of_weights_pass_every_check(samples):
    diagnosis = diagnose(samples, SOFT, log_normaliser=lambda alpha: 0.01 * (alpha**2 - np.abs(alpha)) * [1.0, 2.0])
    assert {check.status for check in diagnosis.checks} == {"PASS"}
    assert [check.name for check in diagnosis.checks] == [
        *(f"normalisation of {v.name}" for v in SOFT),
        *(f"closure of {v.name}" for v in SOFT),
        "both directions of S-k the same way",
        "both directions of B-k the same way",
        *(f"1 − R² of log g of {v.name} against exact" for v in SOFT),
        "normaliser of k",
    ]
    assert diagnosis.normaliser.largest == pytest.approx(np.expm1([0.02, 0.04]))
    first = diagnosis.closure[0]
    assert [column.name for column in first.closure.columns] == ["x", "y"]
    assert first.effect[0] == pytest.approx(0.04, rel=0.05)


def test_exact_ratios_of_separate_events_pass_every_check(samples):
    diagnosis = diagnose(samples, SEPARATE)
    assert {item.check.status for item in (*diagnosis.symmetry, *diagnosis.comparison)} == {"PASS"}
    # 20,000 unseen events leave an error as large as the level of a warning, and nothing beyond it
    assert all(closure.check.value < 2 * closure.check.error for closure in diagnosis.closure)
    assert all(check.status == "PASS" for check in diagnosis.normalisation)
    for closure in diagnosis.closure:
        assert all(abs(c.chi2 - c.ndf) < 4 * np.sqrt(2 * c.ndf) for c in closure.closure.columns)
    assert diagnosis.normaliser is None


@pytest.mark.parametrize("variations", [SOFT, SEPARATE], ids=["weights", "events"])
def test_a_tilted_ratio_fails_closure_and_comparison(samples, variations):
    diagnosis = diagnose(samples, variations, damage=0.1)
    assert {item.check.status for item in (*diagnosis.closure, *diagnosis.comparison)} == {"FAIL"}


def test_ratios_of_the_wrong_direction_fail(samples):
    swapped = [SEPARATE[1], SEPARATE[0]]
    scores = learned(samples, swapped)
    varied = {direction: separate(samples, direction) for direction in ("up", "down")}
    diagnosis = diagnose_systematic(SEPARATE, samples, varied, scores, HELD_OUT, Thresholds())
    assert {closure.check.status for closure in diagnosis.closure} == {"FAIL"}
    assert diagnosis.comparison == ()


def test_events_of_unseen_rows_only_nominal_before_varied(samples):
    scores = learned(samples, SEPARATE)
    varied = separate(samples, "up")
    events = varied_events(samples, varied, ["NI"], scores, HELD_OUT)
    unseen = [np.count_nonzero(is_unseen(ids, HELD_OUT)) for ids in (samples[1].ids, varied["qqZZ"].ids)]
    assert events.source.shape == (sum(unseen), 1) and events.columns.index.shape == (2, sum(unseen))
    assert np.count_nonzero(events.source) == unseen[0] and not events.source[unseen[0] :].any()
    assert not events.target[: unseen[0]].any() and (events.target[unseen[0] :] == 1.0).all()
    assert np.isfinite(events.scores).all() and not events.scores[unseen[0] :].any()
    # pairs are the same events: y did not change
    assert len(events.pairs) == pytest.approx(0.9 * unseen[0], rel=0.02)
    assert np.array_equal(*events.columns.index[1, events.pairs.T])


def test_what_is_not_varied_is_its_own_target(samples):
    """S and B in gg, both varied by weights; NI untouched; and S alone."""
    variations = [*SOFT, variation("NI", "up", "weights")]
    events = varied_events(samples, soft(samples, "up"), ["S", "B", "NI"], learned(samples, variations), HELD_OUT)
    gg = np.count_nonzero(is_unseen(samples[0].ids, HELD_OUT))
    assert events.pairs is None
    assert np.array_equal(events.source[:, 2], events.target[:, 2])
    assert not events.source[gg:, :2].any() and not events.source[:gg, 2].any()
    assert (events.target[:gg, :2] != events.source[:gg, :2]).all()


def test_varied_events_with_other_columns_are_refused(samples):
    (_, qq) = samples
    other = store("qqZZ", ("NI",), *qq.observables.T, qq.weights, qq.ids, observables=("y",))
    with pytest.raises(InputError, match="sample qqZZ: its varied events have other observables"):
        varied_events(samples, {"qqZZ": other}, ["NI"], learned(samples, SEPARATE), HELD_OUT)


def test_an_unseen_event_without_a_ratio_is_an_error(samples):
    scores = learned(samples, SOFT)
    scores[0][np.flatnonzero(is_unseen(samples[0].ids, HELD_OUT))[:3]] = np.nan
    varied = {direction: soft(samples, direction) for direction in ("up", "down")}
    with pytest.raises(ModelError, match="3 of"):
        diagnose_systematic(SOFT, samples, varied, scores, HELD_OUT, Thresholds())


def test_a_one_sided_systematic_has_no_symmetry(samples):
    diagnosis = diagnose(samples, [variation("B", "up", "weights")])
    assert diagnosis.symmetry == () and len(diagnosis.closure) == 1


def test_result_survives_json(samples, tmp_path):
    diagnosis = diagnose(samples, SOFT, log_normaliser=lambda alpha: np.zeros((len(alpha), 2)))
    to_json(diagnosis, tmp_path / "k.json")
    back = from_json(SystematicDiagnosis, tmp_path / "k.json")
    assert back.checks == diagnosis.checks and back.systematic == "k"
    assert np.array_equal(back.closure[2].nominal[1], diagnosis.closure[2].nominal[1])
    to_json(diagnose(samples, [variation("B", "up", "weights")]), tmp_path / "one.json")
    assert from_json(SystematicDiagnosis, tmp_path / "one.json").normaliser is None


def test_slices_without_events_change_nothing_but_what_they_hold(samples):
    """A slice of NI without nominal events, with and without varied ones."""
    variations = [variation("NI", "up", "events")]
    varied, nothing = separate(samples, "up"), np.empty(0)
    empty = store("slice", ("NI",), nothing, nothing, np.empty((0, 1)), np.empty(0, dtype=np.uint64))
    scores = learned(samples, variations)
    whole = varied_events(samples, varied, ["NI"], scores, HELD_OUT)
    sliced = [*samples, empty], varied | {"slice": empty}, ["NI"], [*scores, np.empty((0, 1))], HELD_OUT
    same = varied_events(*sliced)
    for name in ("source", "target", "scores", "pairs"):
        np.testing.assert_array_equal(getattr(same, name), getattr(whole, name))
    ids = event_ids("moved in", [np.arange(50)])
    few = store("slice", ("NI",), np.zeros(50), np.zeros(50), np.ones((50, 1)), ids)
    more = varied_events(sliced[0], varied | {"slice": few}, *sliced[2:])
    assert more.target.sum() == whole.target.sum() + np.count_nonzero(is_unseen(ids, HELD_OUT))
