"""Newton's method on functions whose minima are known."""

import numpy as np
import pytest

from steelyard.likelihood.minimise.newton import (
    CONVERGED,
    EDM,
    INVALID_START,
    ITERATION,
    MINIMUM,
    STATE,
    STUCK,
    allocate_newton,
    newton_step,
    start_newton,
)


def run(function, start, bounds=(-10.0, 10.0), fixed=(), updating=0, noise=1e-12):
    """NewtonState from ``start`` (d,); returns the search and the points that were asked for."""
    start = np.asarray(start, dtype=float)
    search, asked = allocate_newton(len(start)), []
    search.lower[:], search.upper[:] = bounds
    search.fixed[list(fixed)] = True
    start_newton(search, start, max(1e-10, 0.2 * noise), 1e-7, noise, updating)
    running = True
    while running:
        asked.append(search.trial.copy())
        value, gradient, hessian = function(search.trial)
        running = newton_step(search, float(value), np.asarray(gradient, float), np.ascontiguousarray(hessian, float))
    return search, np.array(asked)


def quadratic(centre, matrix):
    centre, matrix = np.asarray(centre, float), np.asarray(matrix, float)

    def function(place):
        away = place - centre
        return 0.5 * away @ matrix @ away, matrix @ away, matrix

    return function


def valley(place):
    """Rosenbrock's function, minimum 0 at (1, 1)."""
    x, y = place
    gradient = [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)]
    hessian = [[2.0 - 400.0 * (y - 3.0 * x * x), -400.0 * x], [-400.0 * x, 200.0]]
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2, gradient, hessian


def test_a_parabola_takes_two_points():
    search, asked = run(quadratic([1.0, -0.5], [[2.0, 0.6], [0.6, 1.0]]), [0.0, 0.0])
    assert search.counts[STATE] == CONVERGED and len(asked) == 2
    np.testing.assert_allclose(search.place, [1.0, -0.5], atol=1e-12)


@pytest.mark.parametrize("updating", [0, 1])
@pytest.mark.parametrize("start", [[-1.2, 1.0], [3.0, -4.0]])
def test_a_bent_valley_is_followed(start, updating):
    search, _ = run(valley, start, updating=updating)
    assert search.counts[STATE] == CONVERGED
    assert search.numbers[MINIMUM] < 1e-9 and search.numbers[EDM] < 1e-9
    np.testing.assert_allclose(search.place, [1.0, 1.0], atol=1e-4)


def test_a_minimum_on_the_bounds_is_exact():
    """With x held at 0.5 the minimum in y moves: bounds are part of the problem, not a final clip."""
    search, asked = run(quadratic([1.0, -0.5], [[2.0, 0.6], [0.6, 1.0]]), [0.0, 0.0], bounds=(-0.4, 0.5))
    assert search.counts[STATE] == CONVERGED
    assert search.place[0] == 0.5
    assert search.place[1] == pytest.approx(max(-0.5 + 0.6 * 0.5, -0.4), abs=1e-9)
    assert asked.min() >= -0.4 and asked.max() <= 0.5


def test_bounds_are_left_again_where_the_slope_says_so():
    search, asked = run(valley, [-1.0, 2.0], bounds=(-1.0, 2.0))
    assert search.counts[STATE] == CONVERGED and search.numbers[MINIMUM] < 1e-9
    assert asked.min() >= -1.0 and asked.max() <= 2.0


def test_fixed_parameters_do_not_move():
    search, asked = run(quadratic([1.0, -0.5], [[2.0, 0.6], [0.6, 1.0]]), [0.0, 0.3], fixed=[1])
    assert search.counts[STATE] == CONVERGED
    assert (asked[:, 1] == 0.3).all()
    assert search.place[0] == pytest.approx(1.0 - 0.3 * 0.8, abs=1e-9)


def test_everything_fixed_is_where_it_is():
    search, asked = run(quadratic([1.0], [[2.0]]), [0.0], fixed=[0])
    assert search.counts[STATE] == CONVERGED and len(asked) == 1
    assert search.numbers[MINIMUM] == 1.0


def test_a_start_out_of_bounds_is_moved_inside():
    _, asked = run(quadratic([1.0], [[2.0]]), [99.0], bounds=(0.0, 3.0))
    assert asked[0] == 3.0


