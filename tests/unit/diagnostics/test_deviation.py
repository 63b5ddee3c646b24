import numpy as np
import pytest

from steelyard.diagnostics.deviation import correlated_deviation, normalised_covariance, relative_deviation

BINS, SCALE = 20, 1.0 / 20
SIGMA = 0.03 * SCALE  # 3 % in each bin


def histograms(size, toys=4000, seed=1):
    """Differences (toys, B) that fluctuate about a sine of rms relative ``size``."""
    truth = size * np.sqrt(2) * np.sin(2 * np.pi * (np.arange(BINS) + 0.5) / BINS) * SCALE
    difference = truth + np.random.default_rng(seed).normal(0, SIGMA, size=(toys, BINS))
    return difference, np.full((toys, BINS), SIGMA**2), np.full((toys, BINS), SCALE)


# Standard deviation of value^2 without a deviation: sum of 20 chi2_1, each of variance 2.
SPREAD = np.sqrt(2 * BINS) * SIGMA**2 / SCALE


def test_it_is_zero_without_a_deviation_at_any_statistics():
    value, error = relative_deviation(*histograms(0.0))
    # A chi2 of 20 exceeds its mean by two standard deviations in 3.8 % of cases; binomial error of 4000: 0.3 %.
    assert abs(np.mean(value**2 > 2 * SPREAD) - 0.038) < 0.012
    assert np.mean(value == 0.0) > 0.5
    assert np.median(error[value == 0.0]) == np.sqrt(SPREAD)


def test_it_measures_the_size_and_not_the_significance():
    value, error = relative_deviation(*histograms(0.05))
    # value^2 is unbiased; its mean over toys is known to its spread over sqrt(4000)
    assert abs(np.mean(value**2) - 0.05**2) < 4 * np.std(value**2) / np.sqrt(len(value))
    assert abs(np.std((value - 0.05) / error) - 1) < 0.1


def test_normalising_takes_part_of_the_fluctuation_away():
    rng = np.random.default_rng(3)
    share = rng.dirichlet(np.ones(6), size=2)
    sigma = rng.uniform(0.5, 1.5, size=6)
    first = rng.normal(0, sigma, size=(100_000, 6))
    raw = np.stack([first, 0.6 * first + 0.8 * rng.normal(0, sigma, size=first.shape)], axis=1)
    normalised = raw - share * raw.sum(axis=2, keepdims=True)
    covariance = np.array([[1.0, 0.6], [0.6, 1.0]])[:, :, None] * sigma**2
    expected = normalised_covariance(covariance, share)
    found = np.einsum("tcb,tdb->cdb", normalised, normalised) / len(raw)
    # relative error of a variance from 1e5 values: sqrt(2/1e5) = 0.0045
    scale = np.sqrt(expected[[0, 1], [0, 1]])
    assert np.abs((found - expected) / (scale[:, None] * scale[None])).max() < 5 * 0.0045


def test_correlated_is_the_same_without_correlations():
    difference, variance, scale = (values[0] for values in histograms(0.05, toys=1))
    expected = relative_deviation(difference, variance, scale)
    np.testing.assert_allclose(correlated_deviation(difference, np.diag(variance), scale), expected, rtol=1e-12)


def test_correlations_between_bins_belong_to_the_error():
    """Neighbours correlated by 0.45: the spread of value^2 without a deviation is that of the whole covariance."""
    covariance = SIGMA**2 * (np.eye(BINS) + 0.45 * np.eye(BINS, k=1) + 0.45 * np.eye(BINS, k=-1))
    toys = np.random.default_rng(2).multivariate_normal(np.zeros(BINS), covariance, size=4000)
    squares = (toys**2 - SIGMA**2).sum(axis=1) / SCALE
    value, error = correlated_deviation(np.zeros(BINS), covariance, np.full(BINS, SCALE))
    assert value == 0.0
    assert error**2 == pytest.approx(np.std(squares), rel=0.1)
    assert np.std(squares) > 1.1 * np.sqrt(2 * BINS) * SIGMA**2 / SCALE  # independent bins would have less
