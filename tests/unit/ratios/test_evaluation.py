from dataclasses import replace

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT

from steelyard.data.identifiers import folds, is_training, trains
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError, ModelError
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.ensembles import combine
from steelyard.ratios.evaluation import (
    ROWS,
    evaluate_sample,
    evaluate_variations,
    log_ratio,
    log_ratios,
    member_log_ratios,
)
from steelyard.ratios.members import Member, fingerprint
from steelyard.ratios.network import Network

FEATURES = ("x", "y")


def sample(events=3000, name="gg", features=FEATURES, seed=1):
    rng = np.random.default_rng(seed)
    info = SampleInfo(name, ("S",), tuple(features), (), events, events, {"S": 1.0}, {"S": 1.0}, {"S": 0}, ())
    return Sample(
        info=info,
        features=rng.normal(size=(events, len(features))).astype(np.float32),
        observables=np.empty((events, 0), dtype=np.float32),
        weights=np.ones((events, 1)),
        ids=rng.integers(0, 2**63, events, dtype=np.uint64),
    )


def ensemble(trained_on, split, members, combination="ratio", constant=False):
    """Untrained networks that claim to be trained on a sample; constant: member m says m everywhere."""
    result = []
    for number in range(members):
        network = Network(
            2, Design.of(hidden=[8]), zero_output=constant, generator=torch.Generator().manual_seed(number)
        )
        if constant:
            torch.nn.init.constant_(network.layers[-1].bias, number)
        seen = {trained_on.info.name: fingerprint(trained_on.ids[trains(trained_on.ids, split, number)])}
        result.append(
            Member(
                "S", number, FEATURES, network.architecture(), network.state_dict(), split, seen, {}, False, 1, {}, ""
            )
        )
    return combine(result, combination, split)


def test_held_out_events_are_judged_by_all_members_and_training_events_by_none():
    events = sample()
    scores = evaluate_sample(ensemble(events, HELD_OUT, 3, constant=True), events, HELD_OUT)
    trained = is_training(events.ids, HELD_OUT)
    mean = np.log(np.mean(np.exp([0, 1, 2])))
    np.testing.assert_allclose(scores.unseen[~trained], mean, rtol=1e-6)
    assert np.isnan(scores.unseen[trained]).all()
    np.testing.assert_allclose(scores.seen[trained], mean, rtol=1e-6)
    assert np.isnan(scores.seen[~trained]).all()
    assert scores.unseen.dtype == scores.seen.dtype == np.float32


def test_cross_fitted_event_is_judged_only_by_members_that_left_it_out():
    events = sample()
    scores = evaluate_sample(ensemble(events, CROSS_FIT, 12, "log_ratio", constant=True), events, CROSS_FIT)
    fold = folds(events.ids, 5)
    numbers = np.arange(12)
    for f in range(5):
        left_out = numbers % 5 == f
        np.testing.assert_allclose(scores.unseen[fold == f], numbers[left_out].mean(), rtol=1e-6)
        np.testing.assert_allclose(scores.seen[fold == f], numbers[~left_out].mean(), rtol=1e-6)


def test_fold_that_no_member_left_out_has_no_unseen_ratio():
    events = sample()
    scores = evaluate_sample(ensemble(events, CROSS_FIT, 3), events, CROSS_FIT)
    assert np.array_equal(np.isnan(scores.unseen), folds(events.ids, 5) >= 3)
    assert np.isfinite(scores.seen).all()


def test_observed_events_are_judged_by_all_members():
    events, observed = sample(), sample(500, "observed", seed=2)
    networks = ensemble(events, CROSS_FIT, 6, constant=True)
    scores = evaluate_sample(networks, observed, CROSS_FIT, is_observed=True)
    np.testing.assert_allclose(scores.unseen, np.log(np.mean(np.exp(np.arange(6)))), rtol=1e-6)
    assert np.isnan(scores.seen).all()