def test_two_parameters_that_do_the_same():
    """The Hessian is singular: their sum is determined, and no step runs away along the rest."""
    search, _ = run(quadratic([1.0, 0.0], [[1.0, 1.0], [1.0, 1.0]]), [0.2, 0.1])
    assert search.counts[STATE] == CONVERGED
    assert search.place.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.abs(search.place).max() < 2.0


def test_a_parameter_that_does_nothing_stays():
    search, _ = run(quadratic([1.0, 0.0], [[1.0, 0.0], [0.0, 0.0]]), [0.0, 0.7])
    assert search.counts[STATE] == CONVERGED
    np.testing.assert_allclose(search.place, [1.0, 0.7], atol=1e-6)


def test_a_flat_function_has_its_minimum_anywhere():
    search, asked = run(lambda place: (3.0, np.zeros(2), np.zeros((2, 2))), [0.3, 0.4])
    assert search.counts[STATE] == CONVERGED and len(asked) == 1
    np.testing.assert_array_equal(search.place, [0.3, 0.4])


def test_the_top_of_a_hill_is_no_minimum():
    search, _ = run(quadratic([0.0, 0.0], [[1.0, 0.0], [0.0, -1.0]]), [0.0, 0.0])
    assert search.counts[STATE] == CONVERGED
    np.testing.assert_allclose(np.abs(search.place), [0.0, 10.0], atol=1e-9)


def test_a_saddle_across_the_axes_is_left_for_a_minimum():
    def function(place):  # (x y - 1)^2 / 2: a saddle at the origin, minima along x y = 1
        x, y = place
        short = x * y - 1.0
        return 0.5 * short**2, [short * y, short * x], [[y * y, short + x * y], [short + x * y, x * x]]

    search, _ = run(function, [0.0, 0.0])
    assert search.counts[STATE] == CONVERGED
    assert search.place[0] * search.place[1] == pytest.approx(1.0, abs=1e-4)


def test_a_saddle_from_which_no_way_leads_down_is_no_minimum():
    # The Hessian is negative, and the function rises on both sides: nothing that agrees with itself.
    search, _ = run(lambda place: (abs(place[0]), [0.0], [[-1.0]]), [0.0])
    assert search.counts[STATE] == STUCK


@pytest.mark.parametrize("depth, found", [(6.5e-6, False), (1e-3, True)])
def test_valleys_less_deep_than_the_noise_are_no_failure(depth, found):
    # -0.075 x^2 + q x^4: two valleys with a ridge between them.
    q = 0.075**2 / (4.0 * depth)
    search, _ = run(
        lambda x: (-0.075 * x[0] ** 2 + q * x[0] ** 4, -0.15 * x + 4.0 * q * x**3, [[-0.15 + 12.0 * q * x[0] ** 2]]),
        [0.0],
        noise=5e-6,
    )
    assert search.counts[STATE] == CONVERGED
    assert search.numbers[MINIMUM] == pytest.approx(-depth if found else 0.0, abs=1e-5)


def test_down_from_a_hill_to_the_bound():
    search, _ = run(quadratic([0.0, 0.0], [[1.0, 0.0], [0.0, -1.0]]), [1.0, 0.1], bounds=(-2.0, 2.0))
    assert search.counts[STATE] == CONVERGED
    np.testing.assert_allclose(search.place, [0.0, 2.0], atol=1e-9)


def test_no_step_into_what_is_forbidden():
    """-ln(x) + 10 x for x > 0; the first step of Newton's method from 0.9 would land on the other side."""

    def wall(place):
        (x,) = place
        if not x > 0.0:
            return np.inf, [np.nan], [[np.nan]]
        return -np.log(x) + 10.0 * x, [10.0 - 1.0 / x], [[1.0 / x**2]]

    search, asked = run(wall, [0.9])
    assert (asked <= 0.0).any(), "the wall was never met: this tests nothing"
    assert search.counts[STATE] == CONVERGED
    assert search.place[0] == pytest.approx(0.1, abs=1e-5)


def test_a_forbidden_start_is_said_to_be_one():
    search, asked = run(lambda place: (np.inf, [np.nan], [[np.nan]]), [0.3])
    assert search.counts[STATE] == INVALID_START and len(asked) == 1


def test_derivatives_that_lie_end_the_search():
    """A slope without a descent: the trust region shrinks until the search gives up, and it says so."""
    search, _ = run(lambda place: (abs(place[0]), [1.0 if place[0] <= 0.0 else -1.0], [[1.0]]), [0.0])
    assert search.counts[STATE] == STUCK
    assert search.counts[ITERATION] < 60
