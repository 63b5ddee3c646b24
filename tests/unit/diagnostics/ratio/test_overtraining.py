import numpy as np
import pytest
from simulated import simulated

from steelyard.diagnostics.ratio.overtraining import overtraining
from steelyard.errors import ModelError

NI = 3


def sides(events, seen, unseen):
    """A held-out split: even rows were trained on."""
    even = np.arange(len(events.x)) % 2 == 0
    return np.where(even, seen, np.nan), np.where(even, np.nan, unseen)


def run(events, seen, unseen, threshold=0.005):
    return overtraining("NI", events.weights[:, NI], events.reference, seen, unseen, threshold)


def memorised(events, size):
    """Log ratios moved by ``size`` towards the class that each event happened to be of."""
    label = np.sign(events.weights[:, NI] - events.reference)
    return events.log_r[:, NI] + size * label


def test_the_same_function_on_both_sides_passes():
    events = simulated()
    result = run(events, *sides(events, events.log_r[:, NI], events.log_r[:, NI]))
    assert result.check.status == "PASS"
    assert abs(result.gap) < 4 * result.error
    assert result.error < 0.0025  # it could have failed


def test_a_network_that_knows_its_training_events_fails():
    events = simulated()
    result = run(events, *sides(events, memorised(events, 0.1), events.log_r[:, NI]))
    assert result.check.status == "FAIL" and result.gap > 0.005
    assert result.gap == pytest.approx(result.unseen - result.seen)


def test_no_information_costs_ln_two():
    events = simulated(20_000)
    zero = np.zeros(20_000)
    result = run(events, *sides(events, zero, zero))
    assert (result.seen, result.unseen) == pytest.approx((np.log(2), np.log(2)))


def test_the_error_of_a_held_out_split_is_that_of_independent_sides():
    gaps, errors = [], []
    for seed in range(200):
        events = simulated(2_000, seed)
        result = run(events, *sides(events, events.log_r[:, NI], events.log_r[:, NI]))
        gaps.append(result.gap)
        errors.append(result.error)
    # relative error of a spread from 200 values: 5 %
    assert np.std(gaps) / np.mean(errors) == pytest.approx(1.0, abs=0.2)
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(200)


def test_a_cross_fitted_ensemble_is_compared_event_by_event():
    events = simulated(20_000)
    log_ratio = events.log_r[:, NI]
    same = run(events, log_ratio, log_ratio)
    assert same.gap == 0.0 and same.error == 0.0 and same.check.status == "PASS"
    # a gap far below the error that independent sides would have
    small = run(events, memorised(events, 0.01), log_ratio, threshold=0.001)
    held_out = run(events, *sides(events, memorised(events, 0.01), log_ratio), threshold=0.001)
    assert small.check.status == "FAIL" and held_out.check.status != "FAIL"


def test_a_side_without_events_is_an_error():
    events = simulated(20_000)
    with pytest.raises(ModelError, match="seen target of NI"):
        run(events, np.full(20_000, np.nan), events.log_r[:, NI])