@pytest.mark.parametrize("combination", ["ratio", "log_ratio"])
def test_score_is_the_mean_of_the_networks_row_by_row(combination):
    events = sample(ROWS + 100)  # more than are in memory at a time
    networks = ensemble(events, HELD_OUT, 3, combination)
    scores = evaluate_sample(networks, events, HELD_OUT)
    unseen = ~is_training(events.ids, HELD_OUT)
    with torch.no_grad():
        values = np.stack([m.network()(torch.from_numpy(events.features)).double().numpy() for m in networks.members])
    expected = np.log(np.exp(values).mean(axis=0)) if combination == "ratio" else values.mean(axis=0)
    # float32 matrix products may differ in the last bits with the number of rows
    np.testing.assert_allclose(scores.unseen[unseen], expected[unseen], atol=2e-6)
    np.testing.assert_allclose(log_ratio(networks, events.features), expected, atol=2e-6)
    np.testing.assert_allclose(member_log_ratios(networks, events.features), values, atol=2e-6)


def test_simulation_and_data_see_exactly_the_same_function():
    events = sample(2000)
    networks = ensemble(events, HELD_OUT, 2)
    scores = evaluate_sample(networks, events, HELD_OUT)
    unseen = ~is_training(events.ids, HELD_OUT)
    as_data = evaluate_sample(networks, events, HELD_OUT, is_observed=True)
    assert np.array_equal(scores.unseen[unseen], as_data.unseen[unseen])


def test_no_event():
    events = sample()
    networks = ensemble(events, HELD_OUT, 2)
    assert log_ratio(networks, np.empty((0, 2), dtype=np.float32)).shape == (0,)
    assert evaluate_sample(networks, sample(0, "observed"), HELD_OUT, is_observed=True).unseen.shape == (0,)


def test_memory_mapped_features(tmp_path):
    events = sample()
    np.save(tmp_path / "features.npy", events.features)
    mapped = replace(events, features=np.load(tmp_path / "features.npy", mmap_mode="r"))
    networks = ensemble(events, HELD_OUT, 2)
    first, second = (evaluate_sample(networks, given, HELD_OUT).unseen for given in (events, mapped))
    assert np.array_equal(first, second, equal_nan=True)


@pytest.mark.parametrize(
    "tampered",
    [replace(HELD_OUT, train_fraction=0.4), CROSS_FIT],
)
def test_another_split_than_that_of_the_training_is_refused(tampered):
    events = sample()
    with pytest.raises(InputError, match="judged by networks that trained on them"):
        evaluate_sample(ensemble(events, HELD_OUT, 2), events, tampered)


def test_other_identifiers_than_those_of_the_training_are_refused():
    """A new event_id puts training events on the unseen side although split and file are what they were."""
    events = sample()
    networks = ensemble(events, HELD_OUT, 2)
    ids = events.ids.copy()
    first = np.flatnonzero(is_training(ids, HELD_OUT))[0]
    ids[first] = events.ids[np.flatnonzero(~is_training(ids, HELD_OUT))[0]]
    with pytest.raises(InputError, match="event_id have changed"):
        evaluate_sample(networks, replace(events, ids=ids), HELD_OUT)


def test_sample_that_no_member_trained_on_follows_the_same_split():
    events, other = sample(), sample(name="variation", seed=2)
    scores = evaluate_sample(ensemble(events, HELD_OUT, 2), other, HELD_OUT)
    assert np.array_equal(np.isnan(scores.unseen), is_training(other.ids, HELD_OUT))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("y", "x"), "their order differs"),
        (("x", "z"), "missing: y; unknown to the networks: z"),
        (("x",), "missing: y"),
        (("x", "y", "z"), "unknown to the networks: z"),
    ],
)
def test_other_features_than_those_of_the_training_are_refused(features, message):
    with pytest.raises(InputError, match=message):
        evaluate_sample(ensemble(sample(), HELD_OUT, 2), sample(features=features), HELD_OUT)


def test_ratio_that_is_not_a_number_is_an_error_with_a_count():
    events = sample()
    networks = ensemble(events, HELD_OUT, 2)
    events.features[[3, 5], 0] = np.inf
    with pytest.raises(ModelError, match="2 of the 3000 events"):
        evaluate_sample(networks, events, HELD_OUT)


def numbered(events, split, members, numbers, combination="ratio"):
    """Ensembles whose member m answers number + m, one for each number."""
    result = []
    for number in numbers:
        given = ensemble(events, split, members, combination, constant=True)
        for member in given.members:
            member.state["layers.2.bias"] = member.state["layers.2.bias"] + float(number)
        result.append(given)
    return result


