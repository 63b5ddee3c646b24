"""Labels drawn again: nothing to learn, and the noise of the real training, however versions of events are related."""

from types import SimpleNamespace

import numpy as np
import pytest
from gaussians import CROSS_FIT, HELD_OUT, training_rule

from steelyard.data.identifiers import event_ids, is_unseen
from steelyard.data.null_ratios import load_null, save_null
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError
from steelyard.ratios.null_variations import (
    chosen_rows,
    largest_process,
    null_samples,
    paired_share,
    replicas,
    train_null,
)
from steelyard.ratios.training_data import RatioSample

EVENTS = 400
DRAWS = 1500
# Variances of DRAWS draws each, of sums of many terms: their ratio has the error sqrt(2 · 2 / DRAWS) = 0.05.
FOUR_SIGMA = 4.0 * np.sqrt(4.0 / DRAWS)


def statistic(samples):
    """What the gradient of a training starts with, of one direction in function space: E_1[x²] − E_0[x²]."""
    varied, nominal = ([getattr(sample, name) for sample in samples] for name in ("w1", "w0"))
    totals = [sum(weights.sum() for weights in column) for column in (varied, nominal)]
    means = [
        sum(weights @ sample.features[:, 0] ** 2 for weights, sample in zip(column, samples, strict=True)) / total
        for column, total in zip((varied, nominal), totals, strict=True)
    ]
    return means[0] - means[1]


def rows(x, w1, w0, start=0, name="a"):
    return RatioSample(name, x[:, None], event_ids("a", [np.arange(start, start + len(x))]), w1, w0)


def other_events(generator):
    """Twice as many nominal events as varied ones, of weights that fluctuate."""
    x, w = generator.normal(size=3 * EVENTS), generator.exponential(size=3 * EVENTS)
    nominal, varied = slice(0, 2 * EVENTS), slice(2 * EVENTS, None)
    return [
        rows(x[nominal], np.zeros(2 * EVENTS), w[nominal]),
        rows(x[varied], w[varied], np.zeros(EVENTS), 2 * EVENTS, "a/k-up"),
    ]


def moved_events(generator):
    """The same events, smeared: no effect on the mean of x² beyond the smearing, which the null has in both classes."""
    x, w = generator.normal(size=EVENTS), generator.exponential(size=EVENTS)
    moved = x + 0.1 * generator.normal(size=EVENTS)
    zeros = np.zeros(EVENTS)
    return [rows(x, zeros, w), rows(moved, w, zeros, name="a/k-up")]


def scattered_weights(generator):
    """Weights exp(0.2 x) times a scatter of 30 %, of which the known ratio explains the first factor."""
    x = generator.normal(size=EVENTS)
    return [rows(x, np.exp(0.2 * x) * (1.0 + 0.3 * generator.normal(size=EVENTS)), np.ones(EVENTS))]


@pytest.mark.parametrize("make", [other_events, moved_events])
def test_labels_drawn_again_have_the_noise_of_new_events(make):
    generator = np.random.default_rng(5)
    real, null = np.empty(DRAWS), np.empty(DRAWS)
    for draw in range(DRAWS):
        samples = make(generator)
        real[draw], null[draw] = statistic(samples), statistic(null_samples(samples, "k", draw))
    assert abs(null.mean()) < 4.0 * null.std() / np.sqrt(DRAWS)
    assert null.var() == pytest.approx(real.var(), rel=FOUR_SIGMA)


def test_scattered_weights_have_the_noise_of_their_scatter_alone():
    generator = np.random.default_rng(6)
    real, null = np.empty(DRAWS), np.empty(DRAWS)
    for draw in range(DRAWS):
        (sample,) = scattered_weights(generator)
        known = 0.2 * sample.features[:, 0]
        smooth = RatioSample(sample.name, sample.features, sample.ids, np.exp(known), sample.w0)
        real[draw] = statistic([sample]) - statistic([smooth])
        null[draw] = statistic(null_samples([sample], "k", draw, [known]))
    assert null.var() == pytest.approx(real.var(), rel=FOUR_SIGMA)


def test_equal_weights_have_no_noise_and_versions_of_an_event_go_together():
    x = np.random.default_rng(0).normal(size=EVENTS)
    (same,) = null_samples([rows(x, np.ones(EVENTS), np.full(EVENTS, 2.0))], "k", 0)
    np.testing.assert_allclose(same.w1, same.w0, rtol=1e-12)
    first, second = null_samples(
        [rows(x, np.zeros(EVENTS), np.ones(EVENTS)), rows(x, np.ones(EVENTS), np.zeros(EVENTS))], "k", 0
    )
    np.testing.assert_array_equal(first.w1, second.w0)
    assert 0.4 < np.mean(first.w1 > 0.0) < 0.6


