import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT, gaussian_samples

from steelyard.data.identifiers import folds, is_training, poisson_weights
from steelyard.errors import InputError, ModelError
from steelyard.ratios.members import fingerprint
from steelyard.ratios.training_data import Batches, RatioSample, Rows, Shuffle, Slices, select


def marked_samples(events=4000, **changes):
    """Two samples whose only feature is the number of the row, counted through."""
    samples = []
    for name, start in (("a", 0), ("b", events)):
        number = np.arange(start, start + events)
        arrays = {
            "features": number[:, None].astype(np.float32),
            "ids": np.random.default_rng(start).integers(0, 2**63, events, dtype=np.uint64),
            "w1": np.full(events, 1.0 if name == "a" else 0.5),
            "w0": np.full(events, 0.0 if name == "a" else 2.0),
        }
        samples.append(RatioSample(name, **arrays | changes))
    return samples


def row_numbers(rows):
    return rows.features[:, 0].long().numpy()


def test_held_out_rows_are_those_of_the_training_side_and_only_those():
    samples = marked_samples()
    data = select(samples, HELD_OUT, 0, 0.2)
    ids = np.concatenate([sample.ids for sample in samples])
    used = np.concatenate([row_numbers(data.training), row_numbers(data.validation)])
    assert sorted(used) == list(np.flatnonzero(is_training(ids, HELD_OUT)))
    # binomial: 4000 of 8000 with a standard deviation of 45, then 800 with one of 25
    assert abs(len(used) - 4000) < 180
    assert abs(len(data.validation) - 0.2 * len(used)) < 100


def test_cross_fitted_member_leaves_out_its_fold():
    samples = marked_samples()
    ids = np.concatenate([sample.ids for sample in samples])
    for member in (0, 3, 8):
        data = select(samples, CROSS_FIT, member, 0.2)
        used = np.concatenate([row_numbers(data.training), row_numbers(data.validation)])
        assert sorted(used) == list(np.flatnonzero(folds(ids, 5) != member % 5))


def test_each_member_validates_with_other_events():
    samples = marked_samples()
    first, second = (set(row_numbers(select(samples, HELD_OUT, member, 0.2).validation)) for member in (0, 1))
    shared = len(first & second) / len(first)
    assert abs(shared - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(first))


def test_rows_do_not_depend_on_the_order_of_the_events():
    samples = marked_samples()
    order = np.random.default_rng(3).permutation(4000)
    shuffled = [
        RatioSample(s.name, s.features[order], s.ids[order], s.w1[order], s.w0[order]) for s in marked_samples()
    ]
    first, second = (select(given, HELD_OUT, 0, 0.2, bootstrap=True) for given in (samples, shuffled))
    for side in ("training", "validation"):
        a, b = getattr(first, side), getattr(second, side)
        positions = np.argsort(row_numbers(a)), np.argsort(row_numbers(b))
        assert np.array_equal(row_numbers(a)[positions[0]], row_numbers(b)[positions[1]])
        np.testing.assert_allclose(a.w1.numpy()[positions[0]], b.w1.numpy()[positions[1]], rtol=1e-6)
    assert first.seen == second.seen


def test_classes_have_equal_totals_on_both_sides():
    data = select(marked_samples(), HELD_OUT, 0, 0.2)
    for rows in (data.training, data.validation):
        assert rows.w1.double().sum().item() == pytest.approx(len(rows) / 2, rel=1e-6)
        assert rows.w0.double().sum().item() == pytest.approx(len(rows) / 2, rel=1e-6)


def test_bootstrap_multiplies_training_weights_by_counts_of_the_events():
    samples = marked_samples()
    plain, replica = select(samples, HELD_OUT, 3, 0.2), select(samples, HELD_OUT, 3, 0.2, bootstrap=True)
    ids = np.concatenate([sample.ids for sample in samples])
    counts = poisson_weights(ids, 3)
    assert torch.equal(plain.validation.w1, replica.validation.w1)
    expected = row_numbers(plain.training)[counts[row_numbers(plain.training)] > 0]
    assert np.array_equal(row_numbers(replica.training), expected)
    of_a = expected < 4000  # all of one weight: the ratio of their weights is that of the counts
    ratio = replica.training.w1.numpy()[of_a] / counts[expected[of_a]]
    assert ratio.std() < 1e-6 * ratio.mean()
    other = select(samples, HELD_OUT, 4, 0.2, bootstrap=True)
    assert not set(row_numbers(other.training)) <= set(
        row_numbers(plain.training)[counts[row_numbers(plain.training)] > 0]
    )


def test_rows_without_any_weight_are_dropped_but_counted_as_seen():
    w1 = np.ones(4000)
    w1[::2] = 0
    samples = marked_samples(w1=w1, w0=w1)
    data = select(samples, HELD_OUT, 0, 0.2)
    assert (row_numbers(data.training) % 2 == 1).all()
    assert data.seen["a"] == fingerprint(samples[0].ids[is_training(samples[0].ids, HELD_OUT)])


def test_rows_with_cancelling_weights_are_kept():
    samples = marked_samples(w1=np.ones(4000), w0=np.where(np.arange(4000) % 4 == 0, -1.0, 1.0))
    data = select(samples, HELD_OUT, 0, 0.2)
    assert (row_numbers(data.training) % 4 == 0).any()
    assert data.training.w0.min() < 0


def test_memory_mapped_features_are_read(tmp_path):
    samples = marked_samples()
    np.save(tmp_path / "features.npy", samples[0].features)
    mapped = [marked_samples(features=np.load(tmp_path / "features.npy", mmap_mode="r"))[0], samples[1]]
    assert torch.equal(
        select(mapped, HELD_OUT, 0, 0.2).training.features, select(samples, HELD_OUT, 0, 0.2).training.features
    )


