"""Ratios made into intensities, and the mean on the reference that they are divided by."""

import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.regions.normalisation import log_mean, log_ratios, normalise

PROCESSES, YIELDS = ("S", "B"), np.array([50.0, 1000.0])


def test_the_error_of_the_mean_ratio_is_its_scatter():
    generator = np.random.default_rng(1)
    weights = np.full(1000, 1e-3)
    samples = [normalise(("c",), generator.normal(size=(1000, 1)) * 0.3, weights) for _ in range(400)]
    scatter = np.std([sample.mean[0] for sample in samples])
    quoted = np.mean([sample.error[0] for sample in samples])
    assert quoted == pytest.approx(scatter, rel=4.0 / np.sqrt(2.0 * 400))


@pytest.mark.parametrize(("bad", "message"), [(np.inf, "not finite on 1 reference"), (np.nan, "not finite on 1")])
def test_a_ratio_that_is_no_number_is_an_error(bad, message):
    log_r = np.zeros((4, 1))
    log_r[2] = bad
    with pytest.raises(ModelError, match=message):
        normalise(("S",), log_r, np.full(4, 0.25))


def reference(events=1000):
    log_r = np.random.default_rng(3).normal(size=(events, 2))
    return log_r, np.full(events, 1.0 / events)


def test_an_intensity_has_the_yield_for_its_mean_and_its_ratio_one():
    log_r, weights = reference()
    found = normalise(PROCESSES, log_r, weights)
    np.testing.assert_allclose(weights @ found.intensities(log_r, YIELDS), YIELDS, rtol=1e-13)
    np.testing.assert_allclose(weights @ found.ratios(log_r), 1.0, rtol=1e-13)


def test_scores_of_a_network_are_exponentiated_in_double_precision():
    """A score is float32; its exponential in float32 would add 2e-7 of its own, and to observed events alone."""
    log_r, weights = reference()
    scores = log_r.astype(np.float32)
    found = normalise(PROCESSES, scores, weights)
    expected = np.exp(scores.astype(float)) * (YIELDS / found.mean)
    np.testing.assert_allclose(found.intensities(scores, YIELDS), expected, rtol=1e-14)


def test_intensities_give_the_ratios_back_in_logarithms():
    log_r, weights = reference()
    found = normalise(PROCESSES, log_r, weights)
    back = log_ratios(found.intensities(log_r, YIELDS), YIELDS)
    np.testing.assert_allclose(back, log_r - np.log(found.mean), rtol=0.0, atol=1e-14)


def test_what_is_subtracted_makes_the_expectation_one():
    values, density = reference()
    values = values.T
    np.testing.assert_allclose(np.exp(values - log_mean(values, density)[:, None]) @ density, 1.0, rtol=1e-13)
    assert np.exp(values[0] - log_mean(values[0], density)) @ density == pytest.approx(1.0, rel=1e-13)
