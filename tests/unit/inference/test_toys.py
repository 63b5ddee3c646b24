from dataclasses import fields, replace

import numpy as np
import pytest
from interference_effects import inputs
from scipy.stats import chi2, kstest, truncnorm

from steelyard.errors import ModelError
from steelyard.inference.toy_fits import ToyFits, fit_toys
from steelyard.inference.toys import (
    ThrownToys,
    ToySampler,
    concatenate,
    draw_each,
    load_points,
    load_toys,
    save_toys,
    throw_toys,
    toys_at_once,
)
from steelyard.model.yield_factors import total_yield_factors


def test_drawing_n_events_is_the_poisson_bootstrap(interference):
    """Counts in bins of the reference are independent Poisson numbers with the Asimov weights' sums as means."""
    sampler = ToySampler.at(interference, 1.0)
    assert_poisson(interference.asimov_weights(1.0), *sampler.draw(4000, np.random.default_rng(3)))


def assert_poisson(weights, rows, offsets):
    toys, bins = len(offsets) - 1, 10
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


def test_events_at_a_time_are_bounded_and_ordinary_toys_stay_what_they_were(interference):
    """200 toys of 10,000 events at a time, 12 of 156,000; a seed is one stream of 200 toys where there are few."""

    def times(events):
        scale = events / interference.mixture.total(np.ones(1))[0]
        return replace(interference, mixture=replace(interference.mixture, yields=scale * interference.mixture.yields))

    numbers = [toys_at_once(times(events), 1.0) for events in (100.0, 9_999.0, 156_000.0, 3e6)]
    assert numbers == [200, 200, 12, 1]
    rng = np.random.default_rng(9)
    rng.spawn(1)
    rows, offsets = ToySampler.at(interference, 1.0).draw(20, rng)
    copied = fit_toys(interference.mixture, interference.intensities[rows], offsets, 1.0)
    looked_up = throw_toys(interference, 1.0, 20, seed=9)
    for name in ("t", "hat", "events"):
        np.testing.assert_array_equal(getattr(looked_up, name), getattr(copied, name))


def test_toys_may_be_tested_elsewhere_than_they_were_thrown(interference):
    """The same experiments with the same best fits; t is that of the other value."""
    here, elsewhere = (throw_toys(interference, 1.0, 30, seed=5, tested=tested) for tested in (None, 0.0))
    np.testing.assert_array_equal(here.events, elsewhere.events)
    np.testing.assert_allclose(here.hat, elsewhere.hat, atol=1e-6)
    # At the lower bound t is zero for those whose best fit it is, and mostly larger: they were thrown at 1.
    np.testing.assert_allclose(elsewhere.t[elsewhere.hat == 0.0], 0.0, atol=1e-9)
    assert np.median(elsewhere.t) > np.median(here.t)


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


ALPHA = {"scale": 1.5, "angle": -0.6, "lumi": 1.0, "k_NI": 0.8}


@pytest.fixture(scope="module")
def shaped():
    return inputs(2000).build()


@pytest.fixture
def thrown(monkeypatch):
    """What the fits of pseudo-experiments are given, in place of the fits."""
    calls = []

    def fit_toys(mixture, intensities, offsets, mu, rows, **nuisances):
        if "log_g" in nuisances:
            nuisances["log_g"] = nuisances["log_g"][rows]
        calls.append({"intensities": intensities[rows], "offsets": offsets, **nuisances})
        columns = {field.name: np.zeros(len(offsets) - 1) for field in fields(ToyFits)}
        return ToyFits(**columns | {"events": np.diff(offsets)})

    monkeypatch.setattr("steelyard.inference.toys.fit_toys", fit_toys)
    return calls


def moments_agree(values, mean, variance, fourth=None):
    """Mean and variance of a sample (T, ...) within 4.5 of their errors; ``fourth`` central moment, else Gaussian."""
    fourth = 3.0 * variance**2 if fourth is None else fourth
    toys = len(values)
    assert (np.abs(values.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / toys)).all()
    assert (np.abs(values.var(axis=0) - variance) < 4.5 * np.sqrt((fourth - variance**2) / toys)).all()


def test_toys_away_from_the_nominal_point_have_its_expectation(shaped):
    sampler = ToySampler.at(shaped, 0.7, ALPHA)
    assert_poisson(shaped.asimov_weights(0.7, ALPHA), *sampler.draw(2000, np.random.default_rng(1)))


