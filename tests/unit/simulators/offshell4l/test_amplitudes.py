import numpy as np
import pytest
from phase_space import folded, points
from scipy.integrate import quad

from steelyard.simulators.offshell4l import amplitudes

V, MZ, MT, MH, GH = 246.22, 91.1876, 172.5, 125.0, 4.07e-3
LEFT, RIGHT = -0.5 + 0.2312, 0.2312


def rates(x):
    return np.array([amplitudes.gluon_rates(*row) for row in x])


def helicity_sum(point, higgs, box):
    """|higgs·A_S + box·A_B|² from the written-out table of all helicities; only F is taken from the package."""
    m4l, mass1, mass2, c, c1, c2, plane, plane1 = point
    s = m4l**2
    gamma = (s - mass1**2 - mass2**2) / (2 * mass1 * mass2)
    beta2 = (1 - (mass1 + mass2) ** 2 / s) * (1 - (mass1 - mass2) ** 2 / s)
    tau = s / (4 * MT**2)
    loop = amplitudes.triangle(s)
    propagator = s / (s - MH**2 + 1j * MH * GH) * loop * MZ**2 / V**2
    big_l = 9.9 * MZ**2 / V**2 * np.exp(0.35j)
    longitudinal = 0.9 * loop * MZ**2 / V**2 * tau / (tau + 1)
    d = 1 / (1 + s / 600**2)
    scalar = {
        (0, 0): higgs * -gamma * propagator + box * (gamma * longitudinal + 0.35 * big_l * d),
        (1, 1): higgs * propagator + box * big_l * d,
        (-1, -1): higgs * propagator + box * big_l * d,
    }
    sine = np.sqrt(1 - c**2)

    def tensor(c):
        channel = 0.5 * 1.1 * big_l / (1 - 0.92 * beta2 * c**2)
        return {
            (1, -1): box * channel * (1 + c) ** 2,
            (-1, 1): box * channel * (1 - c) ** 2,
            (0, 0): box * 0.35 * big_l * sine**2,
            (1, 0): box * 0.3 * big_l * sine * (1 + c),
            (0, -1): box * 0.3 * big_l * sine * (1 + c),
            (0, 1): box * 0.3 * big_l * sine * (1 - c),
            (-1, 0): box * 0.3 * big_l * sine * (1 - c),
        }

    def decay(helicity, lepton, cosine):
        if helicity == 0:
            return -lepton * np.sqrt(1 - cosine**2) / np.sqrt(2)
        return (1 + lepton * helicity * cosine) / 2

    total = 0.0
    for gluons in (scalar, scalar, tensor(c), tensor(-c)):
        for lepton1, g1 in ((-1, LEFT), (1, RIGHT)):
            for lepton2, g2 in ((-1, LEFT), (1, RIGHT)):
                amplitude = sum(
                    value
                    * decay(h1, lepton1, c1)
                    * decay(h2, lepton2, c2)
                    * np.exp(1j * (h1 * plane1 + h2 * (plane + plane1)))
                    for (h1, h2), value in gluons.items()
                )
                total += abs(g1 * g2 * amplitude) ** 2
    lines = [abs(mass / (mass**2 - MZ**2 + 1j * MZ * 2.4952)) ** 2 for mass in (mass1, mass2)]
    flux = (m4l / 200) ** -4.3 / (1 + (m4l / 1500) ** 4)
    return total * np.prod(lines) * np.sqrt(beta2) / m4l * flux


@pytest.mark.parametrize("tau", [0.01, 0.5, 0.99, 1.01, 2.0, 15.0])
def test_triangle_is_the_loop_integral(tau):
    """f(τ) = −½ ∫ dx/x ln(1 − 4τx(1−x) − iε), the Feynman-parameter integral behind arcsin²√τ."""
    breaks = [] if tau <= 1 else [0.5 * (1 - np.sqrt(1 - 1 / tau)), 0.5 * (1 + np.sqrt(1 - 1 / tau))]
    real = quad(lambda x: np.log(abs(1 - 4 * tau * x * (1 - x))) / x, 0, 1, points=breaks or None, limit=200)[0]
    imaginary = -np.pi * np.log(breaks[1] / breaks[0]) if breaks else 0.0
    f = -0.5 * (real + 1j * imaginary)
    expected = 2 * (tau + (tau - 1) * f) / tau**2
    assert amplitudes.triangle(4 * MT**2 * tau) == pytest.approx(expected, rel=1e-7)


