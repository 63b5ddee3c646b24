"""The compiled likelihood against its formula, written down once more in plain numpy (:mod:`random_models`)."""

import numpy as np
import pytest
import random_models

from steelyard.likelihood.kernels.orders import GRADIENT, VALUE
from steelyard.likelihood.likelihood import Likelihood

# What a shape changes is float32: of -2 ln L of some hundred events, this is chance.
NOISE = 1e-4

MODELS = {
    "no nuisance parameters": {"nuisances": 0, "seed": 1},
    "code 4 and exponentials": {"nuisances": 3, "seed": 2},
    "wide shapes": {"nuisances": 2, "seed": 3, "shape": 0.4, "norm": 0.1},
    "norms and a norm factor": {"nuisances": 2, "seed": 4, "norm_only": 2, "factors": 1},
    "seven shapes": {"nuisances": 7, "seed": 5, "shape": 0.03},
    "third order and anchor": {"nuisances": 3, "seed": 6, "norm_only": 1},
}


@pytest.fixture(scope="module", params=MODELS)
def analysis(request):
    drawn = random_models.analysis(events=1000, **MODELS[request.param])
    if request.param == "third order and anchor":
        return random_models.with_third_order_and_anchor(drawn, seed=1)
    return drawn


def likelihood_of(analysis, seed=0, threads=1, repeats=1):
    """Asimov data of which some events have lost or doubled their weight, with thrown global observables."""
    generator = np.random.default_rng(seed)
    weights = analysis.asimov_weights(1.0) * generator.integers(0, 3, size=len(analysis.weights))
    weights, intensities = np.tile(weights, repeats), np.tile(analysis.intensities, (repeats, 1))
    log_g = np.tile(analysis.log_g, (repeats, 1, 1))
    observed = analysis.systematics.nominal + 0.5 * generator.normal(size=len(analysis.systematics))
    return Likelihood.of(analysis.mixture, intensities, weights, analysis.systematics, log_g, observed, threads)


def points(analysis, number, seed=0):
    """Points (kappa, alpha), inside and outside of the polynomial's range."""
    generator = np.random.default_rng(seed)
    for _ in range(number):
        alpha = analysis.systematics.nominal + 0.9 * generator.normal(size=len(analysis.systematics))
        alpha[np.abs(np.abs(alpha) - 1.0) < 0.02] += 0.05  # differences shall not straddle the jump of code 4 at ±1
        yield generator.uniform(0.05, 2.5), np.clip(alpha, *(analysis.systematics.bounds.T * 0.9))


def formula(likelihood, kappa, alpha):
    return random_models.minus_two_log_likelihood(
        likelihood.mixture,
        likelihood.intensities,
        likelihood.weights,
        likelihood.systematics,
        likelihood.log_g,
        likelihood.global_observables,
        kappa,
        alpha,
    )


def test_value_is_the_formula(analysis):
    likelihood = likelihood_of(analysis)
    for kappa, alpha in points(analysis, 10):
        value = likelihood.evaluator.expand(np.concatenate([[kappa], alpha]), VALUE).value
        assert value == pytest.approx(formula(likelihood, kappa, alpha), abs=NOISE)


def test_gradient_is_that_of_the_formula(analysis):
    likelihood, h = likelihood_of(analysis), 1e-4
    for kappa, alpha in points(analysis, 3):
        found = likelihood.evaluator.expand(np.concatenate([[kappa], alpha]), GRADIENT).gradient
        place = np.concatenate([[kappa], alpha])
        for i, step in enumerate(h * np.eye(len(place))):
            ends = [formula(likelihood, point[0], point[1:]) for point in (place + step, place - step)]
            assert found[i] == pytest.approx((ends[0] - ends[1]) / (2.0 * h), rel=2e-5, abs=2e-3)


