import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from steelyard.configuration.schema import Process, ReferenceWeight
from steelyard.configuration.schema import Split as ConfiguredSplit
from steelyard.data.event_densities import class_weights, process_weights, reference_weights
from steelyard.data.identifiers import event_ids, is_training, poisson_weights
from steelyard.data.reference import Reference, expected_yields, mix_reference
from steelyard.data.reference_events import process_densities, reference_components, reference_events
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import ConfigurationError, InputError
from steelyard.io.serialisation import from_json, to_json

HELD_OUT = ConfiguredSplit(method="held_out", train_fraction=0.4)
CROSS_FIT = ConfiguredSplit(method="cross_fit", folds=5)
N = 20_000


def sample(name, weights):
    """A sample in memory with the weights per process (N,)."""
    number = len(next(iter(weights.values())))
    zeros = dict.fromkeys(weights, 0)
    info = SampleInfo(name, tuple(weights), (), (), number, number, zeros, zeros, zeros, ())
    empty = np.empty((number, 0), dtype=np.float32)
    columns = np.stack(list(weights.values()), axis=1)
    return Sample(info, empty, empty, columns, event_ids(name, [np.arange(number)]))


def processes(*names, **yields):
    return [Process(name=name, coefficient="1", **{"yield": yields.get(name)}) for name in names]


def total(arrays):
    return sum(array.sum() for array in arrays)


@pytest.fixture(scope="module")
def samples():
    """One sample with weights of two processes (some negative) and two samples that share a third."""
    rng = np.random.default_rng(7)
    return [
        sample("gg", {"S": rng.normal(1, 0.6, N) * 1e-3, "B": rng.uniform(0, 1, N) * 1e-2}),
        sample("qq", {"NI": rng.uniform(0, 1, N) * 0.1}),
        sample("qqg", {"NI": rng.uniform(0, 1, 500) * 0.1}),
    ]


ALL = ("S", "B", "NI")


@pytest.fixture(scope="module")
def reference(samples):
    return mix_reference(samples, ALL, None, HELD_OUT)


def test_yields_are_the_sums_of_all_weights(samples, reference):
    assert reference.yields["S"] == pytest.approx(samples[0].weights[:, 0].sum(), rel=1e-12)
    assert reference.yields["NI"] == pytest.approx(samples[1].weights.sum() + samples[2].weights.sum(), rel=1e-12)


def test_a_configured_yield_replaces_the_sum(samples):
    reference = mix_reference(samples, ALL, None, HELD_OUT)
    assert expected_yields(reference, processes("S", "B", "NI", B=170.0)) == reference.yields | {"B": 170.0}


def test_a_configured_yield_of_zero_is_kept(samples):
    reference = mix_reference(samples, ALL, None, HELD_OUT)
    assert expected_yields(reference, processes("S", "B", "NI", B=0.0))["B"] == 0.0


def test_the_sides_hold_their_sums_and_effective_sizes(samples, reference):
    training = is_training(samples[0].ids, HELD_OUT)
    for side, chosen in ((reference.training, training), (reference.unseen, ~training)):
        weights = samples[0].weights[chosen, 0]
        assert side.sums["S"] == pytest.approx(weights.sum(), rel=1e-12)
        assert side.effective_sizes["S"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-12)
    both = reference.training.sums["NI"] + reference.unseen.sums["NI"]
    assert both == pytest.approx(reference.yields["NI"], rel=1e-12)


def test_equal_weights_have_their_number_as_effective_size():
    one = sample("one", {"S": np.full(1000, 0.2)})
    result = mix_reference([one], ["S"], None, CROSS_FIT)
    assert result.training.effective_sizes["S"] == pytest.approx(1000)
    assert result.training == result.unseen  # cross-fitted: both sides are all events


def test_the_mixture_is_normalised(samples, reference):
    assert reference.weights == pytest.approx({"S": 1 / 3, "B": 1 / 3, "NI": 1 / 3})
    mixture = [ReferenceWeight(process="NI", weight=3), ReferenceWeight(process="S", weight=1)]
    assert mix_reference(samples, ALL, mixture, HELD_OUT).weights == {"S": 0.25, "B": 0.0, "NI": 0.75}


def test_it_survives_json(samples, tmp_path):
    result = mix_reference(samples, ALL, None, CROSS_FIT, labels={"gg": "hard"})
    assert result.labels == {"gg": "hard", "qq": "soft", "qqg": "soft"}
    to_json(result, tmp_path / "reference.json")
    assert from_json(Reference, tmp_path / "reference.json") == result


