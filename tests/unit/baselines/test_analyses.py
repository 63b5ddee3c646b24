from dataclasses import replace

import numpy as np
import pytest
from interference import model, rate_densities
from scipy.stats import chi2
from simulated import simulated

from steelyard.baselines.analyses import discriminant_baseline, fixed_baseline, parameterised_baseline
from steelyard.baselines.results import BaselineInput, BaselineResult, Bins, wald_intervals
from steelyard.checks import Levels
from steelyard.inference.fit import scan
from steelyard.io.serialisation import from_json, to_json

MU = np.linspace(0, 3, 31)
LEVELS = (0.6827, 0.9545)


class Exact:
    """The analysis on an equidistant reference: templates without statistical error."""

    def __init__(self, events=20_000):
        self.x = (np.arange(events) + 0.5) / events
        self.model = model(events)
        densities = rate_densities(self.x)
        self.densities = densities / densities.sum(axis=0)

    def given(self, truth=1.0, reach=None, mu=MU):
        return BaselineInput(self.model.mixture, self.densities, self.model.weights, mu, LEVELS, truth, reach)


@pytest.fixture(scope="module")
def exact():
    return Exact()


def data(seed=3, mu=1.0):
    """x of one experiment, and the intensities of its events."""
    analysis = Exact(2_000)
    rng = np.random.default_rng(seed)
    weights = analysis.model.asimov_weights(mu)
    rows = rng.choice(len(weights), size=rng.poisson(weights.sum()), p=weights / weights.sum())
    return analysis.x[rows], analysis.model.intensities[rows]


def test_many_bins_of_a_sufficient_observable_are_the_unbinned_likelihood(exact):
    result = fixed_baseline("x", "observable", "x", exact.given(), exact.x, list(np.linspace(0, 1, 401)))
    unbinned = scan(exact.model.asimov(1.0), MU)
    # the density's curvature within a bin of 1/400 is all that is lost
    assert np.allclose(result.asimov.t, unbinned.t, rtol=2e-3, atol=1e-6)


def test_few_bins_lose_and_one_bin_counts(exact):
    fine, coarse, one = (
        fixed_baseline("x", "observable", "x", exact.given(), exact.x, list(np.linspace(0, 1, bins + 1))).asimov.t
        for bins in (50, 5, 1)
    )
    assert np.all(coarse <= fine + 1e-9) and coarse[-1] < 0.97 * fine[-1]
    n, nu = (exact.model.mixture.total(exact.model.mixture.to_coordinate(mu))[0] for mu in (1.0, 3.0))
    assert one[-1] == pytest.approx(2 * (nu - n + n * np.log(n / nu)), rel=1e-6)


@pytest.mark.parametrize("truth", [0.0, 0.3, 1.0, 2.5])
def test_asimov_fits_return_the_truth(exact, truth):
    result = fixed_baseline("x", "observable", "x", exact.given(truth), exact.x, 20)
    assert result.asimov.hat == pytest.approx(truth, abs=2e-3)
    assert result.truth == truth
    assert result.asimov.t_lower_bound == pytest.approx(result.asimov.t[0], abs=1e-9)
    assert result.asimov.significance == pytest.approx(np.sqrt(result.asimov.t[0]), abs=1e-6)


def test_intervals_end_where_t_crosses_the_quantile(exact):
    x, _ = data()
    result = fixed_baseline("x", "observable", "x", exact.given(), exact.x, 20, x)
    for name in ("asimov", "observed"):
        for level in LEVELS:
            segments = getattr(result, name).intervals[str(level)]
            ends = np.array([end for segment in segments for end in segment if 0.0 < end < 10.0])
            assert len(ends)
            there = fixed_baseline("x", "observable", "x", exact.given(mu=ends), exact.x, 20, x)
            assert np.allclose(getattr(there, name).t, chi2.ppf(level, 1), atol=1e-6)
    assert result.observed.counts.sum() == len(x)


