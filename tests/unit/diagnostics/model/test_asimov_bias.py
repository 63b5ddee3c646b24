from dataclasses import replace

import numpy as np
import pytest
from simulated import intensities, simulated

from steelyard.diagnostics.model.asimov_bias import asimov_bias
from steelyard.inference.fit import fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients

EQUAL = np.full(4, 0.25)


def run(events, log_r, truths=(0.1, 1.0, 2.0)):
    return asimov_bias("mu", events.mixture, intensities(events, log_r), events.weights, EQUAL, truths, 0.1)


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
    learned = intensities(events, damaged(events))
    mixture = events.mixture
    for truth in (0.1, 1.0, 2.0):
        data = events.reference * (learned @ mixture.coefficients_along(mixture.to_coordinate(truth))[0])
        assert fit(Likelihood.of(mixture, learned, data)).hat == pytest.approx(truth, abs=1e-2)


def test_the_unit_of_the_parameter_does_not_matter():
    """The same analysis in a parameter that is 1,000 times as large: the verdict is of the same number."""
    events = simulated(20_000)
    mixture = events.mixture
    old = mixture.coefficients
    scaled = Coefficients(
        old.parameters, [text.replace("mu", "(mu/1000)") for text in old.expressions], {"mu": 1000.0}, old.lower
    )
    wide = replace(mixture, coefficients=scaled, bounds=tuple(1000.0 * bound for bound in mixture.bounds))
    learned = intensities(events, damaged(events))
    first, second = (
        asimov_bias("mu", mix, learned, events.weights, EQUAL, (truth,), 0.1)
        for mix, truth in ((mixture, 1.0), (wide, 1000.0))
    )
    assert second.hat[0] == pytest.approx(1000.0 * first.hat[0], rel=1e-4)
    assert second.checks[0].value == pytest.approx(first.checks[0].value, rel=1e-3)
    assert second.checks[0].error == pytest.approx(first.checks[0].error, rel=1e-3)


def test_the_scale_of_the_weights_does_not_matter():
    events = simulated(20_000)
    scaled = asimov_bias("mu", events.mixture, events.intensities, 7.0 * events.weights, EQUAL, (1.0,), 0.1)
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