def test_the_classes_are_densities_on_the_training_side(samples, reference):
    weights = class_weights(samples, reference, "B")
    assert total(w1 for w1, _ in weights) == pytest.approx(1, rel=1e-12)
    assert total(w0 for _, w0 in weights) == pytest.approx(1, rel=1e-12)
    for one, (w1, w0) in zip(samples, weights, strict=True):
        unseen = ~is_training(one.ids, HELD_OUT)
        assert w1.shape == w0.shape == (len(one),)
        assert not w1[unseen].any() and not w0[unseen].any()
    assert not weights[1][0].any()  # no event of qq is one of process B


def test_the_class_weights_are_those_of_the_mixture(samples, reference):
    (w1, w0), (_, other), _ = class_weights(samples, reference, "S")
    training = is_training(samples[0].ids, HELD_OUT)
    p_S = training * samples[0].weights[:, 0] / reference.training.sums["S"]
    p_B = training * samples[0].weights[:, 1] / reference.training.sums["B"]
    np.testing.assert_allclose(w1, p_S, rtol=1e-12)
    assert p_S.min() < 0  # and enters the reference with |w|
    np.testing.assert_allclose(w0, (np.abs(p_S) / np.abs(p_S).sum() + p_B) / 3, rtol=1e-12, atol=1e-18)
    assert other.sum() == pytest.approx(total(w0 for _, w0 in class_weights(samples, reference, "S")[1:]), rel=0.05)


def test_a_process_outside_the_mixture_is_told_from_it(samples):
    mixture = [ReferenceWeight(process="NI", weight=1)]
    weights = class_weights(samples, mix_reference(samples, ALL, mixture, HELD_OUT), "S")
    assert not weights[0][1].any() and weights[0][0].any()
    assert not weights[1][0].any() and weights[1][1].any()


def test_multiplicities_make_a_bootstrap(samples, reference):
    counts = [poisson_weights(one.ids, 0) * is_training(one.ids, HELD_OUT) for one in samples]
    (w1, w0), *_ = class_weights(samples, reference, "B", counts)
    expected = counts[0] * samples[0].weights[:, 1]
    np.testing.assert_allclose(w1, expected / expected.sum(), rtol=1e-12)
    assert not w0[counts[0] == 0].any()


def test_unseen_events_sum_to_the_yields_and_to_one(samples, reference):
    for name in reference.processes:
        weights = process_weights(samples, reference, name)
        assert reference.yields[name] * total(weights) == pytest.approx(reference.yields[name], rel=1e-12)
        assert not weights[0][is_training(samples[0].ids, HELD_OUT)].any()
    mixed = reference_weights(samples, reference)
    assert total(mixed) == pytest.approx(1, rel=1e-12)
    assert min(column.min() for column in mixed) == 0
    parts = [np.abs(process_weights(samples, reference, name)[0]) for name in ("S", "B")]
    expected = sum(part / part.sum() for part in parts) / 3
    np.testing.assert_allclose(mixed[0], expected, rtol=1e-12, atol=1e-18)


def test_negative_weights_are_told_and_the_reference_size_is_that_of_absolute_ones(samples, reference):
    weights = samples[0].weights[:, 0]
    negative = -weights[weights < 0].sum() / np.abs(weights).sum()
    assert 0 < negative < 0.1
    assert reference.negative_fractions == pytest.approx({"S": negative, "B": 0.0, "NI": 0.0}, rel=1e-12)
    unseen = weights[~is_training(samples[0].ids, HELD_OUT)]
    assert reference.unseen.reference_sizes["S"] == pytest.approx(np.abs(unseen).sum() ** 2 / (unseen**2).sum())
    for name in ("B", "NI"):
        assert reference.unseen.reference_sizes[name] == reference.unseen.effective_sizes[name]


def test_the_expectation_of_a_signed_density_over_the_reference_is_one(samples, reference):
    """Σ w_ref p_c/p_ref = Σ p_c = 1 event by event, wherever the reference has events."""
    events = reference_events(samples, reference)
    densities = process_densities(samples, reference, events)
    assert events.weights.min() > 0 and densities[:, 0].min() < 0
    np.testing.assert_allclose(events.weights @ (densities / events.weights[:, None]), 1.0, rtol=1e-12)
    parts, _ = reference_components(samples, reference, events)
    np.testing.assert_allclose(parts.sum(axis=1), events.weights, rtol=1e-12)