def test_digest_changes_with_any_number():
    original = select(marked_samples(), HELD_OUT, 0, 0.2)
    same = select(marked_samples(), HELD_OUT, 0, 0.2)
    assert original.digest() == same.digest()
    same.training.features[17, 0] += 1
    assert original.digest() != same.digest()
    w0 = np.ones(4000)
    assert original.digest() != select(marked_samples(w0=w0), HELD_OUT, 0, 0.2).digest()
    assert original.digest() != select(marked_samples(), HELD_OUT, 1, 0.2).digest()


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"w1": np.zeros(4000)}, ModelError, r"numerator weights of the training events sum to 0"),
        ({"w0": np.full(4000, -1.0)}, ModelError, r"reference weights of the training events sum to -"),
        ({"ids": np.arange(10, dtype=np.uint64)}, InputError, r"sample a: .* rows"),
        ({"features": np.full((4000, 1), np.nan, dtype=np.float32)}, InputError, r"features of training events"),
        ({"w1": np.zeros(4000), "w0": np.zeros(4000)}, ModelError, r"no training event is left"),
    ],
)
def test_unusable_data_is_one_clear_error(changes, kind, message):
    with pytest.raises(kind, match=message):
        select(marked_samples(**changes), HELD_OUT, 0, 0.2)


def test_samples_with_different_numbers_of_features_are_refused():
    samples = [marked_samples()[0], gaussian_samples(100)[0]]
    with pytest.raises(InputError, match="differ in their number of features"):
        select(samples, HELD_OUT, 0, 0.2)


def rows(count):
    numbers = torch.arange(count, dtype=torch.float32)
    return Rows(numbers[:, None], (numbers + 0.25, numbers + 0.5))


def test_batches_are_whole_distinct_and_keep_rows_together():
    batches = Batches(rows(1000), 64, seed=1, per_block=4)
    assert (batches.steps, len(batches)) == (15, 4)
    blocks = list(batches)
    assert [len(w1) for _, w1, _ in blocks] == [4, 4, 4, 3]
    assert all(features.shape[1:] == (64, 1) for features, _, _ in blocks)
    features, w1, w0 = (torch.cat([block[i].reshape(-1) for block in blocks]) for i in range(3))
    assert len(features.unique()) == 15 * 64
    assert torch.equal(w1, features + 0.25)
    assert torch.equal(w0, features + 0.5)


def test_a_batch_is_never_larger_than_the_sample():
    ((features, _, _),) = list(Batches(rows(10), 64, seed=1))
    assert sorted(features.reshape(-1).tolist()) == list(range(10))


def test_order_is_a_function_of_seed_and_epoch_alone():
    first, second = Shuffle(100, seed=7), Shuffle(100, seed=7)
    orders = []
    for epoch in range(3):
        first.set_epoch(epoch)
        orders.append(first.permutation())
        assert torch.equal(orders[-1].sort().values, torch.arange(100))
    second.set_epoch(2)
    assert torch.equal(second.permutation(), orders[2])
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(Shuffle(100, seed=8).permutation(), orders[0])


def paired_samples(events=3000):
    """Rows of the same events in two samples, some of them in one only; the feature is the number, or number + 0.25."""
    result = []
    for name, numbers, shift in (("a", np.arange(events), 0.0), ("b", np.arange(100, events + 50), 0.25)):
        order = np.random.default_rng(len(numbers)).permutation(numbers)
        ids = (order.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        one, zero = np.ones(len(order)), np.zeros(len(order))
        features = (order + shift).astype(np.float32)[:, None]
        result.append(RatioSample(name, features, ids, *((zero, one) if name == "a" else (one, zero))))
    return result


def test_versions_of_an_event_are_neighbours_and_single_ones_come_last():
    data = select(paired_samples(), HELD_OUT, 0, 0.2, paired=True)
    for side in (data.training, data.validation):
        assert side.together == 2
        found = side.features[:, 0].numpy()
        shared = (found.astype(int) >= 100) & (found.astype(int) < 3000)
        pairs = np.count_nonzero(shared)
        assert shared[:pairs].all() and pairs > 400
        assert (found[1:pairs:2] - found[0:pairs:2] == 0.25).all()
    plain = select(paired_samples(), HELD_OUT, 0, 0.2)
    assert plain.training.together == 1
    assert torch.equal(plain.training.features.sort(dim=0).values, data.training.features.sort(dim=0).values)
    assert plain.seen == data.seen and plain.digest() != data.digest()


@pytest.mark.parametrize("batch_size", [64, 65])
def test_batches_take_both_versions_of_an_event_or_none(batch_size):
    training = select(paired_samples(), HELD_OUT, 0, 0.2, paired=True).training
    batches = Batches(training, batch_size, seed=1, per_block=4)
    assert batches.batch_size == 64
    rows = torch.cat([features.reshape(-1, 64) for features, _, _ in batches])
    assert len(rows) == batches.steps == len(training) // 64
    assert len(rows.unique()) == rows.numel()
    numbers = rows.int()
    for batch, row in zip(numbers, rows, strict=True):
        shared = row[(batch >= 100) & (batch < 3000)]
        versions = [set(shared[shared % 1 == shift].int().tolist()) for shift in (0.0, 0.25)]
        assert versions[0] == versions[1]
    batches.sampler.set_epoch(1)
    again = torch.cat([features.reshape(-1, 64) for features, _, _ in batches])
    assert not torch.equal(rows, again)


def test_slices_give_every_row_once_in_order():
    slices = Slices(rows(1000), size=300)
    pieces = [features.reshape(-1) for features, _, _ in slices]
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]
    assert len(slices) == 4
    assert torch.equal(torch.cat(pieces), torch.arange(1000.0))
