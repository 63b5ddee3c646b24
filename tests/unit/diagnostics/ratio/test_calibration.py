import numpy as np
import pytest
from simulated import simulated

from steelyard.diagnostics.ratio.calibration import calibration


def run(log_r, process, threshold=0.01):
    events = simulated()
    return calibration("ratio", events.weights[:, process], events.reference, log_r, threshold)


@pytest.mark.parametrize("process", range(4))
def test_exact_ratios_are_calibrated(process):
    result = run(simulated().log_r[:, process], process, threshold=0.02)
    assert result.check.status == "PASS"
    assert abs(result.chi2 - result.ndf) < 4 * np.sqrt(2 * result.ndf)
    assert np.abs(result.observed - result.predicted).max() < 5 * result.error.max()
    assert np.all(np.diff(result.predicted) > 0)


def test_the_diagram_is_that_of_a_classifier_with_balanced_classes():
    events = simulated()
    result = run(events.log_r[:, 2], 2)
    # for an exact ratio the fraction of the process at log r is its sigmoid, whatever the weights
    s = 1 / (1 + np.exp(-result.edges))
    assert np.all((result.observed > s[:-1] - 4 * result.error) & (result.observed < s[1:] + 4 * result.error))


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_ratio_scaled_by_two_per_cent_fails(factor):
    events = simulated()
    result = run(events.log_r[:, 2] + np.log(factor), 2)
    assert result.check.status == "FAIL"
    assert result.check.value == pytest.approx(0.02, abs=4 * result.check.error)


def test_an_overconfident_ratio_fails():
    events = simulated()
    result = run(1.2 * events.log_r[:, 2], 2, threshold=0.05)
    assert result.check.status == "FAIL"
    # too high above one half, too low below
    pull = (result.observed - result.predicted) / result.error
    assert pull[0] > 5 and pull[-1] < -5


def test_a_swapped_ratio_fails():
    assert run(simulated().log_r[:, 0], 1, threshold=0.05).check.status == "FAIL"
