"""Poisson counts in bins: the compiled likelihood against its formula in plain numpy, and its fits against iminuit."""

import numpy as np
import pytest
from random_models import effect

from steelyard.errors import ModelError
from steelyard.inference.fit import fit
from steelyard.inference.toy_fits import fit_toys
from steelyard.likelihood.kernels.orders import GRADIENT, VALUE
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.regions.normaliser_fit import build_normaliser

CENTRES = (np.arange(10) + 0.5) / 10
# Signal and background in ten bins, 10^4 events; a bin that the signal does not reach.
TEMPLATES = np.stack([2000.0 * CENTRES**4 / (CENTRES**4).sum(), 8000.0 * np.exp(-CENTRES) / np.exp(-CENTRES).sum()])
TEMPLATES[0, 0] = 0.0
BOUNDS = (0.0, 5.0)
MIXTURE = Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), TEMPLATES.sum(axis=1), BOUNDS)


def wide_shapes(size=0.3):
    """Two shapes of 30 % on both processes and a yield effect, code 4; the first shape with a third on its lower side.

    Returns:
        The systematics and ln g of the bins (B, T, 2).
    """
    slope, wave = 2.0 * (CENTRES - 0.5), np.cos(np.pi * CENTRES)
    log_g = np.empty((10, 4, 2))
    for t, shape in enumerate((slope, wave, -slope, 0.8 * wave)):
        log_g[:, t] = size * np.stack([shape, -shape * (0.4 if t == 0 else 0.9)], axis=1)
    log_g[0, :2] = 0.0
    log_yields = np.zeros((2, 3, 2))
    log_yields[1, 2] = np.log([1.05, 0.96])
    nuisances = tuple(Nuisance(name) for name in ("tilt", "wave", "norm"))
    terms = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return Systematics.of(nuisances, log_yields, np.zeros((2, 3), dtype=bool), terms), log_g


def formula(systematics, log_g, counts, kappa, alpha):
    """-2 ln L, and the expectation of the bins."""
    expected = TEMPLATES.T * MIXTURE.coefficients_along(kappa)[0]
    for c in range(2):
        for k in range(len(alpha)):
            expected[:, c] *= effect("code4", *systematics.log_yields[c, k], alpha[k])
    for t, (c, k) in enumerate(systematics.terms):
        up, down = np.asarray(log_g[:, t], dtype=np.float32).astype(float).T
        expected[:, c] *= effect("code4", up, down, alpha[k])
    expected = expected.sum(axis=1)
    return 2.0 * (expected - counts * np.log(expected)).sum() + alpha @ alpha, expected


def binned(counts, observed=None):
    systematics, log_g = wide_shapes()
    return Likelihood.of(MIXTURE, TEMPLATES.T, counts, systematics, log_g, observed, binned=True)


@pytest.fixture(scope="module")
def counts():
    """Thrown, two of them empty: an empty bin says that nothing was expected there."""
    thrown = np.random.default_rng(4).poisson(TEMPLATES.sum(axis=0)).astype(float)
    thrown[[0, 6]] = 0.0
    return thrown


POINTS = [(0.7, (2.94, -3.0, 0.5)), (2.2, (0.4, -0.7, -1.6)), (0.05, (-0.2, 0.9, 0.0)), (1.0, (-2.1, 0.3, 2.5))]


@pytest.mark.parametrize(("kappa", "alpha"), POINTS)
def test_value_gradient_and_hessian_are_those_of_the_formula(counts, kappa, alpha):
    """At (2.94, -3) a likelihood that divides by a second-order normaliser was 138 below the right value.

    Shapes are float32, so an expectation of a thousand is known to 10^-4 and enters with (n - lambda)/lambda.
    """
    likelihood, alpha = binned(counts), np.array(alpha)
    systematics, log_g = wide_shapes()
    place, h = np.concatenate([[kappa], alpha]), 1e-4
    here = likelihood.expansion(kappa, alpha)
    value, _ = formula(systematics, log_g, counts, kappa, alpha)
    assert here.value == pytest.approx(value, rel=1e-7)
    assert likelihood.value(kappa, alpha)[0] == pytest.approx(value, rel=1e-7)
    for i, step in enumerate(h * np.eye(4)):
        ends = [formula(systematics, log_g, counts, p[0], p[1:])[0] for p in (place + step, place - step)]
        assert here.gradient[i] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-2)
    scale = np.sqrt(np.abs(np.diag(here.hessian)))
    for i, step in enumerate(1e-3 * np.eye(4)):
        up, down = (likelihood.evaluator.expand(p, GRADIENT).gradient for p in (place + step, place - step))
        np.testing.assert_allclose(here.hessian[i] / scale / scale[i], (up - down) / 2e-3 / scale / scale[i], atol=1e-3)


def test_the_expectation_is_the_sum_over_the_bins():
    """With unit counts everywhere but in one bin nothing is separated: the value knows each bin's own expectation."""
    alpha, (systematics, log_g) = np.array([2.94, -3.0, 1.0]), wide_shapes()
    empty = Likelihood.of(MIXTURE, TEMPLATES.T, np.zeros(10), systematics, log_g, binned=True)
    _, expected = formula(systematics, log_g, np.zeros(10), 1.0, alpha)
    assert empty.value(1.0, alpha)[0] - alpha @ alpha == pytest.approx(2.0 * expected.sum(), rel=1e-6)