def test_events_of_a_process_outside_the_mixture_are_there_without_weight(samples):
    mixture = [ReferenceWeight(process="NI", weight=1)]
    result = mix_reference(samples, ALL, mixture, HELD_OUT)
    events = reference_events(samples, result)
    of_gg = events.rows[:, 0] == 0
    assert of_gg.any() and not events.weights[of_gg].any() and (events.weights[~of_gg] > 0).all()
    np.testing.assert_allclose(process_densities(samples, result, events).sum(axis=0), 1.0, rtol=1e-12)
    parts, _ = reference_components(samples, result, events)
    np.testing.assert_array_equal(parts[:, 0], events.weights)


def test_positive_weights_make_the_numbers_that_they_always_made():
    """Eighths, whose sums are exact on every machine: a digest of what was made of them before there were signs."""
    rng = np.random.default_rng(11)
    positive = [
        sample("gg", {"S": rng.integers(1, 9, 4096) / 8, "B": rng.integers(0, 9, 4096) / 8}),
        sample("qq", {"NI": rng.integers(1, 9, 4096) / 8}),
    ]
    state = hashlib.sha256()
    for labels in ({}, {"gg": "hard"}):
        result = mix_reference(positive, ALL, None, HELD_OUT, labels)
        events = reference_events(positive, result)
        arrays = [events.weights, events.rows.astype(np.int64), process_densities(positive, result, events)]
        arrays += [array for name in ALL for pair in class_weights(positive, result, name) for array in pair]
        arrays += [part for part in reference_components(positive, result, events) if part is not None]
        for array in arrays:
            state.update(np.ascontiguousarray(array).tobytes())
    assert state.hexdigest()[:16] == "7db696113018774b"


def test_cross_fitted_reference_is_made_of_all_events(samples):
    result = mix_reference(samples, ALL, None, CROSS_FIT)
    for rows in ("training", "unseen", "all"):
        weights = process_weights(samples, result, "B", rows)
        np.testing.assert_allclose(weights[0], samples[0].weights[:, 1] / result.yields["B"], rtol=1e-12)


def test_stored_weights_are_not_touched(samples, reference):
    before = [one.weights.copy() for one in samples]
    class_weights(samples, reference, "S", "all")
    for one, weights in zip(samples, before, strict=True):
        np.testing.assert_array_equal(one.weights, weights)


# --- hard labels ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hard(samples):
    return mix_reference(samples, ALL, None, HELD_OUT, labels={"gg": "hard"})


def test_hard_labels_give_each_event_to_one_process(samples, hard):
    chosen = [class_weights(samples, hard, name, "all")[0][0] != 0 for name in ("S", "B")]
    assert (chosen[0] ^ chosen[1]).all()
    # The share of a process is |w_c|/Σw_c among the processes of the event: a sum of independent draws.
    sizes = np.abs(samples[0].weights) / [hard.training.sums["S"], hard.training.sums["B"]]
    share = sizes[:, 0] / sizes.sum(axis=1)
    assert abs(chosen[0].sum() - share.sum()) < 4 * np.sqrt((share * (1 - share)).sum())


def test_hard_labels_keep_every_density(samples, hard):
    # Sums in parts of the sample, against those of soft labels: the drawn weight w/q has the variance w²(1/q − 1).
    sizes = np.abs(samples[0].weights) / [hard.training.sums["S"], hard.training.sums["B"]]
    part = samples[0].weights[:, 1] > 0.005  # correlated with the weights on purpose
    for column, name in enumerate(("S", "B")):
        weights, share = samples[0].weights[:, column], sizes[:, column] / sizes.sum(axis=1)
        drawn = process_weights(samples, hard, name, "all", labels=hard.labels)[0]
        soft = weights / weights.sum()
        variance = weights**2 * (1 / share - 1) / weights.sum() ** 2
        error = np.sqrt((variance * np.where(part, 1 - soft[part].sum(), soft[part].sum()) ** 2).sum())
        assert abs(drawn[part].sum() - soft[part].sum()) < 4 * error


def test_hard_labels_keep_the_signs(samples, hard):
    drawn = class_weights(samples, hard, "S", "all")[0][0]
    assert (drawn < 0).any()
    np.testing.assert_array_equal(np.sign(drawn[drawn != 0]), np.sign(samples[0].weights[drawn != 0, 0]))


def test_hard_labels_change_nothing_where_there_is_one_process(samples, reference):
    hard = replace(reference, labels={"gg": "hard", "qq": "hard", "qqg": "hard"})
    for index in (1, 2):
        for left, right in zip(
            class_weights(samples, hard, "NI")[index], class_weights(samples, reference, "NI")[index], strict=True
        ):
            np.testing.assert_array_equal(left, right)


