"""Impacts in a counting experiment, where every number is known: mu_hat = (n - b (1 + 0.1 a)) / s."""

import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.results import from_data, to_data
from steelyard.statistics.coefficients import Coefficients
from steelyard.statistics.impacts import Impacts, impacts
from steelyard.statistics.likelihood import Likelihood
from steelyard.statistics.mixture import Mixture
from steelyard.statistics.systematics import Nuisance, Systematics

SIGNAL, BACKGROUND, SIZE = 1000.0, 4000.0, 0.1
STATISTICAL = np.sqrt(SIGNAL + BACKGROUND) / SIGNAL
SHIFT = SIZE * BACKGROUND / SIGNAL


def counting(nuisances, log_yields, counted=SIGNAL + BACKGROUND):
    """One bin as one event with the weight of what was counted."""
    mixture = Mixture(
        ("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.array([SIGNAL, BACKGROUND]), (0.0, 5.0)
    )
    systematics = Systematics(
        tuple(nuisances),
        np.array(log_yields, dtype=float),
        np.zeros((2, len(nuisances)), dtype=bool),
        np.zeros((0, 2), dtype=np.int64),
    )
    return Likelihood(mixture, np.array([[SIGNAL, BACKGROUND]]), np.array([counted]), systematics)


@pytest.fixture(scope="module")
def result():
    sides = np.log([1.0 + SIZE, 1.0 - SIZE])
    data = counting([Nuisance("b_norm"), Nuisance("nothing")], [[[0.0, 0.0], [0.0, 0.0]], [sides, [0.0, 0.0]]])
    return impacts(data, groups={"b_norm": "theory", "nothing": "experimental"})


def test_refitted_shifts_are_those_of_the_background(result):
    impact = next(impact for impact in result.impacts if impact.name == "b_norm")
    # at 1 code 4 is 1.1 or 0.9 exactly, at 0 its slope is 0.10015; the fit stops at an EDM of 1e-4
    assert impact.up == pytest.approx(-SHIFT, abs=2e-3)
    assert impact.down == pytest.approx(SHIFT, abs=2e-3)
    assert impact.covariance == pytest.approx(-1.0015 * SHIFT, rel=1e-3)
    assert abs(impact.disagreement) < 2e-3
    assert impact.inflation == pytest.approx(1.0015 * SHIFT, rel=1e-3)


def test_one_bin_cannot_constrain_its_background(result):
    impact = next(impact for impact in result.impacts if impact.name == "b_norm")
    assert impact.constraint == pytest.approx(1.0, rel=1e-3)
    assert impact.pull == pytest.approx(0.0, abs=1e-3)


def test_the_error_splits_into_data_and_groups(result):
    assert result.error == pytest.approx(np.hypot(STATISTICAL, 1.0015 * SHIFT), rel=1e-3)
    assert result.statistical == pytest.approx(STATISTICAL, rel=1e-2)
    assert result.groups["theory"] == pytest.approx(1.0015 * SHIFT, rel=1e-3)
    assert result.groups["experimental"] == pytest.approx(0.0, abs=1e-9)


def test_a_parameter_without_effect_ranks_last_with_its_prior_error(result):
    assert [impact.name for impact in result.impacts] == ["b_norm", "nothing"]
    last = result.impacts[-1]
    assert last.constraint == pytest.approx(1.0) and last.inflation == pytest.approx(0.0, abs=1e-9)
    assert abs(last.up) < 2e-3 and abs(last.down) < 2e-3


def test_correlations_are_symmetric_with_a_unit_diagonal(result):
    matrix = np.array(result.correlation)
    assert result.names == ("mu", "b_norm", "nothing")
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    assert matrix[0, 1] == pytest.approx(-SHIFT / np.hypot(STATISTICAL, SHIFT), rel=1e-3)


def test_on_a_bound_there_is_no_error_budget():
    sides = np.log([1.0 + SIZE, 1.0 - SIZE])
    found = impacts(counting([Nuisance("b_norm")], [[[0.0, 0.0]], [sides]], counted=0.8 * BACKGROUND))
    assert found.hat == 0.0 and found.error is None and found.correlation is None


def test_results_survive_json(result):
    assert from_data(Impacts, to_data(result)) == result


def test_without_nuisance_parameters_there_is_nothing_to_rank():
    with pytest.raises(ModelError, match="no nuisance parameters"):
        impacts(counting([], np.zeros((2, 0, 2))))
