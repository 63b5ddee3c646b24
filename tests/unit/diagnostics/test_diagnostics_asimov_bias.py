import numpy as np
import pytest
from simulated import rates, simulated

from steelyard.diagnostics.asimov_bias import asimov_bias
from steelyard.statistics.fits import fit
from steelyard.statistics.likelihood import Likelihood

EQUAL = np.full(4, 0.25)


def run(events, log_r, truths=(0.1, 1.0, 2.0)):
    return asimov_bias("mu", events.mixture, rates(events, log_r), events.weights, EQUAL, truths, 0.1)


def damaged(events):
    log_r = events.log_r.copy()
    log_r[:, 1] += 0.2 * events.x
    return log_r


def test_exact_ratios_return_the_truth():
    result = run(simulated(), simulated().log_r)
    assert np.abs((result.hat - result.truth) / result.error).max() < 4
    assert [check.status for check in result.checks] == ["PASS"] * 3


def test_a_tilted_ratio_fails():
    result = run(simulated(), damaged(simulated()))
    assert "FAIL" in [check.status for check in result.checks]


def test_swapped_ratios_fail():
    result = run(simulated(), simulated().log_r[:, [0, 2, 1, 3]], truths=(1.0,))
    assert result.checks[0].status == "FAIL"


def test_weights_formed_with_the_ratios_would_never_notice():
    events = simulated()
    learned = rates(events, damaged(events))
    mixture = events.mixture
    for truth in (0.1, 1.0, 2.0):
        data = events.reference * (learned @ mixture.fractions(mixture.to_coordinate(truth))[0])
        assert fit(Likelihood(mixture, learned, data)).hat == pytest.approx(truth, abs=1e-2)


def test_the_scale_of_the_weights_does_not_matter():
    events = simulated(20_000)
    scaled = asimov_bias("mu", events.mixture, events.rates, 7.0 * events.weights, EQUAL, (1.0,), 0.1)
    assert scaled.hat[0] == pytest.approx(run(events, events.log_r, (1.0,)).hat[0], abs=1e-6)


def test_the_error_covers_the_scatter_of_independent_samples():
    pulls = []
    for seed in range(60):
        events = simulated(10_000, 100 + seed)
        result = run(events, events.log_r, truths=(2.0,))
        pulls.append((result.hat[0] - 2.0) / result.error[0])
    # spread of 60 pulls: 1 +- 0.09; mean: 0 +- 0.13
    assert abs(np.std(pulls) - 1) < 0.3
    assert abs(np.mean(pulls)) < 4 * 0.13
