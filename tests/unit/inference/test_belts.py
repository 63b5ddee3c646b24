from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2
from synthetic_results import toys_of

from steelyard.errors import ModelError
from steelyard.inference.belts import (
    Belt,
    BeltPoint,
    CriticalValue,
    Inference,
    best_fit,
    build_belt,
    critical_value,
    infer,
    invert,
    with_uncertainty,
)
from steelyard.inference.fit import Fit, Scan
from steelyard.inference.toy_fits import Status
from steelyard.io.serialisation import from_data, to_data


def scan_of(mu, t, hat=None, **fit):
    hat = float(mu[np.argmin(t)]) if hat is None else hat
    found = Fit(hat, 0.0, True, 0.0, False, ((hat, 0.0),))
    return Scan(mu=mu, t=t, t_lower_bound=float(t[0]), fit=replace(found, **fit))


def belt_at(value, points, error=0.0, level=0.6827):
    """Critical values that do not depend on the parameter."""
    critical = {str(level): CriticalValue(value, value - error, value + error)}
    return Belt((level,), tuple(BeltPoint(mu, 1000, {"converged": 1000}, critical) for mu in points))


def test_critical_value_is_the_quantile_with_honest_errors():
    """The quoted range covers the true quantile in 68 % of repetitions."""
    generator, level = np.random.default_rng(2), 0.9545
    truth, repetitions = chi2.ppf(level, 1), 2000
    values = [critical_value(generator.chisquare(1, size=400), level) for _ in range(repetitions)]
    covered = np.mean([value.low <= truth <= value.high for value in values])
    assert covered == pytest.approx(0.6827, abs=0.05)  # order statistics are discrete: 0.05 is one of 400 toys
    assert np.mean([value.value for value in values]) == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize("toys", [10, 20, 21, 50, 99, 200])
@pytest.mark.parametrize("level", [0.6827, 0.9, 0.9545])
def test_critical_values_cover_exactly(toys, level):
    """A further experiment has t below the k-th of T order statistics with probability k/(T + 1), exactly.

    For uniform t the k-th order statistic is beta(k, T + 1 - k), of mean k/(T + 1). Interpolated quantiles have
    1/T less.
    """
    value = critical_value(np.arange(1, toys + 1), level).value  # it is the number of the order statistic
    if np.isinf(value):
        assert toys / (toys + 1) < level  # not even the largest of them covers
        return
    coverage = value / (toys + 1)
    assert level - 1e-12 <= coverage < level + 1.0 / (toys + 1)
    interpolated = np.quantile(np.arange(1, toys + 1), level) / (toys + 1)
    assert interpolated < level


def test_toys_too_few_for_a_level_exclude_nothing(interference):
    assert np.isinf(critical_value(np.arange(20), 0.9545).value)
    assert critical_value(np.arange(21), 0.9545).value == 20.0  # level/(1 - level) = 20.98 toys
    belt = build_belt({point: toys_of(np.linspace(0.0, 2.0, 20)) for point in (0.0, 2.0, 4.0)}, (0.9545,))
    belt = from_data(Belt, to_data(belt))
    mu = np.linspace(0.0, 4.0, 81)
    (interval,) = invert(belt, scan_of(mu, 100.0 * np.square(mu - 1.0)), interference.mixture)
    assert interval.neyman == [(0.0, 4.0)]


def test_failed_toys_are_counted_and_left_out():
    status = np.array([0, 1, 0, 0, Status.NOT_CONVERGED, Status.NO_VALID_START])
    belt = build_belt({1.0: toys_of([1.0, 1.0, 1.0, 1.0, np.nan, np.nan], status)}, (0.6827,))
    assert belt.points[0].status["not_converged"] == 1 and belt.points[0].status["no_valid_start"] == 1
    assert belt.points[0].toys == 6
    assert belt.points[0].critical["0.6827"].value == 1.0
    with pytest.raises(ModelError, match="no successful"):
        build_belt({1.0: toys_of([np.nan], np.array([4]))}, (0.6827,))


