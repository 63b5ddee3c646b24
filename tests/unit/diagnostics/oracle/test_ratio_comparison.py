import numpy as np
import pytest
from simulated import simulated

from steelyard.checks import Levels
from steelyard.diagnostics.oracle.ratio_comparison import compare_gain, compare_ratio, compare_scans
from steelyard.errors import ModelError

MU = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
EXACT = np.array([1.8, 0.4, 0.0, 0.6, 2.6])


def run(learned, threshold=0.2):
    events = simulated(50_000)
    return compare_ratio("NI", learned, events.log_r[:, 3], events.reference, threshold)


def test_rms_bias_and_width_of_known_noise():
    events = simulated(50_000)
    noise = np.random.default_rng(1).normal(0.02, 0.1, size=50_000)
    result = run(events.log_r[:, 3] + noise)
    assert result.check.status == "PASS"
    assert abs(result.rms - np.hypot(0.02, 0.1)) < 4 * result.error
    assert abs(result.bias - 0.02) < 4 * 0.1 / np.sqrt(30_000)
    assert np.allclose(result.width, 0.1, rtol=0.15)
    assert np.allclose(result.mean, 0.02, atol=0.012)


def test_exact_ratios_have_no_difference():
    result = run(simulated(50_000).log_r[:, 3])
    assert result.rms == 0.0 and result.check.status == "PASS"


def test_damage_fails():
    events = simulated(50_000)
    assert run(events.log_r[:, 3] + 0.3 * events.y).check.status == "FAIL"
    assert run(events.log_r[:, 2]).check.status == "FAIL"
    scaled = run(events.log_r[:, 3] + np.log(1.02), threshold=0.015)
    assert scaled.check.status == "FAIL" and scaled.rms == pytest.approx(np.log(1.02))


def test_events_without_an_exact_ratio_are_counted():
    events = simulated(50_000)
    exact = events.log_r[:, 3].copy()
    exact[:7] = -np.inf
    result = compare_ratio("NI", events.log_r[:, 3], exact, events.reference, 0.2)
    assert result.undefined == 7 and "7 events" in result.check.detail and result.rms == 0.0


def test_a_learned_ratio_must_be_finite():
    learned = simulated(50_000).log_r[:, 3].copy()
    learned[0] = np.nan
    with pytest.raises(ModelError, match="1 of 50000"):
        run(learned)


def test_scans_are_compared_in_units_of_the_allowance():
    assert compare_scans(MU, EXACT, EXACT, 0.15, 0.1, Levels(0.5, 1.0)).status == "PASS"
    t = EXACT + np.array([0.0, 0.12, 0.0, 0.0, 0.13])
    check = compare_scans(MU, t, EXACT, 0.15, 0.1, Levels(0.5, 1.0))
    assert check.value == pytest.approx(0.12 / 0.15) and check.status == "WARN"
    assert check.detail == "t = 0.520, exact 0.400 at 0.5"
    t = EXACT + np.array([0.0, 0.0, 0.0, 0.0, 0.5])
    assert compare_scans(MU, t, EXACT, 0.15, 0.1, 1.0).value == pytest.approx(0.5 / 0.26)
    assert compare_scans(MU, t, EXACT, 0.15, 0.1, 1.0).status == "FAIL"
    assert compare_scans(MU, t, EXACT, 0.15, 0.1, 1.0, within=(0.0, 1.5)).status == "PASS"


def test_an_undefined_scan_fails():
    t = EXACT.copy()
    t[1] = np.nan
    assert compare_scans(MU, t, EXACT, 0.15, 0.1, 1.0).status == "FAIL"


def test_gain_is_a_fraction_of_what_there_is_to_gain():
    binned = 0.4 * EXACT
    levels = Levels(warn=0.9, fail=0.8)
    assert compare_gain("m4l", EXACT, EXACT, binned, levels).value == pytest.approx(1.0)
    check = compare_gain("m4l", 0.7 * EXACT, EXACT, binned, levels)
    assert check.value == pytest.approx(0.5) and check.status == "FAIL"
    assert compare_gain("m4l", binned, EXACT, binned, levels).value == pytest.approx(0.0)
    assert compare_gain("m4l", EXACT, EXACT, EXACT, levels).status == "PASS"
    assert compare_gain("m4l", 0.5 * EXACT, EXACT, EXACT, levels).status == "FAIL"


def test_a_histogram_that_is_nearly_exact_leaves_room_for_rounding_errors_of_t():
    """0.4 % of t are lost, and there was 0.1 % to gain: as a part of that gain it would be −3."""
    levels = Levels(warn=0.9, fail=0.8)
    assert compare_gain("best", 0.996 * EXACT, EXACT, 0.999 * EXACT, levels).status == "PASS"
    assert compare_gain("best", 0.985 * EXACT, EXACT, 0.999 * EXACT, levels).status == "WARN"
    assert compare_gain("best", 0.97 * EXACT, EXACT, 0.999 * EXACT, levels).status == "FAIL"
