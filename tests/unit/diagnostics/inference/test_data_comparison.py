import numpy as np
import pytest
from interference import rate_densities
from simulated import intensities, simulated

from steelyard.diagnostics.inference.data_comparison import compare_data
from steelyard.errors import ModelError

MU = 1.0


def experiment(mu, seed, factor=1.0):
    """x of one simulated experiment, by accept-reject from the exact total."""
    rng = np.random.default_rng(seed)
    mixture = simulated().mixture
    coefficients = mixture.coefficients_along(mixture.to_coordinate(mu))[0]
    top = 1.3 * (rate_densities(np.linspace(0, 1, 1001)) @ coefficients).max() * factor
    x = rng.uniform(size=rng.poisson(top))
    return x[rng.uniform(0, top, size=len(x)) < factor * (rate_densities(x) @ coefficients)]


def observed_intensities(x):
    """nu_c r_c of observed events, as exact as those of the simulation."""
    density = rate_densities(x)
    yields = simulated().mixture.yields
    return density / (density / yields).mean(axis=1, keepdims=True)


def run(x, log_r=None, p_value=0.01):
    events = simulated(50_000)
    mixture = events.mixture
    learned = intensities(events, events.log_r if log_r is None else log_r)
    coefficients = mixture.coefficients_along(mixture.to_coordinate(MU))[0]
    return compare_data(MU, coefficients, learned, events.reference, observed_intensities(x), p_value=p_value)


def test_data_of_the_model_agree_as_often_as_they_say():
    results = [run(experiment(MU, seed)) for seed in range(100)]
    p = np.sort([result.p_value for result in results])
    # Kolmogorov-Smirnov: 1.63/sqrt(100) is exceeded once in 100 times
    assert np.abs(p - (np.arange(100) + 0.5) / 100).max() < 1.63 / 10
    result = results[0]
    assert result.observed.sum() == len(experiment(MU, 0))
    assert np.allclose(result.expected, result.expected.mean(), rtol=0.05)
    assert np.all(result.error < 0.05 * result.expected)


def test_large_data_have_room_for_the_error_of_a_small_simulation():
    """A fifth of the bins' variance and more is the simulation's, another one for each experiment."""
    p = []
    for seed in range(100):
        events = simulated(4_000, 500 + seed)
        coefficients = events.mixture.coefficients_along(events.mixture.to_coordinate(MU))[0]
        learned = intensities(events, events.log_r)
        # the numbers that normalise the reference normalise the data
        data = observed_intensities(experiment(MU, seed)) / (events.reference @ np.exp(events.log_r))
        p.append(compare_data(MU, coefficients, learned, events.reference, data).p_value)
    assert np.abs(np.sort(p) - (np.arange(100) + 0.5) / 100).max() < 1.63 / 10


def test_data_of_another_parameter_or_rate_disagree():
    assert run(experiment(6.0, 1)).check.status == "FAIL"
    assert run(experiment(MU, 1, factor=1.4)).check.status == "FAIL"


def test_a_negative_density_is_an_error():
    events = simulated()
    x = experiment(MU, 1)
    with pytest.raises(ModelError, match="no positive density at 1"):
        compare_data(MU, np.array([0.0, -1.0, 0.0, 0.0]), events.intensities, events.reference, observed_intensities(x))