def test_a_disjoint_set_keeps_its_two_segments(interference):
    mu = np.linspace(0.0, 4.0, 81)
    t = 4.0 * np.minimum((np.sqrt(mu) - 0.3) ** 2 * 20.0, (np.sqrt(mu) - 1.5) ** 2 * 20.0)
    belt = build_belt({point: toys_of(np.linspace(0.0, 2.0, 1001)) for point in (0.0, 2.0, 4.0)}, (0.5,))
    (interval,) = invert(belt, scan_of(mu, t), interference.mixture)
    assert len(interval.neyman) == 2  # c = 1 everywhere: |kappa - 0.3| and |kappa - 1.5| below sqrt(1/80)
    edges = [value for segment in interval.neyman for value in segment]
    width = np.sqrt(1.0 / 80.0)
    expected = [(0.3 - width) ** 2, (0.3 + width) ** 2, (1.5 - width) ** 2, (1.5 + width) ** 2]
    np.testing.assert_allclose(edges, expected, atol=0.01)


def test_a_set_may_touch_the_bound(interference):
    mu = np.linspace(0.0, 4.0, 81)
    belt = build_belt({point: toys_of(np.linspace(0.0, 2.0, 1001)) for point in (0.0, 4.0)}, (0.5,))
    (interval,) = invert(belt, scan_of(mu, mu), interference.mixture)
    assert interval.neyman == [(0.0, pytest.approx(1.0, abs=1e-3))]


def test_a_set_that_the_belt_cuts_is_open(interference):
    """Best fit 3.11 and a belt up to 3: the set goes on beyond, and does not end below its own best fit."""
    mu, mixture = np.linspace(0.0, 4.0, 81), interference.mixture  # the parameter lies in [0, 5]
    scan = scan_of(mu, np.square((mu - 3.11) / 1.15), hat=3.11)
    (interval,) = invert(belt_at(1.0, (0.0, 1.0, 3.0)), scan, mixture)
    assert interval.neyman == [(pytest.approx(1.96, abs=0.01), 3.0)]
    assert interval.neyman_ends == [("crossing", "open")]
    assert interval.asymptotic_ends == [("crossing", "open")]  # 4.26 lies beyond the scan
    mu = np.linspace(0.0, 5.0, 101)
    scan = scan_of(mu, np.square((mu - 3.11) / 1.15), hat=3.11)
    (wider,) = invert(belt_at(1.0, (0.0, 2.0, 5.0)), scan, mixture)
    assert wider.neyman_ends == [("crossing", "crossing")]


def test_a_set_at_the_bound_is_not_open(interference):
    mu = np.linspace(0.0, 4.0, 81)
    (interval,) = invert(belt_at(1.0, (0.0, 4.0)), scan_of(mu, mu), interference.mixture)
    assert interval.neyman_ends == [("bound", "crossing")]


def test_the_error_of_the_toys_moves_the_ends(interference):
    """delta mu = delta c / |d(t-c)/dmu|: for t = ((mu - 2)/0.5)^2 at c = 1 the slope is 4."""
    mu = np.linspace(0.0, 4.0, 401)
    scan = scan_of(mu, np.square((mu - 2.0) / 0.5))
    belt = belt_at(1.0, (0.0, 1.0, 2.0, 4.0), error=0.08)
    (interval,) = invert(belt, scan, interference.mixture)
    np.testing.assert_allclose(interval.neyman, [(1.5, 2.5)], atol=1e-4)
    np.testing.assert_allclose(interval.neyman_errors, [(0.02, 0.02)], rtol=0.02)
    shifted = [invert(belt_at(1.0 + shift, (0.0, 4.0)), scan, interference.mixture)[0] for shift in (-0.08, 0.08)]
    moved = 0.5 * np.abs(np.subtract(shifted[1].neyman, shifted[0].neyman))
    np.testing.assert_allclose(interval.neyman_errors, moved, rtol=0.02)


