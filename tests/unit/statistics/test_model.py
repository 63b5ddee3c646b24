import numpy as np
import pytest
from interference import BOUNDS, coefficients

from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.statistics.model import build_model, load_model, normalise, save_model


def events(n=4):
    return ReferenceEvents(np.full(n, 1.0 / n), np.stack([np.zeros(n, dtype=int), np.arange(n)], axis=1))


def test_ratios_are_exactly_normalised():
    generator = np.random.default_rng(0)
    log_r = generator.normal(size=(4, 4))
    yields = {"S": 1.0, "SBI": 2.0, "B": 3.0, "NI": 4.0}
    model = build_model(yields, coefficients(), BOUNDS, log_r, events())
    np.testing.assert_allclose(model.weights @ model.rates, list(yields.values()), rtol=1e-14)
    # Any other event is divided by the same numbers.
    np.testing.assert_allclose(model.event_rates(log_r), model.rates, rtol=1e-14)


def test_asimov_weights_add_up_to_the_expected_events(interference):
    for mu in (0.0, 0.4, 1.0, 3.0):
        kappa = np.sqrt(mu)
        total = interference.mixture.total(kappa)[0]
        assert interference.asimov_weights(mu).sum() == pytest.approx(total, rel=1e-12)


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
        normalise(("S",), log_r, events().weights)


def test_round_trip_through_a_file(interference, tmp_path):
    save_model(interference, tmp_path / "model.npz")
    back = load_model(tmp_path / "model.npz")
    assert back.mixture.processes == interference.mixture.processes
    np.testing.assert_array_equal(back.rates, interference.rates)
    np.testing.assert_array_equal(back.asimov_weights(0.7), interference.asimov_weights(0.7))
