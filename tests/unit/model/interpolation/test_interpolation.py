import mpmath
import numpy as np
import pytest

from steelyard.model.interpolation import event_values, interpolate
from steelyard.model.interpolation.code4 import code4, code4_coefficients, non_positive
from steelyard.model.interpolation.exponential import derivatives as exponential
from steelyard.model.interpolation.positivity import SAFE

mpmath.mp.dps = 50

# Effects (ln g+, ln g-) from per mille to factors of twenty: symmetric, one-sided, both up.
EFFECTS = [(0.001, -0.0012), (0.1, -0.08), (0.3, 0.0), (0.5, 0.4), (-1.2, 0.7), (3.0, -2.0)]


def solved(up, down):
    """a_1 .. a_6 from the six conditions of continuity, with 50 digits."""
    up, down = mpmath.mpf(up), mpmath.mpf(down)
    rows, right = [], []
    for side, value, slope in ((1, mpmath.exp(up), up), (-1, mpmath.exp(down), -down)):
        for order in range(3):
            rows.append([mpmath.ff(i, order) * mpmath.mpf(side) ** (i - order) for i in range(1, 7)])
            right.append(value * slope**order - (1 if order == 0 else 0))
    return mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(right))


def high_precision(kind, up, down, alpha):
    """g at one point, from the definitions."""
    up, down, alpha = (mpmath.mpf(item) for item in (up, down, alpha))
    if alpha >= 1:
        return mpmath.exp(alpha * up)
    if alpha <= -1:
        return mpmath.exp(-alpha * down)
    if kind == "code4":
        return 1 + sum(a * alpha ** (i + 1) for i, a in enumerate(solved(up, down)))
    even = (15 * alpha**2 - 10 * alpha**4 + 3 * alpha**6) / 8
    return mpmath.exp((up - down) / 2 * alpha + (up + down) / 2 * even)


@pytest.mark.parametrize(("up", "down"), EFFECTS)
def test_coefficients_solve_the_six_conditions(up, down):
    # The largest term of the closed form is 24 |E_0| / 8: rounding of it is what may be left.
    size = 50.0 * np.finfo(float).eps * max(np.exp(up), np.exp(down)) * max(abs(up), abs(down), abs(up * down))
    exact = [float(a) for a in solved(up, down)]
    np.testing.assert_allclose(code4_coefficients(up, down), exact, rtol=1e-13, atol=size)