def test_hard_labels_leave_the_reference_events_alone(samples, reference, hard):
    for left, right in zip(reference_weights(samples, hard), reference_weights(samples, reference), strict=True):
        np.testing.assert_array_equal(left, right)


def test_events_without_any_weight_have_no_hard_label():
    one = sample("gg", {"S": np.array([0.0, 1.0, 0.0, 1.0]), "B": np.array([0.0, 0.0, 1.0, 1.0])})
    result = mix_reference([one], ["S", "B"], None, CROSS_FIT, labels={"gg": "hard"})
    drawn = np.stack([class_weights([one], result, name)[0][0] for name in ("S", "B")])
    assert np.isfinite(drawn).all()
    np.testing.assert_array_equal((drawn != 0).sum(axis=0), [0, 1, 1, 1])


def test_a_slice_without_events_or_with_a_negative_sum_changes_what_it_holds(samples, reference):
    """Only the sum over all slices of a process has to be positive."""
    empty = sample("empty", {"S": np.empty(0), "NI": np.empty(0)})
    assert mix_reference([*samples, empty], ALL, None, HELD_OUT).yields == reference.yields
    (w1, w0) = class_weights([*samples, empty], mix_reference([*samples, empty], ALL, None, HELD_OUT), "S")[-1]
    assert w1.shape == w0.shape == (0,)
    negative = sample("negative", {"NI": np.full(100, -1e-3)})
    mixed = mix_reference([*samples, negative], ALL, None, HELD_OUT)
    assert mixed.yields["NI"] == pytest.approx(reference.yields["NI"] - 0.1, rel=1e-12)
    assert total(process_weights([*samples, negative], mixed, "NI")) == pytest.approx(1.0, rel=1e-12)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_process_without_sample(samples):
    with pytest.raises(InputError, match="process X: no sample carries weights of it"):
        mix_reference(samples, ["S", "B", "NI", "X"], None, HELD_OUT)


def test_a_side_without_events():
    few = sample("few", {"S": np.ones(3)})
    training = is_training(few.ids, HELD_OUT)
    empty = "unseen" if training.all() else "training"
    side = few.ids[training] if empty == "unseen" else few.ids[~training]
    one = replace(few, ids=np.repeat(side[:1], 3))  # all events on one side
    with pytest.raises(InputError, match=f"process S, samples few: the weights of the 0 {empty} events sum to 0"):
        mix_reference([one], ["S"], None, HELD_OUT)


def test_a_side_with_a_negative_sum(samples):
    negative = replace(samples[1], weights=-samples[1].weights)
    with pytest.raises(InputError, match=r"process NI, samples qq: the weights of the 20000 all events sum to -"):
        mix_reference([samples[0], negative], ALL, None, HELD_OUT)


def test_rows_without_a_positive_sum(samples, reference):
    nothing = [np.zeros(len(one), dtype=bool) for one in samples]
    with pytest.raises(InputError, match="process S: its weights on the chosen rows sum to 0"):
        class_weights(samples, reference, "S", nothing)


@pytest.mark.parametrize(
    "mixture", [[("X", 1.0)], [("S", -1.0), ("B", 2.0)], [("S", 0.0)], [("S", 1.0), ("S", 2.0)], []]
)
def test_a_mixture_that_is_none(samples, mixture):
    rules = [SimpleNamespace(process=process, weight=weight) for process, weight in mixture]
    with pytest.raises(ConfigurationError, match="to some of the processes S, B, NI, to each once"):
        mix_reference(samples, ALL, rules, HELD_OUT)


def test_components_add_up_to_the_reference_and_know_rows_of_one_event(samples, reference):
    events = reference_events(samples, reference)
    parts, numbers = reference_components(samples, reference, events)
    np.testing.assert_allclose(parts.sum(axis=1), events.weights, rtol=1e-12)
    np.testing.assert_allclose(parts.sum(axis=0), 1.0 / 3.0, rtol=1e-12)
    assert numbers is None  # every row has an id of its own
    shared = [samples[0], replace(samples[1], ids=samples[0].ids), samples[2]]  # one event in two samples
    mixed = mix_reference(shared, ALL, None, HELD_OUT)
    events = reference_events(shared, mixed)
    parts, numbers = reference_components(shared, mixed, events)
    identifiers = events.gather([sample.ids for sample in shared])
    assert len(np.unique(numbers)) == numbers.max() + 1 == len(np.unique(identifiers)) < len(numbers)
    first, second = np.flatnonzero(numbers == numbers[0])
    assert identifiers[first] == identifiers[second] and events.rows[first, 0] == 0 and events.rows[second, 0] == 1
