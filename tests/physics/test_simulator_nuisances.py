"""Nuisance parameters of the embedded analysis: yields, moving edges, factors and derivatives against each other."""

import numpy as np
import pytest
from phase_space import points

from steelyard.simulators.offshell4l import amplitudes
from steelyard.simulators.offshell4l.constants import PROCESSES
from steelyard.simulators.offshell4l.densities import densities, expected_events, log_densities, yields
from steelyard.simulators.offshell4l.draw import draw_experiments, draw_sample, seen
from steelyard.simulators.offshell4l.spaces import GENERATED
from steelyard.simulators.offshell4l.variation_factors import weight_factors

N = 300_000
POINTS = [
    {"lepton_scale": 1.0},
    {"lepton_scale": -1.0},
    {"lepton_scale": 5.0},
    {"lepton_scale": -5.0},
    {"gg_scale": 1.0, "qqZZ_angle": 1.0},
    {"gg_scale": -5.0, "qqZZ_angle": -5.0},
    {"lepton_scale": 3.0, "gg_scale": 2.0, "qqZZ_angle": -2.0, "qqZZ_norm": -1.5, "lumi": 2.0},
]


def selected(x):
    inside = (x[:, 0] > 220) & (x[:, 0] < 1500)
    return inside & np.all((x[:, 1:3] > 60) & (x[:, 1:3] < 120), axis=1)


def norms(alpha):
    """Factors of lumi and qqZZ_norm, (4,)."""
    lumi = 1.017 ** alpha.get("lumi", 0.0)
    return np.array([lumi, lumi, lumi, lumi * 1.05 ** alpha.get("qqZZ_norm", 0.0)])


def shapes(u, alpha):
    """Factors of gg_scale and qqZZ_angle on S, SBI, B and NI, written out, (N, 4)."""
    gluons = np.exp(alpha.get("gg_scale", 0.0) * (0.1 + 0.1 * np.log(u[:, 0] / 300.0)))
    quarks = np.exp(alpha.get("qqZZ_angle", 0.0) * 0.06 * (3.0 * u[:, 3] ** 2 - 1.0) / 2.0)
    return np.column_stack([gluons, gluons, gluons, quarks])


@pytest.fixture(scope="module")
def generated():
    """Wide samples as the ntuples have them: {sample: (kinematics, weights, columns of PROCESSES)}."""
    rng = np.random.default_rng(51)
    return {
        sample: (*draw_sample(sample, N, rng, space=GENERATED), columns)
        for sample, columns in (("gg", [0, 1, 2]), ("qqZZ", [3]))
    }


@pytest.mark.parametrize("alpha", POINTS, ids=str)
def test_weighted_events_give_the_yields(generated, alpha):
    """Σ w (selected at α · factors − selected at 0) over the same events is ν(α) − ν(0), with the error of that sum.

    The difference is far better known than either yield: to 0.01 to 0.1 % of ν.
    """
    change = yields(alpha=alpha) - yields()
    for x, weights, columns in generated.values():
        moved = seen(x, 1.0 + 0.005 * alpha.get("lepton_scale", 0.0))
        factors = (shapes(x.astype(float), alpha) * norms(alpha))[:, columns]
        terms = weights * (selected(moved)[:, None] * factors - selected(x)[:, None])
        error = terms.std(axis=0) * np.sqrt(len(terms))
        assert np.all(error < 0.002 * yields()[columns])
        assert np.all(np.abs(terms.sum(axis=0) - change[columns]) < 4 * error)


def test_events_enter_and_leave_with_the_scale(generated):
    """Upwards events enter at low m4l and low Z masses and leave at the other edges; downwards the reverse.

    The events that change sides, alone, add up to the change of the yield: 0.2 % in S, 0.8 to 1.2 % in the others.
    """
    for x, weights, columns in generated.values():
        for direction in (1.0, -1.0):
            moved = selected(seen(x, 1.0 + 0.005 * direction))
            enter, leave = moved & ~selected(x), ~moved & selected(x)
            assert enter.sum() > 100 and leave.sum() > 100
            change = (yields(alpha={"lepton_scale": direction}) - yields())[columns]
            found = weights[enter].sum(axis=0) - weights[leave].sum(axis=0)
            error = np.sqrt((weights[enter | leave] ** 2).sum(axis=0))
            assert np.all(np.abs(found - change) < 4 * error)
            assert np.all(np.abs(change) > 10 * error)


