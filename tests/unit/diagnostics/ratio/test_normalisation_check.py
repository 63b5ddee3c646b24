import numpy as np
from simulated import simulated

from steelyard.diagnostics.ratio.normalisation_check import check_normalisation


def raw_mean(log_r, reference):
    ratio = np.exp(log_r)
    mean = reference @ ratio
    return mean, np.sqrt(reference**2 @ (ratio - mean) ** 2)


def test_exact_ratios_pass_and_a_ratio_two_per_cent_off_fails():
    simulation = simulated()
    names = simulation.mixture.processes
    mean, error = raw_mean(simulation.log_r, simulation.reference)
    assert error.max() < 0.005  # or the test could not tell
    assert [check.status for check in check_normalisation(names, mean, error, 0.015)] == ["PASS"] * 4
    damaged = simulation.log_r + np.log([1.0, 1.02, 1.0, 0.98])
    checks = check_normalisation(names, *raw_mean(damaged, simulation.reference), 0.005)
    assert [check.status for check in checks] == ["PASS", "FAIL", "PASS", "FAIL"]
    assert abs(checks[1].value - 0.02) < 4 * checks[1].error
    assert checks[1].name == "normalisation of SBI"