def test_toys_of_their_own_points_have_the_expectation_of_each(shaped, monkeypatch):
    """All at one point, in many small blocks, they are the Poisson bootstrap of that point again."""
    toys = 2000
    monkeypatch.setattr("steelyard.inference.toys.WEIGHTS_AT_ONCE", 150 * toys)
    alpha = np.tile(shaped.systematics.point(ALPHA), (toys, 1))
    rows, offsets = draw_each(shaped, 0.7, alpha, np.random.default_rng(1))
    assert_poisson(shaped.asimov_weights(0.7, ALPHA), rows, offsets)


def test_fits_get_the_columns_of_the_drawn_events(shaped, thrown):
    fits = throw_toys(shaped, 0.7, 250, seed=3, nuisances="conditional", conditional=ALPHA)
    rows, offsets = ToySampler.at(shaped, 0.7, ALPHA).draw(200, np.random.default_rng(3))
    assert len(thrown) == 2
    np.testing.assert_array_equal(thrown[0]["intensities"], shaped.intensities[rows])
    np.testing.assert_array_equal(thrown[0]["log_g"], shaped.log_g[rows])
    np.testing.assert_array_equal(thrown[0]["offsets"], offsets)
    # The normaliser is that of the model, corrected about the point where the toys are thrown.
    assert thrown[0]["systematics"].terms is shaped.systematics.terms
    np.testing.assert_array_equal(thrown[0]["systematics"].normaliser.anchor.alpha, shaped.systematics.point(ALPHA))
    observed = np.concatenate([call["global_observables"] for call in thrown])
    np.testing.assert_array_equal(observed, fits.global_observables)
    np.testing.assert_array_equal(fits.thrown, np.tile(shaped.systematics.point(ALPHA), (250, 1)))


def test_the_nominal_point_gives_the_events_of_no_nuisance_parameters(shaped, thrown):
    plain = replace(shaped, systematics=None, log_g=None)
    fits = throw_toys(plain, 0.7, 50, seed=3)
    assert set(thrown[0]) == {"intensities", "offsets"}  # nothing of nuisance parameters is asked for
    assert fits.thrown.shape == (50, 0)
    throw_toys(plain, 0.7, 50, seed=3, nuisances="constraint")
    throw_toys(shaped, 0.7, 50, seed=3)
    for call in thrown[1:]:
        np.testing.assert_array_equal(call["intensities"], thrown[0]["intensities"])


@pytest.mark.parametrize(("nuisances", "conditional"), [("nominal", None), ("conditional", ALPHA)])
def test_global_observables_come_from_the_constraints(shaped, thrown, nuisances, conditional):
    toys = 2000
    fits = throw_toys(shaped, 1.0, toys, 11, nuisances, conditional)
    center = shaped.systematics.point(conditional)
    constrained = shaped.systematics.constrained
    assert constrained.tolist() == [True, True, True, False, False]
    moments_agree(fits.global_observables[:, constrained] - center[constrained], 0.0, 1.0)
    for k in np.flatnonzero(constrained):
        assert kstest(fits.global_observables[:, k] - center[k], "norm").pvalue > 1e-4
    correlation = np.corrcoef(fits.global_observables[:, constrained].T)[np.triu_indices(3, 1)]
    assert (toys * correlation**2).sum() < chi2.ppf(0.9999, 3)
    # Nothing constrains the others, so nothing was measured of them.
    np.testing.assert_array_equal(fits.global_observables[:, 3:], np.tile([0.0, 1.0], (toys, 1)))


def test_points_are_drawn_from_the_constraints_within_their_bounds(shaped, thrown):
    fits = throw_toys(shaped, 1.0, 1000, seed=2, nuisances="constraint")
    points, (low, high) = fits.thrown, shaped.systematics.bounds.T
    assert (points >= low).all() and (points <= high).all()
    for k in range(3):
        assert kstest(points[:, k], truncnorm(low[k], high[k]).cdf).pvalue > 1e-4
    assert kstest(points[:, 3], "uniform", args=(-1.0, 2.0)).pvalue > 1e-4
    assert (points[:, 4] == 1.0).all()  # a free parameter has no distribution
    # What was measured of a parameter scatters around the value that was drawn.
    moments_agree(fits.global_observables[:, :3] - points[:, :3], 0.0, 1.0)
    narrow = tuple(replace(nuisance, bounds=(-0.5, 1.0)) for nuisance in shaped.systematics.nuisances[:4])
    nuisances = (*narrow, shaped.systematics.nuisances[4])
    systematics = replace(shaped.systematics, nuisances=nuisances)
    points = throw_toys(replace(shaped, systematics=systematics), 1.0, 300, 2, "constraint").thrown[:, 0]
    assert kstest(points, truncnorm(-0.5, 1.0).cdf).pvalue > 1e-4


