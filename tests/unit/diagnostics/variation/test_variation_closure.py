"""±1σ closure, by weights and by separate versions of the events."""

import numpy as np
import pytest

from steelyard.checks import Levels
from steelyard.diagnostics.closure import bin_columns
from steelyard.diagnostics.variation.variation_closure import VariationClosure, variation_closure
from steelyard.errors import ModelError
from steelyard.io.serialisation import from_json, to_json

THRESHOLD, SHARE = Levels(0.01, 0.02), Levels(0.05, 0.1)
SHIFT = 0.1


def by_weights(events=50_000, slope=0.03, seed=1, damage=0.0):
    """Unit Gaussian x and y; the varied weights are those of exp(slope · x)."""
    x, y = np.random.default_rng(seed).normal(size=(2, events))
    weights = np.ones(events)
    columns = bin_columns(["x", "y"], [x, y], weights)
    target = weights * np.exp(slope * x)
    return variation_closure("B-k-up", columns, target, weights, (slope + damage) * x, THRESHOLD, SHARE)


def by_events(events=20_000, seed=1, damage=0.0, paired=True, overlap=1.0):
    """The same events with x + SHIFT: log g = SHIFT · x − SHIFT²/2; not all have both versions."""
    x, y = np.random.default_rng(seed).normal(size=(2, events))
    shared = int(overlap * events)
    chosen = np.arange(shared)
    values = np.concatenate([x, x[chosen] + SHIFT]), np.concatenate([y, y[chosen]])
    source = np.concatenate([np.ones(events), np.zeros(shared)])
    log_g = np.concatenate([SHIFT * x + damage * x, np.full(shared, np.nan)])
    pairs = np.stack([chosen, events + np.arange(shared)], axis=1) if paired else None
    columns = bin_columns(["x", "y"], list(values), np.ones(events + shared))
    return variation_closure("B-k-up", columns, 1.0 - source, source, log_g, THRESHOLD, SHARE, pairs)


def test_exact_ratios_close_and_the_effect_is_measured():
    result = by_weights()
    assert result.check.status == "PASS" and result.check.value < 1e-3
    assert result.check.name == "closure of B-k-up"
    x, y = result.closure.columns
    # rms of exp(slope · x) − 1 over a unit Gaussian, less the spread inside the bins
    assert result.effect[0] == pytest.approx(0.03, rel=0.05) and result.effect[1] < 0.001
    assert f"{result.effect[0]:.4f} at most" in result.check.detail
    for column, nominal in zip((x, y), result.nominal, strict=True):
        assert len(nominal) == len(column.target) == 20
        assert nominal.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(result.nominal[0], 0.05, atol=1e-4)  # quantiles
    assert np.abs(x.target / result.nominal[0] - 1.0).max() > 0.05


def test_an_untrained_ratio_fails_by_the_whole_effect():
    result = by_weights(damage=-0.03)
    assert result.check.status == "FAIL"
    assert result.check.value == pytest.approx(result.effect[0], rel=0.02)


def test_the_allowance_grows_with_the_effect():
    """A slope of 0.3 wrong by 0.012 is 4 % of the effect; the same error of a small one is too much."""
    large, small = by_weights(slope=0.3, damage=0.012), by_weights(slope=0.03, damage=0.012)
    assert large.check.value == pytest.approx(small.check.value, rel=0.15)
    assert large.check.status == "PASS"
    assert large.check.threshold == pytest.approx(0.05 * max(large.effect))
    assert small.check.status == "WARN" and small.check.threshold == 0.01
    assert by_weights(slope=0.3, damage=0.06).check.status == "FAIL"