@pytest.mark.parametrize("truth", [0.0, 0.4, 1.0, 2.5])
def test_the_fit_of_the_expectation_returns_the_truth(truth):
    """It was at the bound, 5, for a truth of 1."""
    result = fit(binned(truth * TEMPLATES[0] + TEMPLATES[1]))
    assert result.hat == pytest.approx(truth, abs=2e-4) and result.valid
    np.testing.assert_allclose(result.alpha, 0.0, atol=2e-3)
    assert result.at_bound == (truth == 0.0)


def test_fits_are_those_of_iminuit_on_the_formula(counts):
    from iminuit import Minuit

    systematics, log_g = wide_shapes()
    result = fit(binned(counts))

    def function(place):
        return formula(systematics, log_g, counts, place[0], place[1:])[0]

    found = []
    for start in (0.3, 1.0, 3.0):
        minuit = Minuit(function, np.array([start, 0.0, 0.0, 0.0]))
        minuit.errordef, minuit.strategy = 1.0, 2
        minuit.limits = [BOUNDS, *[(-5, 5)] * 3]
        minuit.migrad()
        found.append((minuit.fval, minuit.values[0]))
    deepest, hat = min(found)
    assert result.minimum == pytest.approx(deepest, abs=2e-3)
    assert result.hat == pytest.approx(hat, abs=0.02 * result.uncertainty)


def test_toys_of_bins_are_the_fits_of_their_counts():
    systematics, log_g = wide_shapes()
    generator = np.random.default_rng(2)
    thrown = generator.poisson(0.004 * TEMPLATES.sum(axis=0), size=(6, 10))
    thrown[1:, 2] = 0
    mixture = Mixture(MIXTURE.processes, MIXTURE.coefficients, 0.004 * MIXTURE.yields, BOUNDS)
    observed = generator.normal(size=(6, 3))
    rows = np.tile(np.arange(10), 6)
    toys = fit_toys(
        mixture,
        0.004 * TEMPLATES.T,
        10 * np.arange(7),
        1.0,
        systematics,
        log_g,
        observed,
        rows,
        counts=thrown.ravel(),
    )
    assert toys.events.tolist() == thrown.sum(axis=1).tolist()
    for number in range(6):
        arguments = 0.004 * TEMPLATES.T, thrown[number].astype(float), systematics, log_g, observed[number]
        likelihood = Likelihood.of(mixture, *arguments, binned=True)
        best, fixed = fit(likelihood), fit(likelihood, {"mu": 1.0})
        assert toys.t[number] == pytest.approx(fixed.minimum - best.minimum, abs=1e-4)
        assert toys.hat[number] == pytest.approx(best.hat, abs=2e-3)


def test_a_bin_must_expect_something_even_if_it_is_empty():
    intensities = TEMPLATES.T.copy()
    intensities[3, 1] = -1.0  # below mu = 0.07 nothing is expected there
    counts = np.ones(10)
    counts[3] = 0.0
    likelihood = Likelihood.of(MIXTURE, intensities, counts, binned=True)
    assert likelihood.value([0.0, 1.0])[0] == np.inf and np.isfinite(likelihood.value(1.0)[0])
    assert likelihood.negative_events(0.0) == 1
    assert likelihood.evaluator.expand(np.zeros(1), VALUE).value == np.inf


@pytest.mark.parametrize("bins", [1, 15, 16, 255, 256, 257])
def test_any_number_of_bins(bins):
    """Rows are filled up by copies, which are no bins: nothing may be added for them."""
    intensities, counts = np.full((bins, 2), 0.5), np.arange(bins) % 3.0
    likelihood = Likelihood.of(MIXTURE, intensities, counts, binned=True)
    here = likelihood.expansion(1.0)
    assert here.value == pytest.approx(2.0 * bins, rel=1e-14)  # lambda = 1 everywhere
    assert here.gradient[0] == pytest.approx((bins - counts.sum()), rel=1e-6, abs=1e-6)
    assert here.hessian[0, 0] == pytest.approx(0.5 * counts.sum(), rel=1e-6)
    assert likelihood.value(3.0)[0] == pytest.approx(2.0 * (2.0 * bins - counts.sum() * np.log(2.0)), rel=1e-14)


def test_what_is_no_histogram_is_an_error():
    systematics, log_g = wide_shapes()
    with pytest.raises(ModelError, match="needs their counts"):
        Likelihood.of(MIXTURE, TEMPLATES.T, binned=True)
    with pytest.raises(ModelError, match="needs their counts"):
        Likelihood.of(MIXTURE, TEMPLATES.T, np.full(10, -1.0), binned=True)
    normalised = systematics.with_effects(normaliser=build_normaliser(systematics, log_g, TEMPLATES.T))
    with pytest.raises(ModelError, match="cannot have a normaliser"):
        Likelihood.of(MIXTURE, TEMPLATES.T, np.ones(10), normalised, log_g, binned=True).value(1.0)
    with pytest.raises(ModelError, match="9 counts for 10 bins"):
        fit_toys(MIXTURE, TEMPLATES.T, np.array([0, 10]), 1.0, counts=np.ones(9))
