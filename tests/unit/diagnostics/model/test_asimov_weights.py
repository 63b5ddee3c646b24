import numpy as np
import pytest
from simulated import intensities, simulated

from steelyard.diagnostics.model.asimov_weights import asimov_weights

MU = np.linspace(0, 5, 11)


def run(events, log_r):
    coefficients = events.mixture.coefficients_along(events.mixture.to_coordinate(MU))
    return asimov_weights(intensities(events, log_r), events.reference, MU, coefficients), coefficients


def test_summary_is_that_of_the_weights():
    events = simulated(100_000)
    result, coefficients = run(events, events.log_r)
    for point in (0, 4, 10):
        weights = events.reference * (events.intensities @ coefficients[point])
        assert result.total[point] == pytest.approx(weights.sum())
        assert result.smallest[point] == pytest.approx(weights.min())
        assert result.largest[point] == pytest.approx(weights.max())
        assert result.effective[point] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert np.allclose(result.total, events.mixture.total(events.mixture.to_coordinate(MU)))
    assert [check.status for check in result.checks] == ["PASS", "PASS"]


def test_negative_weights_are_counted_and_fail():
    events = simulated(100_000)
    log_r = events.log_r.copy()
    # B enters with a negative coefficient above mu = 1, and nothing is left there to balance it
    log_r[events.x < 0.5, 1] -= 5.0
    log_r[events.x < 0.5, 3] -= 8.0
    result, coefficients = run(events, log_r)
    weights = events.reference[:, None] * (intensities(events, log_r) @ coefficients.T)
    assert np.array_equal(result.negative, (weights < 0).sum(axis=0)) and result.negative[-1] > 0
    assert np.allclose(result.negative_share, -np.minimum(weights, 0).sum(axis=0) / weights.sum(axis=0))
    check = result.checks[0]
    assert check.status == "FAIL" and check.value == result.negative.max()


def test_a_reference_that_is_thin_beside_the_data_does_not_pass():
    events = simulated(20_000)
    result, _ = run(events, events.log_r)
    assert result.checks[1].status == "PASS"
    few = simulated(8_000)
    result, _ = run(few, few.log_r)
    assert result.checks[1].status == "WARN"
    assert result.checks[1].value == pytest.approx((result.effective / result.total).min())
