import numpy as np
import pytest

from steelyard.diagnostics.oracle.variation_comparison import VariationComparison, compare_variation
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.errors import ModelError
from steelyard.io.serialisation import from_json, to_json

LEVELS = Thresholds()
EVENTS = 20_000


def exact(size):
    return size * np.random.default_rng(1).normal(size=EVENTS)


def run(size, noise, kind="events", offset=0.0, weights=None):
    """Exact log g of rms ``size``, learned with independent noise and another normalisation."""
    values = exact(size)
    learned = values + noise * np.random.default_rng(2).normal(size=EVENTS) + offset
    return compare_variation("B-k-up", kind, learned, values, np.ones(EVENTS) if weights is None else weights, LEVELS)


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_rms_and_r_squared_of_known_noise_whatever_the_normalisation(offset):
    result = run(0.3, 0.06, offset=offset)
    # E[g] = 1 of both moves their difference by half the noise's variance
    assert result.rms == pytest.approx(0.06, abs=4 * result.error + 0.5 * 0.06**2)
    assert result.exact_rms == pytest.approx(0.3, rel=0.03)
    assert result.r_squared == pytest.approx(1 - 0.2**2, abs=0.003)
    assert result.density.sum() == pytest.approx(1.0)
    assert result.edges[0] < -0.6 and result.edges[-1] > 0.6


def test_weights_choose_the_density():
    weights = np.where(np.arange(EVENTS) < EVENTS // 2, 1.0, 0.0)
    values = exact(0.3)
    learned = np.where(weights > 0, values, np.nan)  # events without a weight need no ratio
    result = compare_variation("B-k-up", "events", learned, values, weights, LEVELS)
    assert result.rms == 0.0 and result.r_squared == 1.0 and result.check.status == "PASS"


@pytest.mark.parametrize(
    ("size", "noise", "kind", "status"),
    [
        (0.3, 0.08, "events", "PASS"),  # R² 0.93
        (0.3, 0.12, "events", "WARN"),  # 0.84
        (0.3, 0.16, "events", "FAIL"),  # 0.72
        (0.03, 0.010, "events", "PASS"),  # small: R² 0.89, but the rms counts
        (0.03, 0.018, "events", "WARN"),
        (0.03, 0.030, "events", "FAIL"),
        (0.03, 0.002, "weights", "PASS"),  # R² 0.996
        (0.03, 0.005, "weights", "WARN"),  # 0.97
        (0.03, 0.010, "weights", "FAIL"),  # 0.89: soft labels have to do better
        (0.002, 0.001, "weights", "PASS"),  # a tenth of the size, a tenth of the error
        (0.002, 0.002, "weights", "WARN"),
        (0.002, 0.003, "weights", "FAIL"),
    ],
)
def test_verdict(size, noise, kind, status):
    check = run(size, noise, kind).check
    assert check.status == status
    small = size < (0.05 if kind == "events" else 0.005)
    assert check.name.startswith("rms of" if small else "1 − R² of")
    assert check.name.endswith("log g of B-k-up against exact")


def test_an_untrained_ratio_fails():
    for kind, size in (("events", 0.3), ("weights", 0.03)):
        result = compare_variation("B-k-up", kind, np.zeros(EVENTS), exact(size), np.ones(EVENTS), LEVELS)
        assert result.check.status == "FAIL"
        assert result.r_squared == pytest.approx(0.0, abs=0.05)


def test_events_without_an_exact_ratio_are_counted_and_a_learned_one_must_be_finite():
    values, learned = exact(0.3), exact(0.3)
    values[:3] = [-np.inf, np.nan, np.inf]
    result = compare_variation("B-k-up", "events", learned, values, np.ones(EVENTS), LEVELS)
    assert result.undefined == 3 and "3 events without" in result.check.detail and result.rms < 1e-12
    learned[7] = np.nan
    with pytest.raises(ModelError, match="1 of 20000"):
        compare_variation("B-k-up", "events", learned, values, np.ones(EVENTS), LEVELS)
    with pytest.raises(ModelError, match="no event with a finite exact ratio"):
        compare_variation("B-k-up", "events", exact(1), np.full(EVENTS, np.inf), np.ones(EVENTS), LEVELS)


def test_no_effect_at_all():
    zeros = np.zeros(EVENTS)
    result = compare_variation("B-k-up", "weights", zeros, zeros, np.ones(EVENTS), LEVELS)
    assert result.check.status == "PASS" and result.rms == 0.0 and np.all(np.diff(result.edges) > 0)


def test_density_is_exact_by_learned():
    values = exact(0.3)
    result = compare_variation("B-k-up", "events", 2.0 * values, values, np.ones(EVENTS), LEVELS)
    centre = 0.5 * (result.edges[1:] + result.edges[:-1])
    row, column = (np.sum(result.density, axis=axis) for axis in (1, 0))
    spread = [np.sqrt(p @ (centre - p @ centre) ** 2) for p in (row, column)]
    assert spread[1] == pytest.approx(2 * spread[0], rel=0.05)


def test_result_survives_json(tmp_path):
    result = run(0.3, 0.05)
    to_json(result, tmp_path / "comparison.json")
    back = from_json(VariationComparison, tmp_path / "comparison.json")
    assert back.check == result.check and np.array_equal(back.density, result.density)
