"""Which rows and weights train the ratio of a variation, and that a physical event counts once."""

from types import SimpleNamespace

import numpy as np
import pytest
from gaussians import CROSS_FIT, HELD_OUT

from steelyard.data.identifiers import event_ids, poisson_weights, trains
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError
from steelyard.ratios.hypotheses import variation_samples
from steelyard.ratios.training_data import select

UP = SimpleNamespace(name="B-scale-up", process="B", systematic="scale", direction="up")


def sample(name, weights, events, features=("number",), shift=0.0, scope=None):
    """A store of the events with these numbers; the only feature is the number, or number + shift."""
    numbers = np.asarray(events)
    values = (numbers + shift).astype(np.float32)[:, None] if features else np.empty((len(numbers), 0), np.float32)
    zeros = dict.fromkeys(weights, 0.0)
    info = SampleInfo(name, tuple(weights), tuple(features), (), len(numbers), len(numbers), zeros, zeros, zeros, ())
    columns = np.stack([np.broadcast_to(weight, len(numbers)).astype(float) for weight in weights.values()], axis=1)
    ids = event_ids(scope or name, [numbers])
    return Sample(info, values, np.empty((len(numbers), 0), np.float32), columns, ids)


def test_other_weights_are_soft_labels_of_the_nominal_rows():
    numbers = np.arange(50)
    nominal = sample("gg", {"S": 1.0, "B": 2.0 + numbers}, numbers)
    varied = sample("gg", {"B": (2.0 + numbers) * 1.1}, numbers, features=())
    (rows,) = variation_samples([nominal], {"gg": varied}, UP)
    assert rows.name == "gg" and np.array_equal(rows.features, nominal.features)
    assert np.array_equal(rows.ids, nominal.ids)
    np.testing.assert_array_equal(rows.w0, 2.0 + numbers)
    np.testing.assert_allclose(rows.w1 / rows.w0, 1.1, rtol=1e-12)


def test_other_events_are_the_numerator_and_the_nominal_ones_the_denominator():
    nominal = sample("gg", {"B": 2.0}, np.arange(50))
    varied = sample("gg", {"B": 2.0}, np.arange(10, 60), shift=0.25)
    first, second = variation_samples([nominal], {"gg": varied}, UP)
    assert (first.name, second.name) == ("gg", "gg/scale-up")
    assert not first.w1.any() and (first.w0 == 2.0).all()
    assert not second.w0.any() and (second.w1 == 2.0).all()
    assert np.array_equal(second.features, varied.features)
    assert np.array_equal(first.ids[10:], second.ids[:40])  # the same physical events


def test_samples_that_are_not_varied_are_on_both_sides_and_others_on_none():
    nominal = [sample(name, {process: 1.0}, np.arange(20)) for name, process in (("a", "B"), ("b", "B"), ("c", "NI"))]
    varied = {"a": sample("a", {"B": 1.5}, np.arange(20), features=()), "c": sample("c", {"NI": 9.0}, np.arange(20))}
    first, second = variation_samples(nominal, varied, UP)
    assert (first.name, second.name) == ("a", "b")
    assert (first.w1 == 1.5).all()
    assert (second.w1 == 1.0).all() and (second.w0 == 1.0).all()


def test_nothing_to_learn_is_an_error():
    nominal = sample("gg", {"S": 1.0, "B": 1.0}, np.arange(20))
    with pytest.raises(InputError, match=r"B-scale-up: none of the varied samples \(there are none\) carries"):
        variation_samples([nominal], {}, UP)
    with pytest.raises(InputError, match="none of the varied samples gg carries weights of process B"):
        variation_samples([nominal], {"gg": sample("gg", {"S": 1.0}, np.arange(20), features=())}, UP)


def test_rows_and_features_that_do_not_fit_together_are_refused():
    nominal = sample("gg", {"B": 1.0}, np.arange(20))
    with pytest.raises(InputError, match=r"B-scale-up, sample gg: .* not of the same events"):
        variation_samples([nominal], {"gg": sample("gg", {"B": 1.0}, np.arange(1, 21), features=())}, UP)
    with pytest.raises(InputError, match="other features"):
        variation_samples([nominal], {"gg": sample("gg", {"B": 1.0}, np.arange(20), features=("x",))}, UP)


@pytest.mark.parametrize("split", [HELD_OUT, CROSS_FIT])
@pytest.mark.parametrize("member", [0, 3])
@pytest.mark.parametrize("paired", [False, True])
def test_no_physical_event_is_on_two_sides(split, member, paired):
    """Training, validation and the rows that the member may judge: both versions of an event are in one of them."""
    nominal = sample("gg", {"B": 1.0}, np.arange(6000))
    varied = sample("gg", {"B": 1.0}, np.arange(500, 6500), shift=0.25)
    rows = variation_samples([nominal], {"gg": varied}, UP)
    data = select(rows, split, member, 0.25, paired=paired)
    training, validation = (
        {version: side.features[side.features[:, 0] % 1 == shift, 0].int() for version, shift in ((0, 0.0), (1, 0.25))}
        for side in (data.training, data.validation)
    )
    judged = np.flatnonzero(~trains(event_ids("gg", [np.arange(6500)]), split, member))
    sets = [{*side[0].tolist(), *side[1].tolist()} for side in (training, validation)] + [set(judged.tolist())]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 6500
    for side in (training, validation):  # both versions, wherever an event has two
        shared = [{number for number in side[version].tolist() if 500 <= number < 6000} for version in (0, 1)]
        assert shared[0] == shared[1] and len(shared[0]) > 500


def test_both_versions_of_an_event_have_its_bootstrap_count():
    rows = variation_samples(
        [sample("gg", {"B": 1.0}, np.arange(4000))], {"gg": sample("gg", {"B": 1.0}, np.arange(4000), shift=0.25)}, UP
    )
    training = select(rows, HELD_OUT, 2, 0.25, bootstrap=True, paired=True).training
    nominal, varied = training.w0[0::2], training.w1[1::2]
    numbers = training.features[0::2, 0].int().numpy()
    assert (training.features[1::2, 0] - training.features[0::2, 0] == 0.25).all()
    counts = poisson_weights(event_ids("gg", [numbers]), 2)
    np.testing.assert_allclose(nominal / nominal.min(), counts / counts.min(), rtol=1e-6)
    np.testing.assert_allclose(varied / varied.min(), counts / counts.min(), rtol=1e-6)


def test_negative_weights_and_different_yields_make_classes_of_one_absolute_total():
    numbers = np.arange(4000)
    sign = np.where(numbers % 5 == 0, -1.0, 1.0)
    for features in ((), ("number",)):
        varied = sample("gg", {"B": 1.3 * sign}, numbers, features)
        rows = variation_samples([sample("gg", {"B": sign}, numbers)], {"gg": varied}, UP)
        training = select(rows, HELD_OUT, 0, 0.25).training
        assert training.w1.min() < 0 and training.w0.min() < 0
        for weight in (training.w1, training.w0):
            assert weight.double().abs().sum().item() == pytest.approx(len(training) / 2, rel=1e-6)
