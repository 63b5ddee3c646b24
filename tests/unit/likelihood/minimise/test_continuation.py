"""The path along the profile of functions whose profile is known."""

import numpy as np
import pytest

from steelyard.likelihood.minimise.continuation import (
    ARRIVED,
    EVALUATIONS,
    FIRST,
    LAST,
    LOOK,
    POINTS,
    accept_fit,
    allocate_continuation,
    continuation_step,
    start_continuation,
)
from steelyard.likelihood.minimise.minima import minima_along, predict
from steelyard.likelihood.minimise.newton import MINIMUM, STATE, allocate_newton, newton_step, start_newton

BOUNDS = [[0.0, 3.0], [-5.0, 5.0], [-5.0, 5.0]]


def well(kappa):
    """Two minima, at 0.314 and 2.046, the second one deeper, and derivatives."""
    depth = np.poly1d([6.0, -28.0, 40.0, -17.6, 0.0])
    return depth(kappa), depth.deriv()(kappa), depth.deriv(2)(kappa)


def bent(strength=0.0, turn=0.4):
    """f(kappa, alpha) = well + sum of (1 + kappa/2) d^2 + strength d^4, d = alpha - a(kappa), a = turn (sin, cos).

    Its profile is the well, its conditional fit a(kappa).
    """

    def function(place):
        kappa, value, slope, second = place[0], *well(place[0])
        angle = np.array([np.sin(kappa), np.cos(kappa)])
        away = place[1:] - turn * angle
        drift = turn * np.array([np.cos(kappa), -np.sin(kappa)])
        c = 1.0 + 0.5 * kappa
        in_alpha = 2.0 * c * away + 4.0 * strength * away**3
        curvature = 2.0 * c + 12.0 * strength * away**2
        gradient = np.concatenate([[slope + 0.5 * (away @ away) - in_alpha @ drift], in_alpha])
        hessian = np.zeros((3, 3))
        hessian[1:, 1:] = np.diag(curvature)
        hessian[0, 1:] = hessian[1:, 0] = away - curvature * drift
        hessian[0, 0] = second - 2.0 * away @ drift + curvature @ drift**2 + turn * in_alpha @ angle
        return value + c * away @ away + strength * (away**4).sum(), gradient, hessian

    return function


def conditional(function, place, fixed=()):
    """Newton's method with the coordinate held."""
    search = allocate_newton(len(place))
    search.lower[:], search.upper[:] = np.array(BOUNDS).T
    search.fixed[[0, *fixed]] = True
    start_newton(search, np.asarray(place, dtype=float), 1e-12, 1e-9, 1e-13, 0)
    running = True
    while running:
        value, gradient, hessian = function(search.trial)
        running = newton_step(search, float(value), gradient, hessian)
    return search


def follow(function, kappa, alpha, fixed=()):
    """The path from the conditional fit at ``kappa``; also how often it asked for a fit."""
    path, fits = allocate_continuation(np.array(BOUNDS)), 0
    path.fixed[[k - 1 for k in fixed]] = True
    start = conditional(function, [kappa, *alpha], fixed)
    wanted = start_continuation(path, start.place, start.numbers[MINIMUM], start.gradient, start.hessian)
    while wanted != ARRIVED:
        if wanted == LOOK:
            value, gradient, _ = function(path.trial)
            wanted = continuation_step(path, float(value), gradient)
        else:
            fits += 1
            found = conditional(function, path.trial, fixed)
            assert found.counts[STATE] == 1
            wanted = accept_fit(path, found.place, found.numbers[MINIMUM], found.gradient, found.hessian)
    return path, fits


def points(path):
    return slice(path.counts[FIRST], path.counts[LAST] + 1)


def minima(path):
    """Coordinates and values, deepest first."""
    kappa, depth, order = np.zeros(2 * POINTS), np.zeros(2 * POINTS), np.zeros(2 * POINTS, dtype=np.int64)
    number = minima_along(path, kappa, depth, order)
    return kappa[order[:number]], depth[order[:number]]