def test_intervals_may_be_disjoint_and_stop_at_the_range(exact):
    def t(kappa):
        return 9.0 * (kappa - 0.5) ** 2 * (kappa - 1.5) ** 2 / 0.25**2

    segments = wald_intervals(t, exact.given())["0.6827"]
    assert len(segments) == 2 and segments[0][1] < 1.0 < segments[1][0]
    kappa = np.sqrt(np.array(segments).ravel())
    assert np.allclose(t(kappa), chi2.ppf(0.6827, 1))
    assert wald_intervals(lambda kappa: np.zeros_like(kappa), exact.given())["0.9545"] == [(0.0, 10.0)]
    assert wald_intervals(lambda kappa: np.zeros_like(kappa), exact.given(reach=(0.0, 3.0)))["0.9545"] == [(0.0, 3.0)]


def test_edges_leave_events_out_and_quantiles_do_not(exact):
    given = exact.given()
    part = fixed_baseline("x", "observable", "x", given, exact.x, [0.0, 0.25, 0.5], np.array([0.1, 0.4, 0.9]))
    total = exact.model.mixture.total(1.0)[0]
    lost = exact.model.asimov_weights(1.0)[exact.x > 0.5].sum() / total
    assert part.outside == pytest.approx(lost, rel=1e-6)
    assert part.observed.counts.tolist() == [1, 1]
    all_of_it = fixed_baseline("x", "observable", "x", given, exact.x, 4, np.array([-5.0, 0.4, 7.0]))
    assert all_of_it.outside == pytest.approx(0.0, abs=1e-12)
    assert all_of_it.observed.counts.sum() == 3
    held = np.array(
        [exact.model.weights[Bins.of(4, exact.x, exact.model.weights).index(exact.x) == b].sum() for b in range(4)]
    )
    assert np.allclose(held, 0.25, atol=1e-3)


def test_discriminant_is_the_log_ratio_of_densities(exact):
    x, intensities = data()
    result = discriminant_baseline("S/B", exact.given(), exact.model.intensities, "S", "B", 20, intensities)
    # S/B rises with x, so quantile bins in it are the same as in x
    same = fixed_baseline("x", "observable", "x", exact.given(), exact.x, 20, x)
    assert np.allclose(result.asimov.t, same.asimov.t, rtol=1e-3, atol=1e-6)
    assert np.abs(result.observed.counts - same.observed.counts).sum() <= 4
    # normalised on [0, 1]: p_S = 5 x^4, p_B = 3 (1-x)^2
    edge = 0.5 * (same.edges[10] + same.edges[11])
    assert result.edges[10] < np.log(5 * edge**4 / (3 * (1 - edge) ** 2)) < result.edges[11]
    assert result.observable == "log r_S/r_B" and result.kind == "discriminant"


def test_parameterised_test_is_that_of_its_own_histogram(exact):
    _, intensities = data()
    given = exact.given()
    result = parameterised_baseline("p", given, exact.model.intensities, 20, intensities)
    mixture = given.mixture
    for mu in (0.0, 0.5, 2.0):
        kappa = float(mixture.to_coordinate(mu))
        shape = mixture.coefficients_along(kappa)[0]
        single = fixed_baseline(
            "one", "observable", "O", given, exact.model.intensities @ shape, 20, intensities @ shape
        )  # quantiles of the reference and not of the hypothesis: close, not equal
        place = int(np.argmin(np.abs(MU - mu)))
        assert result.asimov.t[place] == pytest.approx(single.asimov.t[place], rel=0.15, abs=0.02)
        assert result.observed.t[place] == pytest.approx(single.observed.t[place], rel=0.3, abs=0.3)


def test_many_bins_of_the_parameterised_observable_approach_the_unbinned_likelihood(exact):
    unbinned = scan(exact.model.asimov(1.0), MU).t
    fine, coarse = (
        parameterised_baseline("p", exact.given(), exact.model.intensities, bins).asimov.t for bins in (60, 4)
    )
    assert np.all(fine <= unbinned + 1e-6) and np.all(coarse <= unbinned + 1e-6)
    assert coarse.sum() < fine.sum()


