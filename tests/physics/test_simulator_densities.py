"""Exact densities of the embedded analysis against independent integration and known angular distributions."""

import numpy as np
import pytest
from phase_space import points

from steelyard.simulators.offshell4l import amplitudes
from steelyard.simulators.offshell4l.constants import PROCESSES
from steelyard.simulators.offshell4l.densities import densities, expected_events, rate_density

CHI = np.linspace(-np.pi, np.pi, 12, endpoint=False)
"""Trapezoidal nodes: exact for the trigonometric polynomials of degree ≤ 2 of the amplitudes."""
COSINES, COSINE_WEIGHTS = np.polynomial.legendre.leggauss(12)


@pytest.fixture(scope="module")
def flat():
    """Points of the whole phase space, what each stands for, and the densities there."""
    x, volume = points(600_000, seed=21)
    return x, volume, densities(x)


def test_densities_are_normalised(flat):
    """Monte Carlo over all eight dimensions: error 0.1 to 0.25 %, against the semi-analytic normalisation."""
    _, volume, p = flat
    terms = p * volume[:, None]
    error = terms.std(axis=0) / np.sqrt(len(terms))
    assert np.all(error < 0.003)
    assert np.all(np.abs(terms.mean(axis=0) - 1.0) < 4 * error)


@pytest.mark.parametrize(
    "alpha",
    [
        {"lepton_scale": 5.0},
        {"lepton_scale": -5.0},
        {"gg_scale": -3.0},
        {"qqZZ_angle": 5.0},
        {"lepton_scale": 2.0, "gg_scale": 2.0, "qqZZ_angle": -3.0, "qqZZ_norm": 1.0, "lumi": -1.0},
    ],
    ids=str,
)
def test_densities_are_normalised_at_any_alpha(alpha):
    """As above, with the proposals of the masses scaled too.

    At lepton_scale ±5 a forgotten Jacobian is 7 % and a fixed edge 1 to 6 %; the shape factors change the
    normalisation by 35 % (gg_scale −3) and 7 % (qqZZ_angle 5).
    """
    scale = 1.0 + 0.005 * alpha.get("lepton_scale", 0.0)
    x, volume = points(600_000, 22, scale, scale)
    x[:, :3] *= scale
    terms = densities(x, alpha=alpha) * scale**3 * volume[:, None]
    error = terms.std(axis=0) / np.sqrt(len(terms))
    assert np.all(error < 0.003)
    assert np.all(np.abs(terms.mean(axis=0) - 1.0) < 4 * error)


@pytest.mark.parametrize("mu", [0.0, 0.25, 1.0, 4.0])
def test_rate_density_integrates_to_the_expected_events(flat, mu):
    x, volume, _ = flat
    terms = rate_density(x, {"mu": mu}) * volume
    error = terms.std() / np.sqrt(len(terms))
    assert abs(terms.mean() - expected_events({"mu": mu})) < 4 * error


def test_order_of_the_mass_spectra(flat):
    """Mean log m4l: interference removes the box's high masses; an H* alone has the hardest."""
    x, volume, p = flat
    means = (p * volume[:, None] * np.log(x[:, :1])).mean(axis=0)
    assert [PROCESSES[i] for i in np.argsort(means)] == ["SBI", "B", "NI", "S"]


def angular(process, m4l=600.0, mass1=91.0, mass2=89.0, **fixed):
    """The density on the grid (cosθ1, cosθ2, Φ1, χ = 2Φ1 + Φ), masses and cosθ* fixed."""
    cosine = fixed.get("cosThetaStar", 0.3)
    grid = np.meshgrid(COSINES, COSINES, CHI, CHI, indexing="ij")
    cosine1, cosine2, plane1, chi = (axis.ravel() for axis in grid)
    head = np.tile([m4l, mass1, mass2, cosine], (len(chi), 1))
    x = np.column_stack([head, cosine1, cosine2, chi - 2 * plane1, plane1])
    return densities(x, [process])[:, 0].reshape(grid[0].shape)


def gamma(m4l, mass1, mass2):
    return (m4l**2 - mass1**2 - mass2**2) / (2 * mass1 * mass2)


@pytest.mark.parametrize("m4l", [230.0, 400.0, 1400.0])
def test_a_scalar_decays_isotropically_about_its_axes(m4l):
    """J=0: no dependence on cosθ*, nor on a rotation about the ZZ axis, Φ1 → Φ1 + δ, Φ → Φ − 2δ."""
    p = angular("S", m4l=m4l)
    np.testing.assert_allclose(p, angular("S", m4l=m4l, cosThetaStar=-0.95), rtol=1e-10)
    np.testing.assert_allclose(p, np.broadcast_to(p[:, :, :1], p.shape), rtol=1e-9)


