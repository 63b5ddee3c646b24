import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.inference.fit import fit
from steelyard.inference.toy_fits import Status, fit_toys
from steelyard.inference.toys import ToySampler
from steelyard.likelihood.likelihood import Likelihood


@pytest.fixture(scope="module")
def experiments(interference):
    sampler, generator = ToySampler.at(interference, 0.3), np.random.default_rng(7)
    rows, offsets = sampler.draw(200, generator)
    return interference.intensities[rows], offsets


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.5])
def test_batch_agrees_with_iminuit_on_every_toy(interference, experiments, mu):
    intensities, offsets = experiments
    result = fit_toys(interference.mixture, intensities, offsets, mu)
    for index in range(len(offsets) - 1):
        single = Likelihood.of(interference.mixture, intensities[offsets[index] : offsets[index + 1]])
        best = fit(single)
        t = single.value(np.sqrt(mu))[0] - best.minimum
        # Ours may be the deeper minimum, never the shallower one beyond the tolerance of Minuit.
        assert result.t[index] >= t - 1e-6
        assert result.t[index] == pytest.approx(t, abs=1e-4)
        if abs(result.t[index] - t) < 1e-7 and len(best.basins) == 1:
            assert result.hat[index] == pytest.approx(best.hat, abs=1e-3)
    assert (result.status <= Status.AT_BOUND).all()


def test_batches_do_not_depend_on_their_size(interference, experiments, monkeypatch):
    intensities, offsets = experiments
    one = fit_toys(interference.mixture, intensities, offsets, 0.3)
    monkeypatch.setattr("steelyard.inference.toy_fits.CHUNK", 7)
    many = fit_toys(interference.mixture, intensities, offsets, 0.3, threads=2)
    np.testing.assert_allclose(many.t, one.t, atol=1e-8)
    assert (many.events == one.events).all() and (many.status == one.status).all()


def test_toys_at_the_bound_are_exact(interference):
    background = np.zeros((80, 4))
    background[:, 2] = interference.mixture.yields[2]
    result = fit_toys(interference.mixture, background, np.array([0, 80]), 0.0)
    assert result.hat[0] == 0.0 and result.t[0] == 0.0
    assert result.status[0] == Status.AT_BOUND


def test_empty_and_one_event_toys_have_a_defined_fit(interference):
    intensities = interference.intensities[10_000:10_001]
    result = fit_toys(interference.mixture, intensities, np.array([0, 0, 1, 1]), 1.0)
    assert list(result.events) == [0, 1, 0]
    assert (result.status <= Status.AT_BOUND).all()
    # No event: -2 ln L = 2 nu(mu), whose minimum over mu is where the expected number is smallest.
    grid = np.linspace(*interference.mixture.coordinate_bounds, 200_001)
    total = interference.mixture.total(grid)
    assert result.t[0] == pytest.approx(2.0 * (interference.mixture.total(1.0)[0] - total.min()), abs=1e-6)
    assert result.t[2] == result.t[0]


def test_failures_have_their_own_status(interference):
    impossible = np.array([[0.0, 0.0, 0.0, -1.0]])
    forbidden_above = np.array([[-100.0, 0.0, 0.0, 10.0]])
    result = fit_toys(interference.mixture, np.concatenate([impossible, forbidden_above]), np.array([0, 1, 2]), 9.0)
    assert list(result.status) == [Status.NO_VALID_START, Status.NEGATIVE_AT_TEST]
    assert np.isnan(result.t).all()


def test_no_toys(interference):
    assert len(fit_toys(interference.mixture, np.zeros((0, 4)), np.array([0]), 1.0).t) == 0


def test_negative_asimov_weights_are_counted_not_clipped(interference):
    intensities = interference.intensities.copy()
    intensities[:7, 3] = -1e4
    broken = type(interference)(
        interference.mixture, intensities, interference.weights, interference.normalisation, interference.rows
    )
    with pytest.raises(ModelError, match="7 of 20000 reference events have a negative Asimov weight"):
        ToySampler.at(broken, 1.0)
