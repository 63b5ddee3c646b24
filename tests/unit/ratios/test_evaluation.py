from dataclasses import replace

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT

from steelyard.data.identifiers import folds, is_training, trains
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError, ModelError
from steelyard.ratios.ensembles import combine
from steelyard.ratios.evaluation import ROWS, evaluate_sample, log_ratio, member_log_ratios
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
        network = Network(2, [8], zero_output=constant, generator=torch.Generator().manual_seed(number))
        if constant:
            torch.nn.init.constant_(network.layers[-1].bias, number)
        seen = {trained_on.info.name: fingerprint(trained_on.ids[trains(trained_on.ids, split, number)])}
        result.append(
            Member("S", number, FEATURES, network.architecture(), network.state_dict(), split, seen, False, 1, {})
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
