import numpy as np
import pytest

from steelyard.checks import Levels
from steelyard.diagnostics.variation.variation_normalisation import check_variation_normalisation
from steelyard.errors import ModelError

LEVELS = Levels(0.005, 0.01)


def ratio(events, shift=0.0, seed=1):
    """log g of a log-normal ratio of rms 0.1 and mean exp(shift), with weights 1 and 3."""
    rng = np.random.default_rng(seed)
    return 0.1 * rng.normal(size=events) - 0.005 + shift, np.where(rng.random(events) < 0.5, 1.0, 3.0)


def test_deviation_and_error_are_those_of_the_mean():
    log_g, weights = ratio(20_000)
    check = check_variation_normalisation("B-k-up", log_g, weights, LEVELS)
    assert check.status == "PASS" and check.name == "normalisation of B-k-up"
    # rms 0.1 over (Σw)²/Σw² = 0.8 N effective events
    assert check.error == pytest.approx(0.1 / np.sqrt(0.8 * 20_000), rel=0.05)
    values = [check_variation_normalisation("B-k-up", *ratio(2_000, seed=seed), LEVELS) for seed in range(200)]
    pulls = np.array([value.value / value.error for value in values])
    assert abs(pulls.mean()) < 4 / np.sqrt(200) and abs(pulls.std() - 1) < 4 / np.sqrt(400)


@pytest.mark.parametrize(("shift", "status"), [(0.008, "WARN"), (-0.008, "WARN"), (0.02, "FAIL"), (-0.02, "FAIL")])
def test_a_ratio_of_another_normalisation_does_not_pass(shift, status):
    check = check_variation_normalisation("B-k-up", *ratio(20_000, shift), LEVELS)
    assert check.status == status and check.value == pytest.approx(shift, abs=0.004)


def test_few_events_cannot_tell():
    check = check_variation_normalisation("B-k-up", *ratio(100), LEVELS)
    assert check.status == "WARN" and check.error > LEVELS.warn


def test_events_without_weight_need_no_ratio_and_others_do():
    log_g, weights = ratio(1_000)
    log_g[:10] = np.nan
    weights[:10] = 0.0
    assert np.isfinite(check_variation_normalisation("B-k-up", log_g, weights, LEVELS).value)
    weights[0] = 1.0
    with pytest.raises(ModelError, match="1 of 1000"):
        check_variation_normalisation("B-k-up", log_g, weights, LEVELS)
