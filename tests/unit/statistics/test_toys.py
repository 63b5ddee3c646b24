import numpy as np
import pytest
from scipy.stats import chi2

from steelyard.statistics.toys import ToySampler, load_points, save_toys, throw_toys


def test_drawing_n_events_is_the_poisson_bootstrap(interference):
    """Counts in bins of the reference are independent Poisson numbers with the Asimov weights' sums as means."""
    weights = interference.asimov_weights(1.0)
    sampler, generator = ToySampler.at(interference, 1.0), np.random.default_rng(3)
    toys, bins = 4000, 10
    rows, offsets = sampler.draw(toys, generator)
    experiment = np.repeat(np.arange(toys), np.diff(offsets))
    edges = np.linspace(0, len(weights), bins + 1).astype(int)
    counts = np.zeros((toys, bins))
    np.add.at(counts, (experiment, np.searchsorted(edges, rows, side="right") - 1), 1.0)
    expected = np.add.reduceat(weights, edges[:-1])
    mean_pull = (counts.mean(axis=0) - expected) / np.sqrt(expected / toys)
    assert (mean_pull**2).sum() < chi2.ppf(0.999, bins)
    # The variance of a Poisson number equals its mean; the variance of a sample variance is about 2 mean^2 / toys.
    spread_pull = (counts.var(axis=0) - expected) / (expected * np.sqrt(2.0 / toys))
    assert (spread_pull**2).sum() < chi2.ppf(0.999, bins)
    correlation = np.corrcoef(counts.T)[np.triu_indices(bins, 1)]
    assert (toys * correlation**2).sum() < chi2.ppf(0.999, len(correlation))


def test_events_without_weight_are_never_drawn(interference):
    weights = interference.asimov_weights(1.0).copy()
    weights[::2] = 0.0
    rows, _ = ToySampler(np.cumsum(weights)).draw(20, np.random.default_rng(0))
    assert (rows % 2 == 1).all()


def test_same_seed_same_toys(interference, monkeypatch):
    one, two = throw_toys(interference, 1.0, 30, seed=5), throw_toys(interference, 1.0, 30, seed=5)
    assert (one.t == two.t).all()
    assert not np.array_equal(one.t, throw_toys(interference, 1.0, 30, seed=6).t)


def test_wald_holds_where_it_should(interference):
    """Far from bounds and of the second basin t(mu) of toys follows chi2_1 (arXiv:1007.1727)."""
    fits = throw_toys(interference, 4.0, 1500, seed=11)
    quantile = np.mean(fits.t < chi2.ppf(0.6827, 1))
    assert quantile == pytest.approx(0.6827, abs=4.0 * np.sqrt(0.6827 * 0.3173 / 1500))


def test_files_of_all_batches_come_together(interference, tmp_path):
    batches = [throw_toys(interference, 1.0, 5, seed=seed) for seed in (1, 2)]
    paths = [tmp_path / f"batch-{index}.npz" for index in range(2)]
    for fits, path in zip(batches, paths, strict=True):
        save_toys(fits, 1.0, path)
    (mu, fits), *rest = load_points(paths).items()
    assert mu == 1.0 and not rest
    np.testing.assert_array_equal(fits.t, np.concatenate([fits.t for fits in batches]))
