"""Impacts in a counting experiment, where every number is known: mu_hat = (n - b (1 + 0.1 a)) / s."""

import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.inference.impacts import Impacts, impacts
from steelyard.io.serialisation import from_data, to_data
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture

SIGNAL, BACKGROUND, SIZE = 1000.0, 4000.0, 0.1
STATISTICAL = np.sqrt(SIGNAL + BACKGROUND) / SIGNAL
SHIFT = SIZE * BACKGROUND / SIGNAL


def counting(nuisances, log_yields, counted=SIGNAL + BACKGROUND, factors=None):
    """One bin as one event with the weight of what was counted."""
    mixture = Mixture(
        ("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.array([SIGNAL, BACKGROUND]), (0.0, 5.0)
    )
    systematics = Systematics.of(
        tuple(nuisances),
        np.array(log_yields, dtype=float),
        np.zeros((2, len(nuisances)), dtype=bool) if factors is None else factors,
        np.zeros((0, 2), dtype=np.int64),
    )
    return Likelihood.of(mixture, np.array([[SIGNAL, BACKGROUND]]), np.array([counted]), systematics)


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


@pytest.mark.parametrize("kind, number", [("gaussian", 0.1), ("poisson", 100.0)])
def test_a_measurement_of_ten_per_cent_moves_the_signal_by_as_much_of_the_background(kind, number):
    """A norm factor that is measured, with its error as the unit: one of 10 % is 0.4 of the signal, exactly."""
    factor = Nuisance("b_norm", kind, "linear", 1.0, (0.0, 5.0), number)
    data = counting([factor], np.zeros((2, 1, 2)), factors=np.array([[False], [True]]))
    (impact,) = impacts(data).impacts
    assert [impact.up, impact.down, impact.covariance] == pytest.approx([-SHIFT, SHIFT, -SHIFT], rel=5e-3)
    assert impact.constraint == pytest.approx(1.0, rel=1e-3) and impact.pull == pytest.approx(0.0, abs=1e-3)


def test_the_inflation_is_shown_where_the_constraint_does_not_matter():
    """Two bins of known S/B; the background's scale is loose, so that the data fix it: no part, but an inflation."""
    mixture = Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.array([100.0, 200.0]), (0.0, 9.0))
    # nu_c r_c over a bin's weight in a reference of two halves: signal 60 + 40, background 100 + 100
    intensities = np.array([[120.0, 200.0], [80.0, 200.0]])
    log_yields = np.zeros((2, 1, 2))
    log_yields[1, 0] = np.log([2.0, 0.5])
    loose = Systematics.of(
        (Nuisance("b_norm", interpolation="exponential"),),
        log_yields,
        np.zeros((2, 1), dtype=bool),
        np.zeros((0, 2), dtype=np.int64),
    )
    found = impacts(Likelihood.of(mixture, intensities, np.array([160.0, 140.0]), loose), groups={"b_norm": "theory"})
    # Fisher information of two Poisson bins in (mu, alpha), the constraint added
    slopes = np.array([[60.0, 40.0], [100.0 * np.log(2.0)] * 2])
    information = (slopes / np.array([160.0, 140.0])) @ slopes.T + np.diag([0.0, 1.0])
    covariance = np.linalg.inv(information)
    fixed = 1.0 / information[0, 0]
    assert found.error == pytest.approx(np.sqrt(covariance[0, 0]), rel=2e-3)
    assert found.fixed == pytest.approx(np.sqrt(fixed), rel=2e-3)
    assert found.inflation == pytest.approx(np.sqrt(covariance[0, 0] - fixed), rel=2e-3)
    assert found.group_inflations == {"theory": pytest.approx(found.inflation)}
    assert found.groups["theory"] == pytest.approx(abs(covariance[0, 1]), rel=5e-3)
    assert found.groups["theory"] < 0.6 * found.inflation


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