def test_triangle_of_a_heavy_top_is_four_thirds():
    # F = 4/3 (1 + 7τ/30 + …)
    tau = 1e-3
    assert amplitudes.triangle(4 * MT**2 * tau) == pytest.approx(4 / 3 * (1 + 7 * tau / 30), rel=1e-6)


def test_triangle_is_continuous_at_the_top_threshold():
    below, above = (amplitudes.triangle(4 * MT**2 * (1 + step)) for step in (-1e-9, 1e-9))
    assert above == pytest.approx(below, abs=1e-7)


def test_rates_equal_the_sum_over_helicities():
    x, _ = points(60, seed=11)
    x = x[x[:, 1] + x[:, 2] < x[:, 0]]
    for column, (higgs, box) in enumerate([(1, 0), (1, 1), (0, 1)]):
        expected = [helicity_sum(point, higgs, box) for point in x]
        np.testing.assert_allclose(rates(x)[:, column], expected, rtol=1e-11)


def test_three_rates_give_the_amplitude_squared_at_any_strength():
    """|√μ A_S + A_B|² = μ S + √μ I + B with I = SBI − S − B, at every point."""
    x, _ = points(40, seed=12)
    signal, both, box = rates(x).T
    for mu in (0.0, 0.1, 0.6, 2.5, 4.0):
        expected = [helicity_sum(point, np.sqrt(mu), 1.0) for point in x]
        rebuilt = mu * signal + np.sqrt(mu) * (both - signal - box) + box
        np.testing.assert_allclose(rebuilt, expected, rtol=1e-10)


def test_rates_are_positive_and_respect_cauchy_and_schwarz():
    x, _ = points(20_000, seed=13)
    signal, both, box = rates(x).T
    assert min(signal.min(), both.min(), box.min()) > 0.0
    interference = both - signal - box
    assert np.all(np.abs(interference) <= 2.0 * np.sqrt(signal * box) * (1 + 1e-12))


def test_folding_leaves_every_process_unchanged():
    x, _ = points(3000, seed=14)
    nominal, quarks = rates(x), np.array([amplitudes.quark_rate(*row[:7]) for row in x])
    for image in folded(x):
        np.testing.assert_allclose(rates(image), nominal, rtol=1e-11)
        np.testing.assert_allclose([amplitudes.quark_rate(*row[:7]) for row in image], quarks, rtol=1e-11)


def test_gluon_exchange_is_a_symmetry_of_its_own():
    """cosθ* → −cosθ* exchanges the gluon combinations +− and −+."""
    x, _ = points(3000, seed=15)
    image = x * np.array([1, 1, 1, -1, 1, 1, 1, 1])
    np.testing.assert_allclose(rates(image), rates(x), rtol=1e-11)


def test_other_single_changes_are_no_symmetry():
    """A rate that ignored its angles would pass the tests above: rounding changes it by 1e-15, these by 0.5 to 2 %."""
    x, _ = points(200, seed=15)
    for column in (4, 5, 6, 7):
        image = x.copy()
        image[:, column] += 0.3 if column > 5 else -2 * image[:, column]
        assert np.median(np.abs(rates(image)[:, 2] / rates(x)[:, 2] - 1)) > 1e-3


def test_box_cancels_the_growth_of_the_signal():
    """−γP + γc → −0.1 γ F mZ²/v²: one part in ten of the amplitude is left far above the thresholds."""
    left = []
    for mass in (500.0, 1000.0, 1500.0, 40_000.0):
        higgs, longitudinal, _ = amplitudes.form_factors(mass**2)
        left.append(abs(longitudinal - higgs) / abs(higgs))
    assert all(np.diff(left) < 0)
    # τ/(τ+1) and s/(s − mH²) differ from 1 by 4mt²/s and mH²/s: 8·10⁻⁵ at 40 TeV
    assert left[-1] == pytest.approx(0.1, abs=2e-4)


@pytest.mark.parametrize("lepton", [-1, 1])
def test_decay_amplitudes_are_unitary(lepton):
    for cosine in (-1.0, -0.4, 0.0, 0.9, 1.0):
        waves = amplitudes.decay(cosine, 0.7, lepton)
        assert sum(abs(wave) ** 2 for wave in waves) == pytest.approx(1.0, abs=1e-14)


def test_rates_vanish_below_threshold():
    assert amplitudes.gluon_rates(230.0, 118.0, 119.0, 0.1, 0.2, 0.3, 0.4, 0.5) == (0.0, 0.0, 0.0)
    assert amplitudes.quark_rate(230.0, 118.0, 119.0, 0.1, 0.2, 0.3, 0.4) == 0.0
