import numpy as np
import pytest
from simulated import simulated
from sklearn.metrics import roc_auc_score

from steelyard.data.identifiers import uniform
from steelyard.diagnostics.ratio.classifier_test import classifier_test, weighted_auc

B, NI = 2, 3


def run(events, process, log_ratio, **more):
    features = np.stack([events.x, events.y], axis=1).astype(np.float32)
    target, source = events.weights[:, process], events.reference
    return classifier_test("ratio", features, events.ids, target, source, log_ratio, 0.51, **more)


@pytest.mark.parametrize("process", [B, NI])
def test_exact_ratios_leave_nothing_to_find(process):
    events = simulated()
    result = run(events, process, events.log_r[:, process])
    assert result.check.status == "PASS"
    assert abs(result.auc - 0.5) < 4 * result.error
    assert result.error < 0.0025
    assert result.n_train + result.n_test == pytest.approx(150_000, rel=0.01)


@pytest.mark.parametrize("process", [B, NI])
def test_a_tilted_ratio_is_found(process):
    events = simulated()
    result = run(events, process, events.log_r[:, process] + 0.3 * events.x * events.y)
    assert result.check.status == "FAIL"


def test_swapped_ratios_are_found():
    events = simulated()
    assert run(events, NI, events.log_r[:, B]).auc > 0.6


def test_it_is_blind_to_a_factor_and_says_so_in_no_way():
    events = simulated(40_000)
    plain, scaled = (run(events, NI, events.log_r[:, NI] + shift) for shift in (0.0, np.log(1.02)))
    assert scaled.auc == pytest.approx(plain.auc, abs=1e-3)


def test_rows_of_one_event_are_on_one_side():
    events = simulated(20_000)
    seen = []

    class Spy(np.ndarray):
        def __getitem__(self, key):
            if isinstance(key, np.ndarray) and key.dtype != bool and len(key) > 1000:
                seen.append(np.asarray(key))
            return super().__getitem__(key)

    features = np.stack([events.x, events.y], axis=1).astype(np.float32).view(Spy)
    ids = events.ids[np.arange(20_000) // 4 * 4]  # four rows share an id
    classifier_test("ratio", features, ids, events.weights[:, NI], events.reference, events.log_r[:, NI], 0.51)
    train, test = seen[0], seen[-1]
    assert len(train) and len(test)
    assert not set(ids[train].tolist()) & set(ids[test].tolist())
    assert np.all(uniform(ids[train], "classifier-test") < 0.5)


def test_negative_weights_are_no_obstacle():
    events = simulated(60_000)
    rng = np.random.default_rng(2)
    sign = np.where(rng.uniform(size=60_000) < 0.1, -1.0, 1.0) / 0.8
    weights = events.weights * sign[:, None]
    features = np.stack([events.x, events.y], axis=1)
    args = (events.ids, weights[:, NI], weights.mean(axis=1))
    exact = classifier_test("ratio", features, *args, events.log_r[:, NI], 0.51)
    assert abs(exact.auc - 0.5) < 4 * exact.error
    tilted = classifier_test("ratio", features, *args, events.log_r[:, NI] + events.x, 0.51)
    assert tilted.check.status == "FAIL"


def test_auc_of_hard_labels_is_the_textbook_one_with_ties():
    rng = np.random.default_rng(3)
    label, weight = rng.integers(0, 2, size=500), rng.uniform(size=500)
    score = np.round(label + rng.normal(size=500), 1)
    p, q = label * weight, (1 - label) * weight
    auc, _ = weighted_auc(score, p / p.sum(), q / q.sum())
    assert auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight))


def test_auc_error_is_its_scatter_for_shared_events_too():
    rng = np.random.default_rng(4)
    found = []
    for _ in range(300):
        score = rng.normal(size=400)
        p, q = np.exp(0.3 * score) * rng.uniform(size=400), rng.uniform(size=400)
        found.append(weighted_auc(score, p / p.sum(), q / q.sum()))
    values, errors = np.array(found).T
    # relative error of a spread from 300 values: 4 %
    assert np.std(values) / np.mean(errors) == pytest.approx(1.0, abs=0.16)


def test_two_rows_of_one_event_are_one_event():
    rng = np.random.default_rng(5)
    score, p, q = rng.normal(size=400), rng.uniform(size=400), rng.uniform(size=400)
    p, q = p / p.sum(), q / q.sum()
    once = weighted_auc(score, p, q)
    rows = np.repeat(np.arange(400), 2)
    twice = weighted_auc(score[rows], p[rows] / 2, q[rows] / 2, groups=rows)
    assert twice == pytest.approx(once)
