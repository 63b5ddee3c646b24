"""Readings of a p-value from toys, and what toys of a signal say against the bound."""

import numpy as np
import pytest
from scipy.stats import norm
from synthetic_results import toys_of

from steelyard.errors import ModelError
from steelyard.inference.belts import critical_value
from steelyard.inference.significance import BANDS, expected_significance, significance_against, toys_needed


def test_significance_counts_the_tail():
    toys = toys_of(np.linspace(0.0, 5.0, 1001))
    evidence = significance_against(0.0, 4.0, toys)
    assert evidence.asymptotic == 2.0 and not evidence.is_limit
    assert evidence.p_value[0] == pytest.approx(202 / 1002)
    assert evidence.p_value[1] < evidence.p_value[0] < evidence.p_value[2]
    assert evidence.neyman == pytest.approx(norm.isf(101 / 1002))
    assert evidence.one_sided == pytest.approx(norm.isf(202 / 1002))


def test_a_t_beyond_all_toys_is_a_limit():
    """2,000 toys, sqrt(t) = 10.3: more than 3.31 standard deviations, from the upper end of the p-value's range."""
    toys = toys_of(np.linspace(0.0, 9.0, 2000))
    evidence = significance_against(0.0, 10.3**2, toys)
    assert evidence.is_limit and evidence.toys == 2000
    assert evidence.neyman == pytest.approx(3.31, abs=0.005)
    assert evidence.p_value == (pytest.approx(1 / 2001), 0.0, pytest.approx(9.2e-4, abs=1e-5))


@pytest.mark.parametrize("level", [0.5, 0.6827, 0.9, 0.9545])
@pytest.mark.parametrize("toys", [21, 99, 200])
def test_a_value_is_excluded_exactly_where_its_p_value_says_so(level, toys):
    """p <= 1 - level and t > c(level) are one statement, a value exactly at the critical value included."""
    t = np.sort(np.random.default_rng(toys).chisquare(1, toys))
    critical = critical_value(t, level).value
    for tested in [*t, *(0.5 * (t[1:] + t[:-1])), 2.0 * t[-1], 0.0]:
        excluded = significance_against(0.0, tested, toys_of(t)).p_value[0] <= 1.0 - level + 1e-12
        assert excluded == (tested > critical)


def test_the_fraction_at_the_bound_is_carried():
    assert significance_against(0.0, 1.0, toys_of([0.0] * 30 + [1.0] * 70)).at_zero == pytest.approx(0.3)


def test_expected_significance_is_that_of_the_quantiles():
    generator = np.random.default_rng(4)
    lowest = toys_of(generator.chisquare(1, 20_000))
    signal = toys_of(np.linspace(0.0, 9.0, 1001))
    found = expected_significance(1.0, 0.0, signal, lowest)
    np.testing.assert_allclose(found.t, 9.0 * np.array(BANDS))
    # chi2_1: the two-sided reading is sqrt(t); the error of p at t = 8.8, p = 0.003, from 20,000 toys is 0.04 of Z
    np.testing.assert_allclose(found.neyman, np.sqrt(found.t), atol=0.12)
    assert found.error == pytest.approx(9.0 * 0.5 / np.sqrt(1001), rel=0.01)  # uniform: 9 times the binomial error
    assert found.toys == 1001 and found.failed == 0 and not any(found.is_limit)
    assert all(one < two for one, two in zip(found.one_sided, found.neyman, strict=True) if two > 0.0)
    with pytest.raises(ModelError, match="no successful"):
        expected_significance(1.0, 0.0, toys_of([np.nan], np.array([4])), lowest)


def test_toys_that_a_significance_needs():
    assert toys_needed(9.0) == pytest.approx(100 / 0.0026998, rel=1e-4)  # 3 standard deviations to 10 %: 37,000
    assert toys_needed(4.0, tail=1) == pytest.approx(22.0, abs=0.1)
