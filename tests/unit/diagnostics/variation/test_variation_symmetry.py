import numpy as np
import pytest

from steelyard.checks import Levels
from steelyard.diagnostics.variation.variation_symmetry import VariationSymmetry, variation_symmetry
from steelyard.errors import ModelError
from steelyard.io.serialisation import from_json, to_json

LEVELS = Levels(0.3, 0.6)
X = np.random.default_rng(1).normal(size=20_000)
ONE = np.ones(len(X))


def test_opposite_effects_pass_whatever_their_normalisation():
    result = variation_symmetry("B-k", 0.05 * X + 0.2, -0.05 * X - 0.1, ONE, LEVELS)
    assert result.check.status == "PASS" and result.check.name == "both directions of B-k the same way"
    # E[g] = 1 moves both zeros by half the variance, 0.025 standard deviations each
    assert result.same_way == pytest.approx(0.05 / np.sqrt(2 * np.pi), abs=4 * result.error)
    assert result.odd == pytest.approx(0.05, rel=0.03) and result.even < 0.002


def test_independent_noise_warns():
    other = np.random.default_rng(2).normal(size=len(X))
    result = variation_symmetry("B-k", 0.01 * X, 0.01 * other, ONE, LEVELS)
    assert result.check.status == "WARN"
    assert result.same_way == pytest.approx(0.5, abs=4 * result.error + 0.01)
    assert result.odd == pytest.approx(result.even, rel=0.05)


def test_two_variations_on_one_side_fail():
    result = variation_symmetry("B-k", 0.05 * X, 0.04 * X, ONE, LEVELS)
    assert result.check.status == "FAIL" and result.same_way > 0.95


def test_a_direction_without_effect_goes_no_way():
    assert variation_symmetry("B-k", 0.05 * X, 0.0 * X, ONE, LEVELS).same_way == 0.0


def test_the_fraction_is_one_of_the_density():
    """Only events with a weight count; their ratio has to be a number."""
    weights = np.where(np.arange(len(X)) < 5_000, 3.0, 0.0)
    down = np.where(weights > 0.0, -0.05 * X, np.nan)
    assert variation_symmetry("B-k", 0.05 * X, down, weights, LEVELS).same_way < 0.05
    with pytest.raises(ModelError, match="15000 of 20000"):
        variation_symmetry("B-k", 0.05 * X, down, ONE, LEVELS)


def test_result_survives_json(tmp_path):
    result = variation_symmetry("B-k", 0.05 * X, -0.04 * X, ONE, LEVELS)
    to_json(result, tmp_path / "symmetry.json")
    assert from_json(VariationSymmetry, tmp_path / "symmetry.json") == result
