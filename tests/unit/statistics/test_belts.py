import numpy as np
import pytest
from scipy.stats import chi2

from steelyard.errors import ModelError
from steelyard.statistics.belts import build_belt, critical_value, infer, invert, significance_against
from steelyard.statistics.fits import Fit, Scan
from steelyard.statistics.toy_fits import Status, ToyFits


def toys_of(t, status=None):
    t = np.asarray(t, dtype=float)
    return ToyFits(t, np.ones_like(t), np.full(len(t), 10), np.zeros(len(t), dtype=int) if status is None else status)


def scan_of(mu, t):
    return Scan(mu=mu, t=t, t_lower_bound=float(t[0]), fit=Fit(1.0, 0.0, True, 0.0, False, ((1.0, 0.0),)))


def test_critical_value_is_the_quantile_with_honest_errors():
    """The quoted range covers the true quantile in 68 % of repetitions."""
    generator, level = np.random.default_rng(2), 0.9545
    truth, repetitions = chi2.ppf(level, 1), 2000
    values = [critical_value(generator.chisquare(1, size=400), level) for _ in range(repetitions)]
    covered = np.mean([value.low <= truth <= value.high for value in values])
    assert covered == pytest.approx(0.6827, abs=0.05)  # order statistics are discrete: 0.05 is one of 400 toys
    assert np.mean([value.value for value in values]) == pytest.approx(truth, abs=0.1)


def test_failed_toys_are_counted_and_left_out():
    status = np.array([0, 1, Status.NOT_CONVERGED, Status.NO_VALID_START])
    belt = build_belt({1.0: toys_of([1.0, 1.0, np.nan, np.nan], status)}, (0.6827,))
    assert belt.points[0].status["not_converged"] == 1 and belt.points[0].status["no_valid_start"] == 1
    assert belt.points[0].toys == 4
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


def test_significance_counts_the_tail():
    toys = toys_of(np.linspace(0.0, 5.0, 1001))
    evidence = significance_against(0.0, 4.0, toys)
    assert evidence.asymptotic == 2.0
    assert evidence.p_value[0] == pytest.approx(201 / 1001)
    assert evidence.p_value[1] < evidence.p_value[0] < evidence.p_value[2]
    beyond = significance_against(0.0, 100.0, toys)
    assert beyond.is_limit and 2.8 < beyond.neyman < 3.6


def test_inference_of_a_whole_analysis(interference):
    """With exact ratios and toys the 68 % set of Asimov data contains the truth and the Wald set lies near it."""
    from steelyard.statistics.fits import scan
    from steelyard.statistics.toys import throw_toys

    points = (0.0, 0.1, 0.5, 1.0, 2.0, 3.0)
    toys = {mu: throw_toys(interference, mu, 200, seed=int(10 * mu)) for mu in points}
    belt = build_belt(toys, (0.6827, 0.9545))
    result = infer(belt, scan(interference.asimov(1.0), np.linspace(0.0, 3.0, 61)), interference.mixture, toys)
    assert result.hat == pytest.approx(1.0, abs=1e-3)
    narrow, wide = result.intervals
    assert any(low < 1.0 < high for low, high in narrow.neyman)
    size = [sum(high - low for low, high in interval.neyman) for interval in (narrow, wide)]
    assert size[0] < size[1]
    assert result.significance.tested == 0.0