def test_no_event_is_missing_beyond_the_generated_region():
    """At α = ±5 the true masses of selected experiments reach the generated region's edges, and stay inside it."""
    low, high, mass_low, mass_high = GENERATED.ranges
    up, down = (
        draw_experiments({"mu": 1.0}, 100, np.random.default_rng(52), {"lepton_scale": alpha})[0].astype(float)
        for alpha in (5.0, -5.0)
    )
    first, last = up[:, 0].min() / 1.025, down[:, 0].max() / 0.975
    assert low * (1 - 1e-7) <= first < low + 0.05 and 1400 < last <= high * (1 + 1e-7)
    assert mass_low * (1 - 1e-7) <= up[:, 1:3].min() / 1.025 < mass_low + 0.5
    assert mass_high - 0.5 < down[:, 1:3].max() / 0.975 <= mass_high * (1 + 1e-7)


def rates(x):
    """Unnormalised rates of the processes anywhere, without the selection, (N, 4)."""
    return np.array([(*amplitudes.gluon_rates(*row), amplitudes.quark_rate(*row[:7])) for row in x])


@pytest.fixture(scope="module")
def wide():
    """Flat points of all true kinematics that ±5 can bring into the selection; rates times the volume of each."""
    u, volume = points(200_000, 53, 0.975, 1.025)
    return u, rates(u) * volume[:, None]


@pytest.mark.parametrize("alpha", POINTS, ids=str)
def test_yields_are_the_integrals_of_the_written_out_rate(wide, alpha):
    """ν(α)/ν(0) from the ratio of two Monte Carlo integrals over the same points, without sampler and quadrature."""
    u, terms = wide
    scale, ratio = 1.0 + 0.005 * alpha.get("lepton_scale", 0.0), yields(alpha=alpha) / yields()
    seen_here, seen_before = selected(u * ([scale] * 3 + [1] * 5))[:, None], selected(u)[:, None]
    difference = terms * (seen_here * shapes(u, alpha) * norms(alpha) - seen_before * ratio)
    difference /= (terms * seen_before).mean(axis=0)
    error = difference.std(axis=0) / np.sqrt(len(u))
    assert np.all(error < 0.002)
    assert np.all(np.abs(difference.mean(axis=0)) < 4 * error)


def test_factor_branches_are_the_shape_of_the_density(generated):
    """log factor − log(ν(±1)/ν(0)) = log p(x|±1) − log p(x|0), at the written float32 kinematics."""
    for sample, (x, _, columns) in generated.items():
        name = {"gg": "gg_scale", "qqZZ": "qqZZ_angle"}[sample]
        x = x[selected(x)][:20_000]
        values = x[:, 0 if sample == "gg" else 3].astype(float)
        processes = [PROCESSES[column] for column in columns]
        for direction in (1.0, -1.0):
            factors = np.log(weight_factors(values, sample == "gg", direction))[:, None]
            norm = np.log(yields(processes, {name: direction}) / yields(processes))
            change = log_densities(x, processes, {name: direction}) - log_densities(x, processes)
            np.testing.assert_allclose(change, factors - norm, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["gg_scale", "qqZZ_angle", "lepton_scale"])
