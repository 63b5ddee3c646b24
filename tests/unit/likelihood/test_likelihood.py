import numpy as np
import pytest

from steelyard.likelihood.likelihood import Likelihood


def by_hand(model, intensities, weights, mu):
    f = np.array([mu - np.sqrt(mu), np.sqrt(mu), 1.0 - np.sqrt(mu), 1.0])
    return 2.0 * f @ model.mixture.yields - 2.0 * np.sum(weights * np.log(intensities @ f))


def test_value_is_the_formula(interference):
    weights = np.random.default_rng(1).uniform(size=len(interference.intensities))
    likelihood = Likelihood.of(interference.mixture, interference.intensities, weights)
    for mu in (0.0, 0.3, 1.0, 4.0):
        expected = by_hand(interference, interference.intensities, weights, mu)
        assert likelihood.value(np.sqrt(mu))[0] == pytest.approx(expected, rel=1e-12)


def test_threads_change_nothing(interference):
    weights = interference.asimov_weights(1.0)
    one, many = (
        Likelihood.of(interference.mixture, interference.intensities, weights, threads=threads) for threads in (1, 3)
    )
    assert (one.value([0.0, 0.5, 1.0]) == many.value([0.0, 0.5, 1.0])).all()
    assert one.derivatives(0.5) == many.derivatives(0.5)


@pytest.mark.parametrize("kappa", [0.0, 0.2, 1.0, 2.5])
def test_derivatives_are_those_of_the_value(interference, kappa):
    likelihood = interference.asimov(1.0)
    h = 1e-4
    places = kappa + h * np.array([0.0, 1.0, 2.0, 3.0, 4.0])  # one-sided: kappa has a lower bound
    values = likelihood.value(places)
    first = values @ np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / (12.0 * h)
    slopes = np.array([likelihood.derivatives(place)[1] for place in places])
    second = slopes @ np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / (12.0 * h)
    value, slope, curvature = likelihood.derivatives(kappa)
    assert value == pytest.approx(values[0], rel=1e-13)
    assert slope == pytest.approx(first, abs=1e-4)
    assert curvature == pytest.approx(second, rel=1e-6)


def test_a_negative_density_is_infinite_and_counted(interference):
    intensities = interference.intensities[:3].copy()
    intensities[1] = [-1.0, 0.0, 0.0, 0.5]
    likelihood = Likelihood.of(interference.mixture, intensities)
    assert likelihood.value(2.0)[0] == np.inf
    assert likelihood.negative_events(2.0) == 1
    assert np.isfinite(likelihood.value(0.0)[0])
    assert np.isfinite(Likelihood.of(interference.mixture, intensities, np.array([1.0, 0.0, 1.0])).value(2.0)[0])
