import numpy as np
import pytest
from simulated import intensities, simulated

from steelyard.diagnostics.model.sensitivity import Variable, event_shares, sensitivity_maps
from steelyard.errors import ModelError
from steelyard.likelihood.likelihood import Likelihood


def at(mixture, mu):
    return mu, mixture.coefficients_along(mixture.to_coordinate(mu))[0]


@pytest.mark.parametrize("tested", [0.0, 0.3, 2.5])
def test_shares_add_up_to_the_expected_t(tested):
    events = simulated()
    mixture = events.mixture
    shares, asimov = event_shares(events.intensities, events.reference, at(mixture, tested)[1], at(mixture, 1.0)[1])
    likelihood = Likelihood.of(mixture, events.intensities, asimov)
    low, high = likelihood.value(mixture.to_coordinate(np.array([1.0, tested])))
    assert shares.sum() == pytest.approx(high - low, rel=1e-9)
    assert shares.min() >= 0.0


def test_maps_hold_shares_and_events_in_their_cells():
    events = simulated(50_000)
    mixture = events.mixture
    x = Variable("x", events.x, (0.0, 1.0))
    y = Variable("y", events.y)
    (result,) = sensitivity_maps(
        [(x, y)], events.intensities, events.reference, at(mixture, 0.0), at(mixture, 1.0), bins=10
    )
    shares, asimov = event_shares(events.intensities, events.reference, at(mixture, 0.0)[1], at(mixture, 1.0)[1])
    cell = (events.x >= 0.3) & (events.x < 0.4) & (events.y >= result.y_edges[5]) & (events.y < result.y_edges[6])
    assert result.share[3, 5] == pytest.approx(shares[cell].sum())
    assert result.events[3, 5] == pytest.approx(asimov[cell].sum())
    assert result.total == pytest.approx(shares.sum())
    assert 0.99 * result.total < result.share.sum() < result.total
    assert (result.x, result.y, result.tested, result.truth) == ("x", "y", 0.0, 1.0)
    # without a range the central 99.8 %: 3.09 standard deviations of y
    assert result.y_edges[[0, -1]] == pytest.approx([-3.09, 3.09], abs=0.2)


def test_the_map_points_to_where_the_hypotheses_differ():
    events = simulated(50_000)
    mixture = events.mixture
    x, y = Variable("x", events.x, range=(0.0, 1.0)), Variable("y", events.y, range=(-4.0, 4.0))
    (result,) = sensitivity_maps(
        [(x, y)], events.intensities, events.reference, at(mixture, 3.0), at(mixture, 1.0), bins=10
    )
    along_x = result.share.sum(axis=1)
    # lambda(3)/lambda(1) is farthest from one at x = 1, where the signal amplitude is largest
    assert np.argmax(along_x) == 9 and along_x[9] > 0.5 * result.total


def test_a_negative_density_is_an_error():
    events = simulated(50_000)
    log_r = events.log_r.copy()
    log_r[events.x < 0.5, 1] -= 5.0
    log_r[events.x < 0.5, 3] -= 8.0
    with pytest.raises(ModelError, match="no positive density"):
        event_shares(
            intensities(events, log_r), events.reference, at(events.mixture, 5.0)[1], at(events.mixture, 1.0)[1]
        )