def test_separate_events_close_with_the_errors_of_pairs():
    """Without the pairs' correlation chi2 would be far too good in what does not move, and too good in what does."""
    chi2 = {True: np.zeros(2), False: np.zeros(2)}
    trials = 20
    for paired in chi2:
        for seed in range(trials):
            result = by_events(4_000, seed, paired=paired)
            chi2[paired] += [column.chi2 for column in result.closure.columns]
    ndf = 19 * trials
    assert np.all(np.abs(chi2[True] - ndf) < 4 * np.sqrt(2 * ndf))
    assert chi2[False][1] < 0.05 * ndf  # y is the same in both: its difference is that of g alone, of rms 0.1
    assert chi2[False][0] < 0.6 * ndf


def test_pairs_make_small_faults_visible():
    """A slope wrong by 0.02 in 20,000 events: beyond doubt with pairs, lost in the noise without."""
    paired, single = (by_events(damage=0.02, paired=paired).closure.columns[0] for paired in (True, False))
    assert paired.chi2 > 5 * paired.ndf
    assert single.chi2 < single.ndf
    assert paired.deviation_error < single.deviation_error


def test_events_that_move_from_bin_to_bin_correlate_them():
    """Nearly all move here: the spread of chi2 is that of independent numbers only with the bins' correlations."""
    chi2 = np.array([by_events(4_000, seed).closure.columns[0].chi2 for seed in range(60)])
    assert abs(chi2.mean() - 19) < 4 * np.sqrt(2 * 19 / 60)
    assert chi2.std() == pytest.approx(np.sqrt(2 * 19), rel=0.4)


def test_identical_events_have_no_error_and_no_difference():
    """No effect, and a ratio that says so: nothing is left to divide by."""
    x = np.random.default_rng(1).normal(size=1_000)
    source = np.repeat([1.0, 0.0], 1_000)
    pairs = np.stack([np.arange(1_000), 1_000 + np.arange(1_000)], axis=1)
    columns = bin_columns(["x"], [np.concatenate([x, x])], np.ones(2_000))
    result = variation_closure("B-k-up", columns, 1.0 - source, source, np.zeros(2_000), THRESHOLD, SHARE, pairs)
    assert result.check.status == "PASS" and result.check.value == 0.0
    assert result.closure.columns[0].chi2 < 1e-6 and np.isfinite(result.closure.columns[0].error).all()


def test_few_events_do_not_fail_by_a_fluctuation():
    statuses = [by_events(2_000, seed).check.status for seed in range(40)]
    assert statuses.count("FAIL") <= 1 and "WARN" in statuses


def test_events_with_one_version_are_no_pairs():
    chi2 = sum(by_events(8_000, seed, overlap=0.5).closure.columns[1].chi2 for seed in range(20))
    assert abs(chi2 - 19 * 20) < 4 * np.sqrt(2 * 19 * 20)


def test_the_nominal_density_is_that_of_the_joined_bins():
    """Few events: sparse bins are joined, and both densities have the same ones."""
    result = by_weights(events=300)
    for column, nominal in zip(result.closure.columns, result.nominal, strict=True):
        assert 1 < len(nominal) == len(column.edges) - 1 < 20
        assert nominal.sum() == pytest.approx(1.0)
        assert np.abs(nominal - column.target).max() < 0.02
    assert by_weights(events=300, damage=0.3).check.status != "PASS"


def test_a_ratio_that_is_not_a_number_is_an_error():
    columns = bin_columns(["x"], [np.arange(100.0)], np.ones(100))
    with pytest.raises(ModelError, match="1 of 100 log ratios"):
        log_g = np.where(np.arange(100) == 5, np.nan, 0.0)
        variation_closure("B-k-up", columns, np.ones(100), np.ones(100), log_g, THRESHOLD, SHARE)


def test_result_survives_json(tmp_path):
    result = by_events()
    to_json(result, tmp_path / "closure.json")
    back = from_json(VariationClosure, tmp_path / "closure.json")
    assert back.check == result.check and back.effect == result.effect
    assert np.array_equal(back.nominal[1], result.nominal[1])
    assert np.array_equal(back.closure.columns[0].error, result.closure.columns[0].error)