def test_a_rotation_about_the_beam_changes_nothing():
    """At cosθ* = 1 only A+− of J=2 is left: the box too does not change there in a rotation about the common axis."""
    at_beam, beside = (angular("B", m4l=300.0, cosThetaStar=cosine) for cosine in (1.0, 0.5))

    def spread(p):
        return np.ptp(p.sum(axis=3), axis=2).max() / p.sum(axis=3).mean()

    assert spread(at_beam) < 1e-9
    assert spread(beside) > 0.01


@pytest.mark.parametrize("m4l", [230.0, 400.0, 1400.0])
def test_signal_polarisation(m4l):
    """dN/dcosθ1 ∝ ¾ f sin²θ1 + ⅜ (1−f)(1+cos²θ1), f = γ²/(γ²+2): longitudinal at high mass."""
    p = np.einsum("ijkl,j->i", angular("S", m4l=m4l), COSINE_WEIGHTS)
    g = gamma(m4l, 91.0, 89.0)
    longitudinal = g**2 / (g**2 + 2)
    expected = 0.75 * longitudinal * (1 - COSINES**2) + 0.375 * (1 - longitudinal) * (1 + COSINES**2)
    np.testing.assert_allclose(p / (p @ COSINE_WEIGHTS), expected, rtol=1e-9)


@pytest.mark.parametrize("m4l", [230.0, 400.0])
def test_signal_decay_planes(m4l):
    """dN/dχ ∝ 1 − (9π²/32) κ² γ/(γ²+2) cosχ + ½/(γ²+2) cos2χ with χ = 2Φ1 + Φ the sum of the two azimuths.

    κ = (gR² − gL²)/(gR² + gL²); Barger et al., Phys. Rev. D 49 (1994) 79, eq. (3), for a CP-even scalar. The
    integral of sinθ, no polynomial, is good to 10⁻³ with these nodes, in a term of at most 5 %.
    """
    p = np.einsum("ijkl,i,j->l", angular("S", m4l=m4l), COSINE_WEIGHTS, COSINE_WEIGHTS)
    g, left, right = gamma(m4l, 91.0, 89.0), (0.2312 - 0.5) ** 2, 0.2312**2
    kappa = (right - left) / (right + left)
    expected = 1 - 9 * np.pi**2 / 32 * kappa**2 * g / (g**2 + 2) * np.cos(CHI) + 0.5 / (g**2 + 2) * np.cos(2 * CHI)
    np.testing.assert_allclose(p / p.mean(), expected, rtol=5e-5)


def test_quark_decay_angles():
    """dN/dcosθ1 ∝ 1 + cos²θ1, dN/dΦ ∝ 1 + 0.15 (3/5)² cos2Φ: <sin²θ> under 1 + c² is 3/5."""
    p = angular("NI")
    cosine1 = np.einsum("ijkl,j->i", p, COSINE_WEIGHTS)
    np.testing.assert_allclose(cosine1 / (cosine1 @ COSINE_WEIGHTS), 0.375 * (1 + COSINES**2), rtol=1e-10)
    # on the grid Φ = χ − 2Φ1: take the plane Φ1 = −π, where Φ = χ + 2π
    plane = np.einsum("ijl,i,j->l", p[:, :, 0], COSINE_WEIGHTS, COSINE_WEIGHTS)
    np.testing.assert_allclose(plane / plane.mean(), 1 + 0.15 * 0.36 * np.cos(2 * CHI), rtol=1e-10)


def test_channels_peak_along_the_beam():
    """t-channel denominators: the more forward the higher the mass. In B the flat J=0 part takes over above 400 GeV."""
    for process, masses in (("NI", (221.0, 250.0, 400.0, 1000.0)), ("B", (221.0, 250.0, 400.0))):
        ratios = [
            angular(process, m4l=m4l, cosThetaStar=0.95).sum() / angular(process, m4l=m4l, cosThetaStar=0.0).sum()
            for m4l in masses
        ]
        assert ratios == sorted(ratios) and ratios[0] > 1
        assert ratios[-1] > 4


def test_high_mass_cancellation(flat):
    """Longitudinal growth cancels between triangle and box: above 1 TeV the J=0 part of SBI is small against S alone.

    What is left of A00 is |c − P|/|P| ≤ 0.2 there and the transverse amplitudes are 1/γ² of the signal's: ≤ 5 %.
    """
    for m4l in (1000.0, 1400.0):
        higgs, longitudinal, transverse = amplitudes.form_factors(m4l**2)
        g = gamma(m4l, 91.19, 91.19)
        zero = -g * higgs + g * longitudinal + 0.35 * transverse
        both = abs(zero) ** 2 + 2 * abs(higgs + transverse) ** 2
        signal = (g**2 + 2) * abs(higgs) ** 2
        assert both / signal < 0.05
    x, volume, p = flat
    high = x[:, 0] > 700
    share = (p * volume[:, None])[high].sum(axis=0) / len(x)
    signal, both, box, _ = share * [48.61, 173.95, 170.0, 900.0]
    # destructive interference removes most of the signal's events, and even some of the box's
    assert both < box
    assert both < signal
