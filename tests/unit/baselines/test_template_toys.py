"""Pseudo-experiments of histograms: their distribution, and what data sets get from them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from steelyard.baselines import template_toys
from steelyard.baselines.analyses import discriminant_baseline, fixed_baseline, parameterised_baseline
from steelyard.baselines.results import BaselineInput, BaselineResult
from steelyard.baselines.template_toys import MOST, ToyPlan, throw_counts
from steelyard.errors import ModelError
from steelyard.inference.belts import build_belt, significance_against
from steelyard.inference.fit import fit
from steelyard.io.serialisation import from_json, to_json
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.regions.binned import BinnedModel, Templates, Varied, fill_templates
from steelyard.regions.binning import bin_index

LEVELS = (0.6827, 0.9545)
MU = np.linspace(0.0, 3.0, 13)
EDGES = list(np.linspace(0.0, 1.0, 7))
BOUNDS = (0.0, 5.0)


def linear(yields):
    return Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.asarray(yields), BOUNDS)


def counting(signal=4.0, background=9.0):
    """One bin: t of n counts is known, and so is the probability of n."""
    templates = Templates(("s", "b"), np.array([[signal], [background]]), np.zeros((1, 2, 2)))
    return BinnedModel.of(linear([signal, background]), templates, "count")


def exact_t(mu, counts, signal=4.0, background=9.0):
    best = np.clip(counts - background, BOUNDS[0] * signal, BOUNDS[1] * signal) + background
    tested = mu * signal + background
    return 2.0 * (tested - best - counts * np.log(tested / best))


@pytest.mark.parametrize("mu", [0.0, 1.0, 3.0])
def test_toys_of_a_counting_experiment_have_the_exact_distribution(mu):
    toys, n = 4000, np.arange(200)
    fits = throw_counts(counting(), mu, None, toys, seed=5)
    probability, t = poisson.pmf(n, mu * 4.0 + 9.0), exact_t(mu, n)
    for cut in (0.01, 1.0, 3.84):
        expected = probability[t >= cut].sum()
        assert np.mean(fits.t >= cut) == pytest.approx(expected, abs=4.0 * np.sqrt(expected * (1 - expected) / toys))
    np.testing.assert_allclose(fits.t, exact_t(mu, fits.events), atol=1e-6)


def test_no_count_at_all_is_an_experiment():
    fits = throw_counts(counting(0.2, 0.5), 0.0, None, 200, seed=1)
    assert (fits.events == 0).any() and (fits.status <= 1).all()
    empty = fits.t[fits.events == 0]
    np.testing.assert_allclose(empty, 0.0, atol=1e-9)  # the background alone is the best that there is


@pytest.fixture(scope="module")
def given():
    """Uniform background, a rising signal, a shape and a yield effect; toys at three points."""
    x = (np.arange(6000) + 0.5) / 6000
    densities = np.stack([2.0 * x, np.ones_like(x)], axis=1)
    densities /= densities.sum(axis=0)
    log_g = 0.2 * np.stack([x - 0.5, -0.8 * (x - 0.5)], axis=-1)[:, None]
    log_g -= np.log(densities[:, 1] @ np.exp(log_g[:, 0]))
    log_yields = np.zeros((2, 2, 2))
    log_yields[1, 1] = np.log([1.1, 0.93])
    nuisances = Nuisance("tilt"), Nuisance("norm")
    systematics = Systematics.of(nuisances, log_yields, np.zeros((2, 2), dtype=bool), np.array([[1, 0]]))
    varied = Varied(systematics, log_g.astype(np.float32))
    plan = ToyPlan(np.array([0.0, 1.0, 3.0]), 150, 7)
    arguments = linear([60.0, 300.0]), densities, np.full(len(x), 1.0 / len(x)), MU, LEVELS, 1.0, (0.0, 3.0)
    return x, BaselineInput(*arguments, varied, plan)


@pytest.fixture(scope="module")
def observed():
    """More events than expected, and more of them at high x: both nuisance parameters are pulled."""
    return np.random.default_rng(3).beta(1.3, 1.0, size=430)


def intensities_of(x, given):
    return given.densities[np.clip((x * len(given.densities)).astype(int), 0, len(given.densities) - 1)] * [
        60.0 * len(given.densities),
        300.0 * len(given.densities),
    ]


def results(kind, x, given, observed):
    intensities, seen = intensities_of(x, given), intensities_of(observed, given)
    if kind == "observable":
        return fixed_baseline("h", kind, "x", given, x, EDGES, observed)
    if kind == "discriminant":
        return discriminant_baseline("h", given, intensities, "s", "b", 6, seen)
    return parameterised_baseline("h", given, intensities, 6, seen)


@pytest.mark.parametrize("kind", ["observable", "discriminant", "parameterised"])
def test_every_data_set_has_its_own_inference(tmp_path, kind, given, observed):
    x, given = given
    result = results(kind, x, given, observed)
    for data in (result.asimov, result.observed):
        inference = data.inference
        assert inference.hat == data.hat and inference.significance.t == data.t_lower_bound
        assert inference.significance.p_value is not None and inference.significance.tested == 0.0
        for interval in inference.intervals:
            assert interval.neyman and len(interval.asymptotic) == len(data.intervals[str(interval.level)])
            np.testing.assert_allclose(interval.asymptotic, data.intervals[str(interval.level)], atol=0.02)
            # 150 toys know a quantile to 12 and 17 %, a linear model has Wald's: the ends move by as much.
            assert interval.neyman[-1][1] == pytest.approx(interval.asymptotic[-1][1], rel=0.2)
    assert result.asimov.inference.intervals != result.observed.inference.intervals
    to_json(result, tmp_path / "h.json")
    assert from_json(BaselineResult, tmp_path / "h.json").observed.inference == result.observed.inference


def test_toys_are_thrown_at_the_conditional_fit_to_the_data(given, observed):
    x, given = given
    result = fixed_baseline("h", "observable", "x", given, x, EDGES, observed)
    index = bin_index(x, np.array(EDGES), overflow=True)
    templates = fill_templates(index, given.densities, given.mixture, len(EDGES) - 1, given.varied)
    model = BinnedModel.of(given.mixture, templates, "h")
    pulled = fit(model.likelihood(result.observed.counts), {"mu": 0.0}).alpha
    assert np.abs(pulled).max() > 0.5
    for data, alpha, found in (("asimov", None, result.asimov), ("observed", np.array(pulled), result.observed)):
        if alpha is None:
            alpha = np.array(fit(model.likelihood(found.counts), {"mu": 0.0}).alpha)
        toys = throw_counts(model, 0.0, alpha, 150, given.toys.seed_of("h", data, 0.0))
        expected = significance_against(0.0, found.t_lower_bound, toys)
        # The scan's conditional fit is this one to 10^-4: one toy may differ.
        assert found.inference.significance.p_value[0] == pytest.approx(expected.p_value[0], abs=1.5 / 150)
        belt = build_belt({0.0: toys}, LEVELS).points[0]
        assert belt.toys == 150
    nominal = throw_counts(model, 0.0, None, 150, given.toys.seed_of("h", "observed", 0.0))
    shifted = throw_counts(model, 0.0, np.array(pulled), 150, given.toys.seed_of("h", "observed", 0.0))
    total = model.expected(0.0, np.array(pulled)).sum()
    assert shifted.events.mean() == pytest.approx(total, abs=5.0 * np.sqrt(total / 150))
    assert nominal.events.mean() == pytest.approx(300.0, abs=5.0 * np.sqrt(300.0 / 150))


def test_without_a_plan_there_is_no_inference(given):
    x, given = given
    assert fixed_baseline("h", "observable", "x", replace(given, toys=None), x, EDGES).asimov.inference is None


def test_seeds_belong_to_histogram_data_and_point():
    plan = ToyPlan(np.array([0.0]), 10, 1)
    seeds = {plan.seed_of(*key) for key in (("a", "asimov", 0.0), ("b", "asimov", 0.0), ("a", "observed", 0.0))}
    assert len(seeds | {plan.seed_of("a", "asimov", 1.0)}) == 4
    assert ToyPlan(np.array([0.0]), 10 * MOST, 1).number == MOST


def test_a_bin_that_expects_less_than_nothing_is_an_error():
    templates = Templates(("s", "b"), np.array([[-1.0, 2.0], [2.0, 2.0]]), np.zeros((2, 2, 2)))
    model = BinnedModel(linear([1.0, 4.0]), templates)
    with pytest.raises(ModelError, match="at 3: bin 1 expects -1"):
        throw_counts(model, 3.0, None, 5, seed=1)


def test_global_observables_come_from_the_constraints(monkeypatch):
    """Also of a width that is not 1, and of counts."""
    nuisances = (Nuisance("narrow", scale=0.5), Nuisance("control", "poisson", "linear", 1.0, (0.0, 5.0), 25.0))
    factors = np.array([[False, False], [False, True]])
    templates = Templates(
        ("s", "b"),
        np.array([[4.0], [9.0]]),
        np.zeros((1, 2, 2)),
        np.zeros((1, 0, 2), dtype=np.float32),
        Systematics.of(nuisances, np.zeros((2, 2, 2)), factors, np.zeros((0, 2), dtype=np.int64)),
    )
    found, toys, truth = {}, 4000, np.array([0.3, 1.2])
    monkeypatch.setattr(template_toys, "fit_toys", lambda *_, **given: found.update(given))
    throw_counts(BinnedModel.of(linear([4.0, 9.0]), templates, "count"), 1.0, truth, toys, seed=2)
    observed, width = found["global_observables"], np.array([0.5, np.sqrt(1.2 / 25.0)])
    assert np.all(np.abs(observed.mean(axis=0) - truth) < 4.0 * width / np.sqrt(toys))
    assert np.all(np.abs(observed.std(axis=0) / width - 1.0) < 4.0 / np.sqrt(2.0 * toys))
    np.testing.assert_allclose(observed[:, 1] * 25.0, np.round(observed[:, 1] * 25.0), atol=1e-9)
