import numpy as np
import pytest
from scipy.stats import chi2

from steelyard.coverage.audit import compare
from steelyard.coverage.experiment_fits import (
    FittedExperiments,
    SeenEvents,
    fit_experiments,
    load_experiments,
    save_experiments,
)
from steelyard.inference.belts import build_belt
from steelyard.inference.toy_fits import ToyFits
from steelyard.inference.toys import ToySampler


def toys_of(t):
    t = np.asarray(t, dtype=float)
    return ToyFits(t, np.ones_like(t), np.full(len(t), 10), np.zeros(len(t), dtype=int))


def experiments(learned, exact, **nuisances):
    return [FittedExperiments(1.0, nuisances, learned, exact)]


@pytest.fixture(scope="module")
def belt():
    generator = np.random.default_rng(4)
    return build_belt({mu: toys_of(generator.chisquare(1, size=4000)) for mu in (0.0, 1.0, 2.0)}, (0.6827, 0.9545))


def test_a_right_belt_covers_and_agrees(belt):
    generator = np.random.default_rng(5)
    same = toys_of(generator.chisquare(1, size=1000))
    (point,) = compare(experiments(same, same), belt, np.sqrt).points
    for coverage in point.coverage:
        assert abs(coverage.pull) < 3.0
        assert coverage.fraction == pytest.approx(coverage.level, abs=4.0 * coverage.error)
    for critical in point.critical:
        assert abs(critical.pull) < 3.0
        assert critical.learned.value == pytest.approx(chi2.ppf(critical.level, 1), rel=0.15)


def test_a_belt_that_is_too_narrow_is_found(belt):
    wide = toys_of(2.0 * np.random.default_rng(6).chisquare(1, size=1000))
    (point,) = compare(experiments(wide, wide), belt, np.sqrt).points
    assert all(coverage.pull < -3.0 for coverage in point.coverage)
    assert all(critical.pull < -3.0 for critical in point.critical)


def test_a_failed_fit_is_not_covered(belt):
    failed = ToyFits(np.array([0.1, np.nan]), np.ones(2), np.ones(2), np.array([0, 4]))
    (point,) = compare(experiments(failed, toys_of([0.1, 0.2])), belt, np.sqrt).points
    assert point.failed == 1 and point.coverage[0].covered == 1 and point.coverage[0].experiments == 2


def test_critical_values_are_compared_at_nominal_nuisance_parameters_only(belt):
    same = toys_of(np.random.default_rng(5).chisquare(1, size=1000))
    (point,) = compare(experiments(same, same, scale=1.0), belt, np.sqrt).points
    assert point.nuisances == {"scale": 1.0} and not point.critical and len(point.coverage) == 2


def test_experiments_round_trip(interference, tmp_path):
    rows, offsets = ToySampler.at(interference, 1.0).draw(5, np.random.default_rng(0))
    seen = SeenEvents(interference, interference.intensities[rows], interference.log_g[rows])
    fitted = fit_experiments(seen, seen, offsets, 1.0, {}, seed=3)
    np.testing.assert_array_equal(fitted.learned.t, fitted.exact.t)
    save_experiments(fitted, tmp_path / "experiments.npz")
    back = load_experiments(tmp_path / "experiments.npz")
    assert back.mu == 1.0 and back.nuisances == {}
    np.testing.assert_array_equal(back.learned.hat, fitted.learned.hat)
    np.testing.assert_array_equal(back.exact.conditional, fitted.exact.conditional)
