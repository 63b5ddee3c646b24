"""Sampled events of the embedded analysis against its own densities, integrated without the sampler."""

import copy

import numpy as np
import pytest
from phase_space import points
from scipy.stats import chi2

from steelyard.simulators.offshell4l.densities import densities, yields
from steelyard.simulators.offshell4l.draw import draw_experiments, draw_sample, seen
from steelyard.simulators.offshell4l.sampling import draw_mixture, gluon_components, quark_component
from steelyard.simulators.offshell4l.spaces import GENERATED
from steelyard.simulators.offshell4l.variation_factors import Nuisances, weight_factors

N = 200_000
ALPHA = 1e-4
"""False-alarm rate of one histogram; some 70 of them are compared, with fixed seeds."""


def views(x):
    """The observables and combinations of them that see correlations, as {name: (values, bin edges)}."""
    m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1 = x.astype(float).T
    turn, unit = np.linspace(-np.pi, np.pi, 21), np.linspace(-1, 1, 21)
    wrapped = np.mod(plane + 2 * plane1 + np.pi, 2 * np.pi) - np.pi
    mass = np.array([60, 75, 82, 86, 88, 89, 89.8, 90.4, 90.8, 91.2, 91.6, 92, 92.6, 93.4, 95, 98, 105, 120])
    return {
        "m4l": (m4l, np.array([220, 225, 230, 240, 260, 290, 320, 340, 350, 370, 400, 450, 520, 600, 750, 1000, 1500])),
        "mZ1": (mass1, mass),
        "mZ2": (mass2, mass),
        "cosThetaStar": (cosine, unit),
        "cosTheta1": (cosine1, unit),
        "cosTheta2": (cosine2, unit),
        "Phi": (plane, turn),
        "Phi1": (plane1, turn),
        "Phi + 2 Phi1": (wrapped, turn),
        "cosThetaStar cosTheta1": (cosine * cosine1, unit),
        "cosTheta1 cosTheta2": (cosine1 * cosine2, unit),
        "sinTheta1 sinTheta2 cosPhi": (np.sqrt((1 - cosine1**2) * (1 - cosine2**2)) * np.cos(plane), unit),
        "cosThetaStar at high mass": (np.where(m4l > 400, cosine, 9), unit),
        "(mZ1 + mZ2)/m4l": ((mass1 + mass2) / m4l, np.linspace(0.1, 0.9, 17)),
    }


class Integrated:
    """Integrals of densities over the bins of all views, by flat Monte Carlo."""

    def __init__(self, n, seed):
        self.x, volume = points(n, seed)
        self.volume = volume[:, None] / n
        self.terms = densities(self.x) * self.volume
        self.bins = {name: np.searchsorted(edges, values) for name, (values, edges) in views(self.x).items()}

    def at(self, alpha):
        """The same points with the densities at ``alpha``."""
        other = copy.copy(self)
        other.terms = densities(self.x, alpha=alpha) * self.volume
        return other

    def histogram(self, name, terms, edges):
        """Bin contents; index 0 of the search is below the first edge, the last above the last one."""
        return np.bincount(self.bins[name], weights=terms, minlength=len(edges) + 1)[1 : len(edges)]


def disagreement(x, weights, flat, coefficients):
    """{view: p-value} of the χ² between weighted events and the integrals of Σ coefficient p_c over the bins.

    Both are sums of independent terms; the variances are Σw² and that of the flat Monte Carlo.
    """
    terms, values = flat.terms @ coefficients, {}
    for name, (data, edges) in views(x).items():
        found, error = (np.histogram(data, edges, weights=weights**power)[0] for power in (1, 2))
        expected, spread = (flat.histogram(name, terms**power, edges) for power in (1, 2))
        used = error > 20 * weights.max() ** 2
        pulls = (found - expected)[used] ** 2 / (error + spread)[used]
        values[name] = chi2.sf(pulls.sum(), used.sum())
    return values


@pytest.fixture(scope="module")
def flat():
    return Integrated(1_000_000, seed=31)


def unweighted(process):
    parts = {
        "S": gluon_components(1.0, 0.0),
        "SBI": gluon_components(1.0, 1.0),
        "B": gluon_components(0.0, 1.0),
        "NI": [quark_component()],
    }[process]
    return draw_mixture(parts, np.array([part.integral for part in parts]), N, np.random.default_rng(32))


PROCESSES = ["S", "SBI", "B", "NI"]


@pytest.mark.parametrize("process", PROCESSES)
def test_unweighted_events_follow_the_density(flat, process):
    chosen = np.array([name == process for name in PROCESSES], dtype=float)
    found = disagreement(unweighted(process), np.full(N, 1 / N), flat, chosen)
    assert min(found.values()) > ALPHA, found


def test_weighted_events_follow_every_density(flat):
    x, weights = draw_sample("gg", N, np.random.default_rng(33))
    for column, nu in enumerate(yields(["S", "SBI", "B"])):
        found = disagreement(x, weights[:, column] / nu, flat, np.eye(4)[column])
        assert min(found.values()) > ALPHA, (column, found)


def coefficients(mu, alpha=None):
    return yields(alpha=alpha) * [mu - np.sqrt(mu), np.sqrt(mu), 1 - np.sqrt(mu), 1.0]