@pytest.mark.parametrize("begin_at", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_the_profile_of_a_bent_valley(begin_at, strength):
    path, _ = follow(bent(strength), begin_at, [0.5, 0.5])
    used = points(path)
    kappa, exact = path.kappa[used], well(path.kappa[used])
    assert kappa[0] == 0.0 and kappa[-1] == 3.0 and (np.diff(kappa) > 0.0).all()
    near = exact[0] < exact[0].min() + 5.0
    turned = 0.4 * np.stack([np.sin(kappa), np.cos(kappa)], axis=1)
    # Corrections of up to 0.1 are believed, by a W whose truth changes by a factor of 2.5 over the range.
    np.testing.assert_allclose(path.value[used][near], exact[0][near], atol=0.1)
    np.testing.assert_allclose(path.slope[used][near], exact[1][near], atol=0.2)
    np.testing.assert_allclose(path.rest[used][near], turned[near], atol=0.05)
    np.testing.assert_allclose(path.value[used], exact[0], rtol=0.1, atol=0.1)


def test_minima_lie_between_the_points_deepest_first():
    path, _ = follow(bent(), 1.0, [0.0, 0.0])
    kappa, depth = minima(path)
    roots = np.sort(np.poly1d([24.0, -84.0, 80.0, -17.6]).roots.real)
    np.testing.assert_allclose(kappa, roots[[2, 0]], atol=0.01)
    np.testing.assert_allclose(depth, well(roots[[2, 0]])[0], atol=0.02)
    alpha = np.zeros(2)
    predict(path, kappa[0], alpha)
    np.testing.assert_allclose(alpha, 0.4 * np.array([np.sin(kappa[0]), np.cos(kappa[0])]), atol=0.01)


@pytest.mark.parametrize(("sign", "expected"), [(1.0, 0.0), (-1.0, 3.0)])
def test_an_end_of_the_range_is_a_minimum(sign, expected):
    def slope(place):
        gradient = np.array([sign, 2.0 * place[1], 2.0 * place[2]])
        return sign * place[0] + place[1:] @ place[1:], gradient, np.diag([0.0, 2.0, 2.0])

    path, fits = follow(slope, 1.0, [0.0, 0.0])
    kappa, depth = minima(path)
    assert kappa.tolist() == [expected] and depth == pytest.approx([sign * expected]) and fits == 0


def test_far_above_the_minimum_steps_are_longer():
    """A profile of 4,500 kappa^2 takes fewer points than one of 0.45 kappa^2, which is a hundred times as wide."""

    def valley(curvature):
        def function(place):
            gradient = np.array([2.0 * curvature * place[0], 2.0 * place[1], 2.0 * place[2]])
            return curvature * place[0] ** 2 + place[1:] @ place[1:], gradient, np.diag([2.0 * curvature, 2.0, 2.0])

        return function

    narrow, wide = (follow(valley(curvature), 0.0, [0.0, 0.0])[0] for curvature in (4500.0, 0.45))
    assert narrow.counts[EVALUATIONS] < wide.counts[EVALUATIONS] <= 13


def test_a_nuisance_parameter_that_is_held_stays():
    path, _ = follow(bent(), 1.0, [0.7, 0.0], fixed=(1,))
    used = points(path)
    kappa = path.kappa[used]
    assert (path.rest[used, 0] == 0.7).all()
    exact = well(kappa)[0] + (1.0 + 0.5 * kappa) * (0.7 - 0.4 * np.sin(kappa)) ** 2
    np.testing.assert_allclose(path.value[used], exact, rtol=1e-3, atol=0.01)


def test_bounds_of_the_nuisance_parameters_are_respected():
    path, _ = follow(bent(turn=5.5), 0.1, [0.5, 4.9])
    alpha = path.rest[points(path)]
    assert alpha.max() <= 5.0 and alpha.min() >= -5.0


def test_points_that_are_forbidden_have_no_value_and_hide_nothing():
    def torn(place):
        return bent()(place) if not 0.9 < place[0] < 1.35 else (np.inf, np.zeros(3), np.zeros((3, 3)))

    path, _ = follow(torn, 2.0, [0.0, 0.0])
    used = points(path)
    kappa = path.kappa[used]
    np.testing.assert_array_equal(np.isfinite(path.value[used]), (kappa <= 0.9) | (kappa >= 1.35))
    assert kappa[0] == 0.0
    np.testing.assert_allclose(minima(path)[0], [2.046, 0.314], atol=0.02)


def test_a_valley_that_turns_sharply_is_followed_by_fits():
    """Between kappa = 1 and 1.3 the conditional fit moves by four, and the walls grow with the fourth power."""

    def sharp(place):
        centre = 2.0 * np.tanh(10.0 * (place[0] - 1.15))
        drift = 20.0 / np.cosh(10.0 * (place[0] - 1.15)) ** 2
        away = place[1] - centre
        slope, bend = 2.0 * away + 4.0 * away**3, 2.0 + 12.0 * away**2
        value = away**2 + away**4 + place[2] ** 2
        gradient = np.array([-slope * drift, slope, 2.0 * place[2]])
        hessian = np.diag([0.0, bend, 2.0])
        hessian[0, 1] = hessian[1, 0] = -bend * drift
        return value, gradient, hessian

    path, fits = follow(sharp, 0.5, [-2.0, 0.0])
    used = points(path)
    assert fits > 0
    # Corrections of up to 0.1 are believed, by a W that the walls have made too small.
    np.testing.assert_allclose(path.value[used], 0.0, atol=0.4)
    np.testing.assert_allclose(path.rest[used, 0], 2.0 * np.tanh(10.0 * (path.kappa[used] - 1.15)), atol=0.6)