def test_a_basin_narrower_than_the_scan_keeps_its_best_fit(interference):
    """The scan's points miss a narrow basin; the best fit says where it is, and is in its own set."""
    mu = np.linspace(0.0, 4.0, 21)
    (interval,) = invert(belt_at(1.0, (0.0, 4.0)), scan_of(mu, np.full(21, 5.0), hat=1.11), interference.mixture)
    assert any(low < 1.11 < high for low, high in interval.neyman)


def test_an_uncertainty_of_mu_hat_adds_to_the_width_in_quadrature(interference):
    """t = (mu - 1)^2/sigma^2, whose best fit has the uncertainty s of its own: the set of sqrt(sigma^2 + s^2)."""
    sigma, s, mu = 0.4, 0.3, np.linspace(0.0, 3.0, 121)
    scan = scan_of(mu, (mu - 1.0) ** 2 / sigma**2)
    belt, mixture = belt_at(1.0, (0.0, 1.5, 3.0)), interference.mixture
    (found,) = invert(belt, scan, mixture, lambda place: 2.0 * np.abs(place - 1.0) * s / sigma**2)
    assert found.neyman == [pytest.approx((0.6, 1.4), abs=1e-3)]
    assert found.simulation == [pytest.approx((0.5, 1.5), abs=1e-3)]
    assert found.simulation_ends == [("crossing", "crossing")]
    (without,) = invert(belt, scan, mixture)
    assert without.simulation is None and without.neyman == found.neyman


def test_t_that_nothing_is_known_of_excludes_nothing_and_no_density_everything():
    t = np.array([0.0, 4.0, 4.0, np.inf])
    result = with_uncertainty(t, np.array([1.0, 0.0, np.inf, np.inf]))
    assert result.tolist() == [0.0, 4.0, 0.0, np.inf]


def test_the_best_fit_says_what_is_special(interference):
    mu = np.linspace(0.0, 4.0, 5)
    plain = best_fit(scan_of(mu, mu + 1.0), (0.0, 5.0))
    assert (plain.bound, plain.nuisances_at_bounds, plain.valid) == (None, (), True)
    fit = {"at_bound": True, "bounds_hit": ("mu", "scale"), "nuisances": ("scale",), "valid": False}
    special = best_fit(scan_of(mu, mu + 1.0, 5.0, **fit), (0.0, 5.0))
    assert (special.bound, special.nuisances_at_bounds, special.valid) == ("upper", ("scale",), False)
    assert best_fit(scan_of(mu, mu, 0.0, at_bound=True), (0.0, 5.0)).bound == "lower"


def test_inference_of_a_whole_analysis(interference):
    """With exact ratios and toys the 68 % set of Asimov data contains the truth and the Wald set lies near it."""
    from steelyard.inference.fit import scan
    from steelyard.inference.toys import throw_toys

    points = (0.0, 0.1, 0.5, 1.0, 2.0, 3.0)
    toys = {mu: throw_toys(interference, mu, 200, seed=int(10 * mu)) for mu in points}
    belt = build_belt(toys, (0.6827, 0.9545))
    signal = throw_toys(interference, 1.0, 100, seed=9, tested=0.0)
    data = scan(interference.asimov(1.0), np.linspace(0.0, 3.0, 61))
    result = infer(belt, data, interference.mixture, toys, (1.0, signal))
    assert from_data(Inference, to_data(result)) == result
    assert result.hat == pytest.approx(1.0, abs=1e-3)
    narrow, wide = result.intervals
    assert any(low < 1.0 < high for low, high in narrow.neyman)
    size = [sum(high - low for low, high in interval.neyman) for interval in (narrow, wide)]
    assert size[0] < size[1]
    assert result.significance.tested == 0.0
    assert result.expected.thrown == 1.0 and result.expected.t[2] > 0.0
    assert result.searched == (0.0, 3.0)