@pytest.mark.parametrize("mu", [0.0, 0.3, 4.0])
def test_experiments_follow_the_rate_density(flat, mu):
    x, offsets = draw_experiments({"mu": mu}, 150, np.random.default_rng(34))
    experiments = len(offsets) - 1
    found = disagreement(x, np.full(len(x), 1 / experiments), flat, coefficients(mu))
    assert min(found.values()) > ALPHA, found


POINTS = [
    {"lepton_scale": -5.0},
    {"gg_scale": 5.0},
    {"qqZZ_angle": -5.0, "lepton_scale": 5.0},
    {"lumi": 2.0, "qqZZ_norm": -1.0, "gg_scale": -2.0, "qqZZ_angle": 3.0, "lepton_scale": 1.5},
]


@pytest.mark.parametrize("alpha", POINTS, ids=str)
def test_experiments_follow_the_rate_density_at_any_alpha(flat, alpha):
    """Numbers of events included: the bins hold expected events, not fractions."""
    x, _ = draw_experiments({"mu": 1.3}, 150, np.random.default_rng(36), alpha)
    found = disagreement(x, np.full(len(x), 1 / 150), flat.at(alpha), coefficients(1.3, alpha))
    assert min(found.values()) > ALPHA, found


def selected(x):
    inside = (x[:, 0] > 220) & (x[:, 0] < 1500)
    return inside & np.all((x[:, 1:3] > 60) & (x[:, 1:3] < 120), axis=1)


@pytest.mark.parametrize("sample, columns", [("gg", [0, 1, 2]), ("qqZZ", [3])])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_varied_samples_follow_the_varied_densities(flat, sample, columns, direction):
    """Selected events of the varied trees are those of the density at ±1, and as many."""
    x, weights = draw_sample(sample, N, np.random.default_rng(37), space=GENERATED)
    alpha = {"lepton_scale": direction}
    moved = seen(x, Nuisances(**alpha).scale)
    inside, there = selected(moved), flat.at(alpha)
    for column, process in enumerate(columns):
        expected = np.eye(4)[process] * yields(alpha=alpha)
        found = disagreement(moved[inside], weights[inside, column], there, expected)
        assert min(found.values()) > ALPHA, (process, found)


@pytest.mark.parametrize("sample, columns", [("gg", [0, 1, 2]), ("qqZZ", [3])])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_samples_with_factors_follow_the_varied_densities(flat, sample, columns, direction):
    """Selected events with the factors on their weights are those of the density at ±1, and as many."""
    x, weights = draw_sample(sample, N, np.random.default_rng(40), space=GENERATED)
    alpha = {{"gg": "gg_scale", "qqZZ": "qqZZ_angle"}[sample]: direction}
    factors = weight_factors(x[:, 0 if sample == "gg" else 3].astype(float), sample == "gg", direction)
    inside, there = selected(x), flat.at(alpha)
    for column, process in enumerate(columns):
        expected = np.eye(4)[process] * yields(alpha=alpha)
        found = disagreement(x[inside], (weights[:, column] * factors)[inside], there, expected)
        assert min(found.values()) > ALPHA, (process, found)


@pytest.mark.parametrize("sample, columns", [("gg", [0, 1, 2]), ("qqZZ", [3])])
def test_samples_at_two_nuisance_parameters_follow_their_density(flat, sample, columns):
    """The varied trees with the factors of the true kinematics are the density with both parameters off at once."""
    x, weights = draw_sample(sample, N, np.random.default_rng(41), space=GENERATED)
    name = {"gg": "gg_scale", "qqZZ": "qqZZ_angle"}[sample]
    alpha = {"lepton_scale": 1.0, name: -1.0}
    factors = weight_factors(x[:, 0 if sample == "gg" else 3].astype(float), sample == "gg", -1.0)
    moved = seen(x, Nuisances(**alpha).scale)
    inside, there = selected(moved), flat.at(alpha)
    for column, process in enumerate(columns):
        expected = np.eye(4)[process] * yields(alpha=alpha)
        found = disagreement(moved[inside], (weights[:, column] * factors)[inside], there, expected)
        assert min(found.values()) > ALPHA, (process, found)


def test_the_comparison_sees_a_wrong_alpha(flat):
    """A lepton scale off by 0.3, or a gg_scale off by one, is found, and so are events that were not reweighted."""
    for true, tested in (({"lepton_scale": 0.3}, {"lepton_scale": 0.0}), ({"gg_scale": 2.0}, {"gg_scale": 1.0})):
        x, _ = draw_experiments({"mu": 1.0}, 150, np.random.default_rng(38), true)
        found = disagreement(x, np.full(len(x), 1 / 150), flat.at(tested), coefficients(1.0, tested))
        assert min(found.values()) < ALPHA, (true, found)
    x, weights = draw_sample("qqZZ", N, np.random.default_rng(39), space=GENERATED)
    inside, alpha = selected(x), {"qqZZ_angle": 1.0}
    expected = [0, 0, 0, yields(["NI"], alpha)[0]]
    assert min(disagreement(x[inside], weights[inside, 0], flat.at(alpha), expected).values()) < ALPHA


def test_the_comparison_sees_a_wrong_density(flat):
    """Sampling SBI where B is meant, or a μ off by a tenth, is found: the tests above have power."""
    found = disagreement(unweighted("SBI"), np.full(N, 1 / N), flat, np.eye(4)[2])
    assert min(found.values()) < 1e-10
    x, _ = draw_experiments({"mu": 4.4}, 150, np.random.default_rng(35))
    assert min(disagreement(x, np.full(len(x), 1 / 150), flat, coefficients(4.0)).values()) < ALPHA