def test_hessian_is_that_of_the_gradient(analysis):
    likelihood, h = likelihood_of(analysis), 2e-3
    for kappa, alpha in points(analysis, 3):
        here = likelihood.expansion(kappa, alpha)
        place = np.concatenate([[kappa], alpha])
        scale = np.sqrt(np.abs(np.diag(here.hessian)))
        for i, step in enumerate(h * np.eye(len(place))):
            ends = [likelihood.evaluator.expand(p, GRADIENT).gradient for p in (place + step, place - step)]
            column = (ends[0] - ends[1]) / (2.0 * h)
            np.testing.assert_allclose(here.hessian[i] / scale / scale[i], column / scale / scale[i], atol=2e-3)
        np.testing.assert_array_equal(here.hessian, here.hessian.T)


def test_orders_of_derivatives_agree(analysis):
    likelihood = likelihood_of(analysis)
    for kappa, alpha in points(analysis, 3):
        full = likelihood.expansion(kappa, alpha)
        gradient = likelihood.evaluator.expand(np.concatenate([[kappa], alpha]), GRADIENT)
        assert gradient.value == pytest.approx(full.value, abs=NOISE)
        np.testing.assert_allclose(gradient.gradient, full.gradient, atol=2e-3, rtol=1e-5)


def test_slices_agree_with_single_points(analysis):
    likelihood, kappa = likelihood_of(analysis), np.array([0.0, 0.4, 1.3, 3.0])
    for _, alpha in points(analysis, 2):
        values = likelihood.evaluator.slice(kappa, alpha)
        for g in range(len(kappa)):
            assert values[g] == pytest.approx(
                likelihood.evaluator.expand(np.concatenate([[kappa[g]], alpha]), VALUE).value, abs=NOISE
            )


def test_threads_change_no_bit(analysis):
    """Groups of blocks are added up in their order, whoever has summed them."""
    one, many = (likelihood_of(analysis, threads=threads, repeats=30) for threads in (1, 3))
    (kappa, alpha), *_ = points(analysis, 1)
    for first, second in zip(
        (one.expansion(kappa, alpha).hessian, one.evaluator.slice(np.array([0.2, 1.0]), alpha)),
        (many.expansion(kappa, alpha).hessian, many.evaluator.slice(np.array([0.2, 1.0]), alpha)),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_an_event_without_weight_has_no_say(analysis):
    likelihood = likelihood_of(analysis)
    kept = likelihood.weights > 0.0
    assert 0 < kept.sum() < len(kept)
    fewer = Likelihood.of(
        analysis.mixture,
        likelihood.intensities[kept],
        likelihood.weights[kept],
        analysis.systematics,
        likelihood.log_g[kept],
        likelihood.global_observables,
    )
    for kappa, alpha in points(analysis, 1):
        assert fewer.expansion(kappa, alpha).value == likelihood.expansion(kappa, alpha).value


def test_an_even_number_of_negative_densities_is_seen(analysis):
    """Logarithms are taken of products of events; two negative ones must not hide in one."""
    for bad in ([3, 4], [3, 259], [0, 1, 2, 3, 4, 5, 6, 7]):
        intensities = analysis.intensities[:600].copy()
        intensities[bad] *= -1.0
        data = Likelihood.of(analysis.mixture, intensities, None, analysis.systematics, analysis.log_g[:600])
        assert data.expansion(1.0).value == np.inf
        assert data.value([0.5, 1.0]).tolist() == [np.inf, np.inf]
        assert data.negative_events(1.0) == len(bad)


@pytest.mark.parametrize("events", [1, 7, 8, 9, 255, 256, 257, 300])
def test_blocks_of_every_size(analysis, events):
    """Events are filled up to whole vector registers by copies without weight."""
    rows = np.random.default_rng(events).integers(len(analysis.weights), size=events)
    data = Likelihood.of(analysis.mixture, analysis.intensities[rows], None, analysis.systematics, analysis.log_g[rows])
    weighted = Likelihood.of(
        analysis.mixture, analysis.intensities[rows], np.ones(events), analysis.systematics, analysis.log_g[rows]
    )
    for kappa, alpha in points(analysis, 1):
        assert data.expansion(kappa, alpha).value == pytest.approx(formula(weighted, kappa, alpha), abs=NOISE)
        assert weighted.expansion(kappa, alpha).value == pytest.approx(data.expansion(kappa, alpha).value, abs=1e-9)