@pytest.mark.parametrize("kind", ["code4", "exponential"])
@pytest.mark.parametrize(("up", "down"), EFFECTS)
def test_value_and_derivatives_are_exact(kind, up, down):
    for alpha in (-4.3, -1.6, -0.9, -0.31, 0.0, 0.2, 0.77, 1.4, 5.0):
        expected = [mpmath.diff(lambda a: high_precision(kind, up, down, a), alpha, order) for order in range(3)]
        found = interpolate(kind, up, down, alpha)
        np.testing.assert_allclose(found, [float(value) for value in expected], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", ["code4", "exponential"])
def test_two_derivatives_are_continuous_where_the_forms_meet(kind):
    up, down = np.array(EFFECTS).T
    for edge in (-1.0, 1.0):
        inside, outside = (interpolate(kind, up, down, edge * (1.0 + side * 1e-12)) for side in (-1.0, 1.0))
        for order in range(3):
            # Over a distance of 1e-12 only the jumping third derivative, e^3 3^3 at most by order, could show.
            np.testing.assert_allclose(inside[order], outside[order], atol=1e-8)
        np.testing.assert_allclose(interpolate(kind, up, down, edge)[0], np.exp(up if edge > 0 else down), rtol=1e-14)
    np.testing.assert_array_equal(interpolate(kind, up, down, 0.0)[0], 1.0)


def test_the_third_derivative_of_code_4_does_jump():
    """If it did not, the knots of the normaliser's tables would not have to hit ±1."""
    step = 1e-4
    second = [code4(0.3, 0.1, 1.0 + shift)[2] for shift in (-step, 0.0, step)]
    assert abs((second[1] - second[0]) - (second[2] - second[1])) / step > 0.1


def test_the_exponential_form_of_a_norm_is_a_power():
    factor, alpha = 1.017, np.linspace(-5.0, 5.0, 101)
    value, first, second = exponential(np.log(factor), -np.log(factor), alpha)
    np.testing.assert_allclose(value, factor**alpha, rtol=1e-14)
    np.testing.assert_allclose(first, np.log(factor) * factor**alpha, rtol=1e-12)
    np.testing.assert_allclose(second, np.log(factor) ** 2 * factor**alpha, rtol=1e-10)


def test_the_exponential_form_is_positive_where_code_4_is_not():
    alpha = np.linspace(-5.0, 5.0, 2001)
    up, down = 5.0, -4.0
    assert code4(up, down, alpha)[0].min() < 0.0
    assert exponential(up, down, alpha)[0].min() > 0.0


def test_a_norm_factor_is_its_own_value():
    value, first, second = interpolate("linear", np.zeros(3), np.zeros(3), 0.7)
    np.testing.assert_array_equal([value, first, second], [[0.7] * 3, [1.0] * 3, [0.0] * 3])


@pytest.mark.parametrize("kind", ["code4", "exponential"])
def test_many_points_at_once_are_the_same_numbers(kind):
    generator = np.random.default_rng(0)
    up, down = generator.normal(scale=0.4, size=(2, 500)).astype(np.float32)
    alpha = np.array([-5.0, -1.0, -0.4, 0.0, 1e-9, 0.9, 1.0, 3.3])
    expected = interpolate(kind, up[:, None].astype(float), down[:, None].astype(float), alpha)[0].T
    np.testing.assert_allclose(event_values(kind, up, down, alpha), expected, rtol=1e-13)


def test_events_on_which_code_4_is_not_positive_are_found():
    """Against a fine grid, wherever the minimum is further from zero than a grid of spacing h misses: |p''| h^2/8."""
    generator = np.random.default_rng(1)
    up, down = generator.normal(scale=3.0, size=(2, 20_000))
    up[:100], down[:100] = 0.05, -0.05
    grid = np.linspace(-1.0, 1.0, 1001)
    lowest = 1.0 + (grid[:, None] ** np.arange(1, 7) @ code4_coefficients(up, down)).min(axis=0)
    found = non_positive(up, down)
    order = np.arange(1, 7)
    missed = (order * (order - 1)) @ np.abs(code4_coefficients(up, down)) * 0.002**2 / 8.0
    clear = np.abs(lowest) > missed
    assert 0.1 < found.mean() < 0.3 and clear.mean() > 0.99
    np.testing.assert_array_equal(found[clear], lowest[clear] <= 0.0)
    assert not found[:100].any()


def test_a_minimum_between_grid_points_is_not_missed():
    """Scale an effect until the polynomial just touches zero: the answer changes within 10^-5 of that scale."""
    direction = np.array([1.0, -0.8])
    low, high = 0.1, 10.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        fine = np.linspace(-1.0, 1.0, 200_001)
        if code4(*(middle * direction), fine)[0].min() <= 0.0:
            high = middle
        else:
            low = middle
        if high - low < 1e-7:
            break
    for scale, expected in ((low * (1 - 1e-5), False), (high * (1 + 1e-5), True)):
        assert non_positive(*(scale * direction[:, None])).tolist() == [expected]


def test_no_small_effect_falls_back():
    """Up to the factors that are not looked at, the polynomial stays above a fifth; the corners are the worst."""
    up, down = np.meshgrid(np.linspace(-SAFE, SAFE, 61), np.linspace(-SAFE, SAFE, 61))
    powers = np.linspace(-1.0, 1.0, 201)[:, None] ** np.arange(1, 7)
    assert (1.0 + powers @ code4_coefficients(up.ravel(), down.ravel())).min() > 0.2


@pytest.mark.parametrize("alpha", [-2.0, -1.0, -0.3, 0.0, 0.5, 1.0, 3.0])
def test_only_what_would_be_negative_has_the_exponential_form(alpha):
    """40 and 1/40, as beside a peak whose position moves, fall back; the others keep their bits."""
    up, down = np.log([40.0, 1.2, 1.0 / 100.0, 4.0]), np.log([1.0 / 40.0, 0.9, 100.0, 4.0])
    fallen = non_positive(up, down)
    lowest = np.array([code4(u, d, np.linspace(-1, 1, 2001))[0].min() for u, d in zip(up, down, strict=True)])
    np.testing.assert_array_equal(fallen, lowest <= 0.0)
    assert fallen.any() and not fallen.all()
    for found, safe, plain in zip(
        interpolate("code4", up, down, alpha), exponential(up, down, alpha), code4(up, down, alpha), strict=True
    ):
        np.testing.assert_array_equal(found[fallen], safe[fallen])
        np.testing.assert_array_equal(found[~fallen], plain[~fallen])
    values = event_values("code4", up, down, np.array([alpha]))[0]
    np.testing.assert_allclose(values, interpolate("code4", up, down, alpha)[0], rtol=1e-13)
    assert (values > 0.0).all()