def test_parameterised_asimov_has_its_minimum_at_the_truth(exact):
    result = parameterised_baseline("p", exact.given(truth=0.5), exact.model.intensities, 20)
    assert result.asimov.hat == pytest.approx(0.5, abs=0.02)
    assert result.asimov.t[5] == pytest.approx(0.0, abs=1e-6)
    assert result.asimov.counts.sum() == pytest.approx(exact.model.mixture.total(np.sqrt(0.5))[0])
    low, high = result.asimov.intervals["0.6827"][0]
    assert low <= 0.5 <= high


def test_parameterised_edges_are_those_of_the_logarithm(exact):
    edges = [-3.0, -0.1, 0.0, 0.1, 3.0]
    result = parameterised_baseline("p", exact.given(mu=np.array([0.5, 1.0])), exact.model.intensities, edges)
    assert np.allclose(result.edges, edges)
    mixture = exact.model.mixture
    ratio = exact.model.intensities @ mixture.coefficients_along(1.0)[0] / mixture.total(1.0)[0]
    inside = (np.log(ratio) >= 0.0) & (np.log(ratio) < 0.1)
    assert result.asimov.counts[2] == pytest.approx(exact.model.asimov_weights(1.0)[inside].sum(), rel=1e-6)


def test_points_of_the_scan_off_the_lower_bound_and_near_others_do_no_harm(exact):
    # 0.09765625 + 1e-13 is a rounding error away from a point equidistant in the root
    step = (np.sqrt(10.0) / 32) ** 2
    result = parameterised_baseline("p", exact.given(mu=np.array([step + 1e-13, 1.0])), exact.model.intensities, 10)
    assert np.all(np.isfinite(result.asimov.t))
    assert result.asimov.t_lower_bound > result.asimov.t[0]
    assert 1.0 < result.asimov.intervals["0.6827"][0][1] < 10.0


@pytest.mark.parametrize("kind", ["observable", "parameterised"])
def test_results_are_checked_and_agree_with_pyhf(kind):
    events = simulated(50_000)
    given = BaselineInput(events.mixture, events.weights, events.reference, MU[::5], LEVELS, 1.0)
    if kind == "observable":
        result = fixed_baseline("x", "observable", "x", given, events.x, 20)
    else:
        result = parameterised_baseline("x", given, events.intensities, 20)
    assert result.pyhf_difference < 1e-13
    assert [check.status for check in result.checks] == ["PASS", "PASS"]
    assert result.checks[0].value == result.effective_entries.min()
    assert np.allclose(result.template_errors[3] / result.templates[3], 1 / np.sqrt(25_000 / 20), rtol=0.5)


def test_a_bin_with_few_simulated_events_does_not_pass():
    events = simulated(2_000)
    given = BaselineInput(events.mixture, events.weights, events.reference, MU[::5], LEVELS, 1.0)
    statuses = [
        fixed_baseline("x", "observable", "x", given, events.x, [0.0, 0.5, 0.5 + width, 1.0]).checks[0].status
        for width in (0.25, 0.012, 0.003)
    ]
    assert statuses == ["PASS", "WARN", "FAIL"]


def test_the_levels_of_a_histogram_are_those_that_are_given():
    events = simulated(2_000)
    given = BaselineInput(events.mixture, events.weights, events.reference, MU[::5], LEVELS, 1.0)
    strict = replace(given, entries=Levels(1e9, 1e8), agreement=Levels(-2.0, -1.0))
    found = fixed_baseline("x", "observable", "x", strict, events.x, 5).checks
    assert [(check.status, check.threshold) for check in found] == [("FAIL", 1e8), ("FAIL", -1.0)]


def test_result_survives_json(tmp_path, exact):
    x, _ = data()
    result = fixed_baseline("x", "observable", "x", exact.given(), exact.x, 5, x)
    to_json(result, tmp_path / "x.json")
    back = from_json(BaselineResult, tmp_path / "x.json")
    assert back.asimov.intervals == result.asimov.intervals
    assert np.array_equal(back.observed.t, result.observed.t)
    assert back.checks == result.checks