def test_events_of_toys_at_drawn_points_vary_by_more_than_poisson(shaped, thrown):
    """Mean and variance of the number of events, E[nu] and E[nu] + Var[nu], over the same constraints."""
    toys, mu = 1500, 1.0
    fits = throw_toys(shaped, mu, toys, seed=7, nuisances="constraint")
    generator = np.random.default_rng(0)
    alpha = np.tile(shaped.systematics.nominal, (100_000, 1))
    alpha[:, :3] = np.clip(generator.normal(size=(len(alpha), 3)), *shaped.systematics.bounds[:3].T)
    alpha[:, 3] = generator.uniform(-1.0, 1.0, size=len(alpha))
    expected = total_yield_factors(shaped.systematics, alpha) @ (
        shaped.mixture.coefficients_along(np.sqrt(mu))[0] * shaped.mixture.yields
    )
    counts = generator.poisson(expected)
    assert counts.var() > 1.5 * counts.mean()
    moments_agree(fits.events, counts.mean(), counts.var(), ((counts - counts.mean()) ** 4).mean())
    # Experiment by experiment they follow their own point.
    own = total_yield_factors(shaped.systematics, fits.thrown) @ (
        shaped.mixture.coefficients_along(np.sqrt(mu))[0] * shaped.mixture.yields
    )
    assert ((fits.events - own) ** 2 / own).sum() == pytest.approx(toys, abs=4.5 * np.sqrt(2.0 * toys))


def test_negative_weights_at_a_drawn_point_are_counted_and_named(shaped):
    intensities = shaped.intensities.copy()
    intensities[:7, 3] = -1e4
    broken = replace(shaped, intensities=intensities)
    alpha = np.stack([shaped.systematics.point({"k_NI": value}) for value in (0.0, 0.5)])
    with pytest.raises(ModelError, match=r"^7 of 2000 .* at parameter 1, k_NI = 0.5 \(they carry"):
        draw_each(broken, 1.0, alpha, np.random.default_rng(0))
    with pytest.raises(ModelError, match="negative Asimov weight"):
        throw_toys(broken, 1.0, 10, seed=0, nuisances="constraint")


def test_same_seed_same_toys_at_drawn_points(shaped, thrown):
    one, two, other = (throw_toys(shaped, 1.0, 30, seed, "constraint") for seed in (5, 5, 6))
    np.testing.assert_array_equal(thrown[0]["intensities"], thrown[1]["intensities"])
    np.testing.assert_array_equal(one.global_observables, two.global_observables)
    assert not np.array_equal(one.thrown, other.thrown)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"nuisances": "profiled"}, "not 'profiled'"),
        ({"nuisances": "conditional"}, "need that point"),
        ({"nuisances": "nominal", "conditional": [0.0] * 5}, "to be thrown 'nominal'"),
        ({"nuisances": "conditional", "conditional": [0.0] * 4}, r"an array of shape \(4,\)"),
        ({"nuisances": "conditional", "conditional": {"jes": 1.0}}, "no nuisance parameter 'jes'"),
    ],
)
def test_a_point_that_is_none_is_an_error(shaped, keys, message):
    with pytest.raises(ModelError, match=message):
        throw_toys(shaped, 1.0, 5, 0, **keys)


def test_files_keep_points_and_global_observables(shaped, thrown, tmp_path):
    batches = [throw_toys(shaped, 1.0, 5, seed, "constraint") for seed in (1, 2)]
    for index, fits in enumerate(batches):
        save_toys(fits, 1.0, tmp_path / f"batch-{index}.npz")
    mu, back = load_toys(tmp_path / "batch-0.npz")
    assert mu == 1.0 and isinstance(back, ThrownToys)
    for field in fields(ThrownToys):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(batches[0], field.name))
    together = load_points([tmp_path / f"batch-{index}.npz" for index in range(2)])[1.0]
    np.testing.assert_array_equal(together.thrown, np.concatenate([fits.thrown for fits in batches]))
    assert together.global_observables.shape == (10, 5)
    np.testing.assert_array_equal(concatenate(batches).thrown, together.thrown)
