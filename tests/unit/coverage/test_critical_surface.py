from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2

from steelyard.coverage.audit import compare
from steelyard.coverage.critical_surface import CriticalSurfaces, fit_surface, leading_nuisances, shared_points
from steelyard.coverage.experiment_fits import FittedExperiments
from steelyard.errors import ModelError
from steelyard.inference.toy_fits import ToyFits
from steelyard.model.effects import Nuisance, Systematics

LEVELS = (0.6827, 0.9545)
NAMES = ("a", "b", "c")
SYSTEMATICS = Systematics.of(
    tuple(Nuisance(name) for name in NAMES),
    np.zeros((1, 3, 2)),
    np.zeros((1, 3), dtype=bool),
    np.zeros((0, 2), dtype=np.int64),
)


def scale(alpha):
    """ln of the scale of t, (T,), at alpha (T, 3): of the form that the surface has."""
    return 0.2 * alpha[:, 0] + 0.03 * alpha[:, 0] ** 2 - 0.1 * alpha[:, 1]


def curved(alpha):
    """ln of a scale with curvatures of its own in each direction, and what two parameters do together."""
    return scale(alpha) + 0.04 * alpha[:, 1] ** 2 + 0.05 * alpha[:, 1] * alpha[:, 2] - 0.03 * alpha[:, 0] * alpha[:, 2]


def experiments(alpha, seed, scale=scale):
    """One experiment at each alpha (T, 3), whose t is scale times chi-square."""
    t = np.exp(scale(alpha)) * np.random.default_rng(seed).chisquare(1, size=len(alpha))
    return ToyFits(t, np.ones_like(t), np.full(len(t), 10), np.zeros(len(t), dtype=int), alpha, alpha)


def surface(toys, seed, form="linear", scale=scale):
    points = shared_points(SYSTEMATICS, NAMES, form)
    fits = [experiments(np.tile(point, (toys, 1)), (seed, index), scale) for index, point in enumerate(points)]
    return fit_surface(SYSTEMATICS, 1.0, NAMES, points, fits, LEVELS, form)


def test_nine_points_within_the_bounds_of_which_each_nuisance_is_seen_eight_times():
    points = shared_points(SYSTEMATICS, NAMES)
    assert points.shape == (9, 3) and not points[0].any()
    assert np.array_equal(points[1:].T @ points[1:], 32.0 * np.eye(3)) and not points[1:].sum(axis=0).any()
    narrow = Systematics.of(
        (Nuisance("a", bounds=(-1.0, 1.0)),), np.zeros((1, 1, 2)), np.zeros((1, 1), bool), np.zeros((0, 2), int)
    )
    assert set(shared_points(narrow, ["a"])[:, 0]) == {-1.0, 0.0, 1.0}
    assert len(shared_points(SYSTEMATICS, [])) == 1
    known = Systematics.of(
        (Nuisance("a", scale=0.25),), np.zeros((1, 1, 2)), np.zeros((1, 1), bool), np.zeros((0, 2), int)
    )
    assert set(shared_points(known, ["a"])[:, 0]) == {-0.5, 0.0, 0.5}  # two of its errors


def test_critical_values_between_the_points_are_right():
    made = surface(20_000, 1)
    alpha = np.random.default_rng(2).uniform(-2.0, 2.0, size=(200, 3))
    for level in LEVELS:
        np.testing.assert_allclose(made.critical(level, alpha), chi2.ppf(level, 1) * np.exp(scale(alpha)), rtol=0.05)
    far = np.array([[9.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    assert np.ptp(made.critical(0.6827, far)) == 0.0  # no further than the parabola is believed


def test_a_quadratic_surface_knows_each_curvature_and_what_two_do_together():
    """Where the linear form puts all curvatures into one, and is wrong by half of the critical value."""
    alpha = np.random.default_rng(2).uniform(-2.0, 2.0, size=(200, 3))
    alpha[:4] = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, -2.0, 2.0], [-2.0, 0.0, -2.0]]
    quadratic, linear = (surface(20_000, 1, form, curved) for form in ("quadratic", "linear"))
    for level in LEVELS:
        right = chi2.ppf(level, 1) * np.exp(curved(alpha))
        np.testing.assert_allclose(quadratic.critical(level, alpha), right, rtol=0.05)
        assert np.abs(linear.critical(level, alpha) / right - 1.0).max() > 0.15


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_points_of_a_quadratic_surface_tell_all_its_terms_apart(number):
    names = tuple(str(index) for index in range(number))
    systematics = Systematics.of(
        tuple(Nuisance(name) for name in names),
        np.zeros((1, number, 2)),
        np.zeros((1, number), dtype=bool),
        np.zeros((0, 2), dtype=np.int64),
    )
    points = shared_points(systematics, names, "quadratic")
    assert len(points) == 1 + 4 * number + 2 ** min(number, 4) and np.abs(points).max() == 2.0
    made = [np.ones(len(points)), *points.T]
    made += [points[:, first] * points[:, second] for first in range(number) for second in range(first, number)]
    assert np.linalg.cond(np.array(made).T / np.linalg.norm(made, axis=1)) < 10.0
    with pytest.raises(ModelError, match="can follow 5"):
        shared_points(systematics, [*names, *"abcde"], "quadratic")


def test_the_error_of_the_coverage_is_that_of_many_surfaces():
    alpha = np.tile([2.0, 2.0, 2.0], (1, 1))
    surfaces = [surface(300, seed) for seed in range(200)]
    for level in LEVELS:
        found = [chi2.cdf(item.critical(level, alpha)[0] / np.exp(scale(alpha)[0]), 1) for item in surfaces]
        # 200 surfaces know their rms to 5 %; the density of t is not constant over an error, which is worth as much.
        assert np.std(found) == pytest.approx(surfaces[0].coverage_error(level, alpha), rel=0.25)


def test_each_experiment_is_judged_by_the_critical_value_of_its_own_fit():
    alpha = np.random.default_rng(3).normal(1.0, 1.0, size=(4000, 3))
    fits = experiments(alpha, 4)
    point = FittedExperiments(1.0, {"a": 1.0}, fits, fits)
    (own,) = compare([point], CriticalSurfaces((surface(4000, 5),)), np.sqrt).points
    assert all(abs(item.pull) < 3.0 for item in own.coverage) and not own.critical
    # Critical values at nominal would cover too few of them.
    nominal = np.mean(fits.t <= chi2.ppf(0.6827, 1))
    assert nominal < 0.6827 - 4.0 * own.coverage[0].error


def test_errors_say_what_is_wrong():
    with pytest.raises(ModelError, match="critical values can follow 7"):
        shared_points(SYSTEMATICS, [str(index) for index in range(8)])
    with pytest.raises(ModelError, match="no critical values at 2: they were made for 1"):
        CriticalSurfaces((surface(50, 0),)).at(2.0)
    zero = ToyFits(np.zeros(9), np.ones(9), np.ones(9), np.zeros(9, dtype=int))
    with pytest.raises(ModelError, match="have t = 0"):
        fit_surface(SYSTEMATICS, 1.0, (), shared_points(SYSTEMATICS, ()), [zero], LEVELS)
    with pytest.raises(ModelError, match="cannot give the 5 terms"):
        fit_surface(SYSTEMATICS, 1.0, NAMES, np.zeros((1, 3)), [zero], LEVELS)


def test_leading_nuisances_are_constrained_and_in_the_order_of_their_impact():
    impacts = SimpleNamespace(impacts=[SimpleNamespace(name=name) for name in ("c", "free", "a", "b")])
    assert leading_nuisances(impacts, SYSTEMATICS, 2) == ("c", "a")