def test_another_draw_has_other_signs_and_a_class_without_weight_is_an_error():
    x = np.random.default_rng(0).normal(size=EVENTS)
    samples = [rows(x, np.zeros(EVENTS), np.ones(EVENTS)), rows(x, np.ones(EVENTS), np.zeros(EVENTS), EVENTS)]
    first, second = (null_samples(samples, "k", draw)[0].w1 for draw in (0, 1))
    assert not np.array_equal(first, second)
    with pytest.raises(InputError, match="by k: the nominal weights sum to 0"):
        null_samples(samples[1:], "k", 0)


def test_pairs_are_recognised_by_their_identifiers():
    x, ones, zeros = np.zeros(EVENTS), np.ones(EVENTS), np.zeros(EVENTS)
    assert paired_share([rows(x, zeros, ones), rows(x, ones, zeros)]) == 1.0
    assert paired_share([rows(x, zeros, ones), rows(x, ones, zeros, EVENTS)]) == 0.0
    assert paired_share([rows(x, zeros, ones), rows(x, ones, zeros, EVENTS // 4)]) == pytest.approx(0.75)


def store(name, weights, features=("x",), events=EVENTS, scope=None, start=0):
    info = SampleInfo(name, tuple(weights), features, (), events, events, {}, {}, {}, ())
    x = np.random.default_rng(start + len(name)).normal(size=(events, 1)).astype(np.float32)
    columns = np.stack([np.full(events, weight) for weight in weights.values()], axis=1)
    ids = event_ids(scope or name, [np.arange(start, start + events)])
    return Sample(info, x, np.empty((events, 0), np.float32), columns, ids)


def test_the_largest_process_counts_with_its_coefficient():
    samples = [store("gg", {"S": 3.0, "B": 1.0}), store("qq", {"N": 2.0})]
    assert largest_process(samples, {"S": 0.0, "B": 1.0, "N": 1.0}) == "N"
    assert largest_process(samples, {"S": -1.0, "B": 1.0, "N": 1.0}) == "S"


def test_small_samples_are_drawn_more_often():
    def split_rows(events):
        return [RatioSample("a", np.empty((events, 1)), event_ids("a", [np.arange(events)]), *np.ones((2, events)))]

    assert replicas(split_rows(1000), HELD_OUT, 3) == 8
    assert replicas(split_rows(1_000_000), HELD_OUT, 3) == 2
    assert replicas(split_rows(1_000_000), HELD_OUT, 100) == 1


@pytest.mark.parametrize("split", [HELD_OUT, CROSS_FIT])
def test_a_trained_null_is_small_noise_on_unseen_events(split, tmp_path, monkeypatch):
    monkeypatch.setattr("steelyard.ratios.null_variations.MOST_REPLICAS", 2)
    nominal = store("gg", {"S": 1.0}, events=4000)
    varied = store("gg", {"S": 1.0}, events=4000, start=4000)
    samples = [
        RatioSample("gg", nominal.features, nominal.ids, np.zeros(4000), np.ones(4000)),
        RatioSample("gg/k-up", varied.features, varied.ids, np.ones(4000), np.zeros(4000)),
    ]
    null = train_null(
        [nominal],
        samples,
        SimpleNamespace(name="S-k-up", process="S", systematic="k", kind="events"),
        ["S"],
        learned=None,
        members=5 if split is CROSS_FIT else 1,
        combination="ratio",
        split=split,
        training=training_rule(epochs=2),
        bootstrap=False,
        seed_of=lambda replica, member: 10 * replica + member,
        folder=tmp_path,
    )
    assert null.log_g.shape == (2, np.count_nonzero(is_unseen(nominal.ids, split)))
    np.testing.assert_array_equal(null.rows, chosen_rows([nominal], split))
    assert null.paired == 0.0 and 0.0 < null.log_g.std() < 0.2
    assert null.sizes["S"] == pytest.approx(4000 if split is CROSS_FIT else 2000, rel=0.1)
    save_null(null, tmp_path / "null.npz")
    again = load_null(tmp_path / "null.npz")
    np.testing.assert_allclose(again.log_g, null.log_g, atol=1e-6)
    assert (again.process, again.systematic, again.sizes) == ("S", "k", null.sizes)


def test_another_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", rows=np.zeros(3))
    with pytest.raises(InputError, match="not the ratios of a null variation"):
        load_null(tmp_path / "other.npz")