def test_variations_are_those_of_each_ensemble_on_its_own():
    events = sample(2 * ROWS + 100)
    ensembles = [ensemble(events, HELD_OUT, members, how) for members, how in ((1, "ratio"), (3, "log_ratio"))]
    found = evaluate_variations(ensembles, events, HELD_OUT)
    assert found.shape == (len(events), 2) and found.dtype == np.float32
    for column, given in enumerate(ensembles):
        np.testing.assert_allclose(
            found[:, column], evaluate_sample(given, events, HELD_OUT).unseen, rtol=1e-5, atol=1e-6
        )
    assert np.array_equal(np.isnan(found).any(axis=1), is_training(events.ids, HELD_OUT))


def test_cross_fitted_variations_come_from_the_members_that_left_an_event_out():
    events = sample()
    found = evaluate_variations(numbered(events, CROSS_FIT, 7, (10, 20), "log_ratio"), events, CROSS_FIT)
    fold = folds(events.ids, 5)
    for f in range(5):
        mean = np.arange(7)[np.arange(7) % 5 == f].mean()
        np.testing.assert_allclose(found[fold == f], np.tile([10 + mean, 20 + mean], (np.sum(fold == f), 1)), rtol=1e-6)
    three = evaluate_variations(numbered(events, CROSS_FIT, 3, (10,)), events, CROSS_FIT)
    assert np.array_equal(np.isnan(three[:, 0]), fold >= 3)


@pytest.mark.parametrize(("split", "share"), [(HELD_OUT, 1.0), (CROSS_FIT, 0.2)])
def test_only_rows_that_a_member_may_judge_are_computed(monkeypatch, split, share):
    events, rows = sample(), []
    original = Network.forward
    monkeypatch.setattr(Network, "forward", lambda self, x: rows.append(len(x)) or original(self, x))
    evaluate_variations(numbered(events, split, 5, (1, 2)), events, split)
    unseen = np.count_nonzero(~is_training(events.ids, split)) if split is HELD_OUT else len(events)
    assert sum(rows) == pytest.approx(2 * 5 * share * unseen, abs=1e-6)


def test_observed_events_are_judged_by_all_variations_everywhere():
    events = sample()
    ensembles = numbered(events, HELD_OUT, 2, (1, 2, 3))
    found = evaluate_variations(ensembles, sample(50, "observed"), HELD_OUT, is_observed=True)
    np.testing.assert_allclose(found, np.tile(np.arange(1, 4) + np.log((1 + np.e) / 2), (50, 1)), rtol=1e-6)


def test_plain_features_get_the_ratios_of_all_ensembles():
    events = sample(ROWS + 100)
    ensembles = [ensemble(events, HELD_OUT, members, "ratio") for members in (1, 2)]
    found = log_ratios(ensembles, events.features)
    assert found.dtype == np.float64
    for column, given in enumerate(ensembles):
        np.testing.assert_allclose(found[:, column], log_ratio(given, events.features), rtol=1e-12)
    assert log_ratios(ensembles, np.empty((0, 2), np.float32)).shape == (0, 2)
    assert log_ratios([], events.features).shape == (len(events), 0)
    assert evaluate_variations([], events, HELD_OUT).shape == (len(events), 0)


def test_variations_are_checked_like_any_ratio():
    events = sample()
    ensembles = numbered(events, HELD_OUT, 1, (1, 2))
    with pytest.raises(InputError, match="judged by networks that trained on them"):
        evaluate_variations(ensembles, events, CROSS_FIT)
    with pytest.raises(InputError, match="missing: y"):
        evaluate_variations(ensembles, sample(features=("x",)), HELD_OUT)
    unseen = np.flatnonzero(~is_training(events.ids, HELD_OUT))
    events.features[unseen[:3], 0] = np.inf
    with pytest.raises(ModelError, match="ratio S: 3 of the"):
        evaluate_variations([ensemble(events, HELD_OUT, 1)], events, HELD_OUT)
    with pytest.raises(ModelError, match="ratio S: 3 of the"):
        log_ratios([ensemble(events, HELD_OUT, 1)], events.features)