def test_the_mean_score_is_zero(name):
    """E[d log p(x|α)/dα] = 0 under p(x|α), whose region is fixed, at α = 0 and where other parameters are shifted."""
    x, q = mixture(60_000)
    for start in ({}, {"lepton_scale": -2.0, "gg_scale": 1.5, "qqZZ_angle": 2.0}):
        value, step = start.get(name, 0.0), 1e-3
        up, down = (log_densities(x, alpha={**start, name: value + sign * step}) for sign in (1, -1))
        score = (up - down) / (2 * step)
        terms = score * densities(x, alpha=start) / q[:, None]
        error = terms.std(axis=0) / np.sqrt(len(terms))
        # 10⁻⁶: a change of the quadrature's error within the step
        assert np.any(np.abs(score) > 0.01)
        assert np.all(np.abs(terms.mean(axis=0)) < 4 * error + 1e-6)


def mixture(events):
    """Points of an equal mixture of all processes, and its density."""
    rng = np.random.default_rng(54)
    x = np.concatenate([draw_sample("gg", 3 * events // 4, rng)[0], draw_sample("qqZZ", events // 4, rng)[0]])
    return x, densities(x).mean(axis=1)


def test_derivatives_are_those_of_the_formulas():
    """d log p/dα = h − d log ν/dα for gg_scale, and d log(ν p)/dα = −0.005 (Σ m d/dm log rate + 3) for lepton_scale."""
    x = points(3000, seed=55)[0]
    x = x[(x[:, 0] > 225) & (x[:, 0] < 1480) & (np.abs(x[:, 1:3] - 90) < 29).all(axis=1)]
    x = x[x[:, 1] + x[:, 2] < 0.98 * x[:, 0]]
    step = 1e-4

    def slope(name, function):
        return (function({name: step}) - function({name: -step})) / (2 * step)

    gluons = slope("gg_scale", lambda alpha: log_densities(x, alpha=alpha))
    of_yields = slope("gg_scale", lambda alpha: np.log(yields(alpha=alpha)))
    h = 0.1 + 0.1 * np.log(x[:, :1] / 300)
    np.testing.assert_allclose(gluons[:, :3], h - of_yields[:3], atol=1e-7)
    assert np.all(gluons[:, 3] == 0.0)
    leptons = slope("lepton_scale", lambda alpha: log_densities(x, alpha=alpha) + np.log(yields(alpha=alpha)))
    expected = np.full((len(x), 4), 3.0)
    for column in range(3):
        size = x * (np.arange(8) == column) * 1e-6
        expected += (np.log(rates(x + size)) - np.log(rates(x - size))) / 2e-6
    np.testing.assert_allclose(leptons, -0.005 * expected, atol=2e-6)


def test_expected_events_add_up_at_any_alpha():
    """∫ ν p = ν(μ, α) on the points of an equal mixture, with norms and interference."""
    x, q = mixture(200_000)
    for alpha in POINTS[2:]:
        for mu in (0.2, 2.0):
            coefficients = yields(alpha=alpha) * [mu - np.sqrt(mu), np.sqrt(mu), 1 - np.sqrt(mu), 1.0]
            terms = densities(x, alpha=alpha) @ coefficients / q
            error = terms.std() / np.sqrt(len(terms))
            assert error < 0.01 * terms.mean()
            assert abs(terms.mean() - expected_events({"mu": mu}, alpha)) < 4 * error


@pytest.mark.parametrize("alpha", [{"lumi": 10.0, "qqZZ_norm": -10.0}, {"qqZZ_norm": 5.0, "gg_scale": 2.0}], ids=str)
def test_experiments_have_the_processes_in_proportion(alpha):
    """The mean of P(NI|x) = ν_NI p_NI/(ν p) over the events is ν_NI/ν; it sees a share that is off by 0.02."""
    x, _ = draw_experiments({"mu": 1.0}, 500, np.random.default_rng(56), alpha)
    nu = yields(["SBI", "NI"], alpha)
    parts = densities(x, ["SBI", "NI"], alpha) * nu
    posterior = parts[:, 1] / parts.sum(axis=1)
    error, share = posterior.std() / np.sqrt(len(x)), nu[1] / nu.sum()
    # the variance of P(NI|x) is share·(1 − share) times what it differs by, on average, between the processes
    power = posterior.var() / (share * (1 - share))
    assert 0.02 * power > 4 * error
    assert abs(posterior.mean() - share) < 4 * error
