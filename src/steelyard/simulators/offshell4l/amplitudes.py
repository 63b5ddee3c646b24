"""Helicity amplitudes of gg→(H*→)ZZ→4l and the rate of qq→ZZ→4l: LO-inspired, not a physics prediction.

Every function works on one phase-space point and is compiled. A *rate* is a density in the eight observables
(m4l, mZ1, mZ2, cosθ*, cosθ1, cosθ2, Φ, Φ1) up to one common constant for gg and another for qq.

The helicities λ1, λ2 of the two Z bosons are those of their own rest frames. φ1 = Φ1 and φ2 = Φ + Φ1 are the
azimuths of the negative leptons about the flight directions of their own Z, which are opposite: a rotation about the
ZZ axis is φ1 → φ1 + δ, φ2 → φ2 − δ. A J=0 state (λ1 = λ2) therefore depends on φ1 + φ2 = 2Φ1 + Φ alone.

References: triangle loop, Spira et al., Nucl. Phys. B 453 (1995) 17, eq. (3); cancellation between triangle and box
at high mass, Glover and van der Bij, Nucl. Phys. B 321 (1989) 561; decay angles, Gao et al., Phys. Rev. D 81 (2010)
075022, with the box's helicity structure simplified to the leading terms.
"""

import cmath
import math

from steelyard.simulators.offshell4l import constants as const
from steelyard.simulators.offshell4l.kept_code import compiled

Z_MASS, Z_WIDTH, TOP_MASS, H_MASS, H_WIDTH = (
    const.Z_MASS,
    const.Z_WIDTH,
    const.TOP_MASS,
    const.H_MASS,
    const.H_WIDTH,
)
ELECTROWEAK = (const.Z_MASS / const.VACUUM) ** 2
BOX = const.BOX_STRENGTH * ELECTROWEAK * cmath.exp(1j * const.BOX_PHASE)
BOX_SQUARED = abs(BOX) ** 2
BOX_SCALE, BOX_SHAPE = const.BOX_SCALE, const.BOX_SHAPE
QUARK_SHAPE, QUARK_PLANES = const.QUARK_SHAPE, const.QUARK_PLANES
LEFT_SQUARED, RIGHT_SQUARED = const.COUPLING_LEFT**2, const.COUPLING_RIGHT**2
SQRT_HALF = math.sqrt(0.5)


@compiled
def triangle(s):
    """Top triangle F(s) = 2[τ + (τ−1) f(τ)]/τ², τ = s/4mt², tending to 4/3 for s → 0.

    f = arcsin²√τ below the threshold τ = 1 and −¼[ln((1+r)/(1−r)) − iπ]², r = √(1−1/τ), above it.
    """
    tau = s / (4.0 * TOP_MASS**2)
    if tau <= 1.0:
        f = complex(math.asin(math.sqrt(tau)) ** 2, 0.0)
    else:
        r = math.sqrt(1.0 - 1.0 / tau)
        # (1+r)/(1−r) = τ(1+r)², without the cancellation of 1−r at high mass
        f = -0.25 * complex(math.log(tau * (1.0 + r) ** 2), -math.pi) ** 2
    return 2.0 * (tau + (tau - 1.0) * f) / tau**2


@compiled
def form_factors(s):
    """What the J=0 amplitudes are made of at s: P, c, L d.

    Signal: A00 = −γ P, A++ = A−− = P with P = s/(s − mH² + i mH ΓH) F(s) mZ²/v².
    Box: A00 = γ c + 0.35 L d, A++ = A−− = L d with c = 0.9 F(s) (mZ²/v²) τ/(τ+1), d = 1/(1 + s/(600 GeV)²).
    """
    tau = s / (4.0 * TOP_MASS**2)
    loop = triangle(s) * ELECTROWEAK
    higgs = s / complex(s - H_MASS**2, H_MASS * H_WIDTH) * loop
    longitudinal = 0.9 * loop * tau / (tau + 1.0)
    transverse = BOX / (1.0 + s / BOX_SCALE**2)
    return higgs, longitudinal, transverse


@compiled
def boost(s, mass1, mass2):
    """γ = (s − m1² − m2²)/(2 m1 m2)."""
    return (s - mass1**2 - mass2**2) / (2.0 * mass1 * mass2)


@compiled
def velocity_squared(s, mass1, mass2):
    """β² = (1 − (m1+m2)²/s)(1 − (m1−m2)²/s); negative below threshold, where the density is zero."""
    return (1.0 - (mass1 + mass2) ** 2 / s) * (1.0 - (mass1 - mass2) ** 2 / s)


@compiled
def line(mass):
    """Z line shape m²/[(m² − mZ²)² + mZ²ΓZ²]."""
    return mass**2 / ((mass**2 - Z_MASS**2) ** 2 + (Z_MASS * Z_WIDTH) ** 2)


@compiled
def gluon_flux(m4l):
    """gg luminosity times 1/m4l of phase space: (m4l/200)^−4.3/(1 + (m4l/1500)⁴)/m4l."""
    return (m4l / 200.0) ** -4.3 / (1.0 + (m4l / 1500.0) ** 4) / m4l


@compiled
def quark_flux(m4l):
    """qq̄ luminosity times 1/m4l of phase space: (m4l/200)^−3.2/m4l."""
    return (m4l / 200.0) ** -3.2 / m4l


@compiled
def tensor_amplitudes(cosine, beta_squared):
    """J=2 box amplitudes (gluons +−) in units of L: A+−, A−+, A+0 = A0−, A0+ = A−0, A00.

    A+−, A−+ = ½·1.1 (1±cosθ*)²/(1 − 0.92 β²cos²θ*); A+0 = 0.3 sinθ*(1+cosθ*), A0+ = 0.3 sinθ*(1−cosθ*);
    A00 = 0.35 sin²θ*. Gluons −+ have the same with cosθ* → −cosθ*, which exchanges the first two and the next two.
    """
    sine_squared = 1.0 - cosine**2
    sine = math.sqrt(max(sine_squared, 0.0))
    channel = 0.55 / (1.0 - BOX_SHAPE * beta_squared * cosine**2)
    return (
        channel * (1.0 + cosine) ** 2,
        channel * (1.0 - cosine) ** 2,
        0.3 * sine * (1.0 + cosine),
        0.3 * sine * (1.0 - cosine),
        0.35 * sine_squared,
    )


@compiled
def tensor_total(cosine, beta_squared):
    """Σ over Z helicities of |A|²/|L|² of the J=2 box, one gluon combination; even in cosθ*."""
    plus_minus, minus_plus, plus_zero, zero_plus, zero = tensor_amplitudes(cosine, beta_squared)
    return plus_minus**2 + minus_plus**2 + 2.0 * (plus_zero**2 + zero_plus**2) + zero**2


@compiled
def decay(cosine, azimuth, lepton):
    """Decay amplitudes of a Z of helicity 0, +, − to a lepton of helicity ±1.

    −l sinθ/√2 for λ = 0, (1 + lλ cosθ)/2 · e^{iλφ} for λ = ±1; the squares add up to 1.
    """
    phase = complex(math.cos(azimuth), math.sin(azimuth))
    zero = -lepton * math.sqrt(max(1.0 - cosine**2, 0.0)) * SQRT_HALF
    return zero, 0.5 * (1.0 + lepton * cosine) * phase, 0.5 * (1.0 - lepton * cosine) * phase.conjugate()


@compiled
def scalar_decays(cosine1, cosine2, azimuth1, azimuth2, lepton1, lepton2):
    """What multiplies A00 and A++ = A−− in the J=0 amplitude of given lepton helicities.

    d0 d0 = ½ l1 l2 sinθ1 sinθ2, and d+d+ e^{i(φ1+φ2)} + d−d− e^{−i(φ1+φ2)}.
    """
    zero1, plus1, minus1 = decay(cosine1, azimuth1, lepton1)
    zero2, plus2, minus2 = decay(cosine2, azimuth2, lepton2)
    return zero1 * zero2, plus1 * plus2 + minus1 * minus2


@compiled
def gluon_rates(m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1):
    """Rates of S, SBI (mu = 1) and B: |A_S|², |A_S + A_B|², |A_B|² summed over gluon and lepton helicities.

    Times β/m4l, the gg luminosity and the two Z lines; (0, 0, 0) where m1 + m2 ≥ m4l.
    """
    s = m4l**2
    beta_squared = velocity_squared(s, mass1, mass2)
    if beta_squared <= 0.0 or mass1 + mass2 >= m4l:
        return 0.0, 0.0, 0.0
    higgs, longitudinal, transverse = form_factors(s)
    gamma = boost(s, mass1, mass2)
    signal_zero, signal_transverse = -gamma * higgs, higgs
    box_zero, box_transverse = gamma * longitudinal + 0.35 * transverse, transverse
    azimuth1, azimuth2 = plane1, plane + plane1
    signal, both, box = 0.0, 0.0, 0.0
    for lepton1 in (-1, 1):
        coupling1 = LEFT_SQUARED if lepton1 < 0 else RIGHT_SQUARED
        for lepton2 in (-1, 1):
            coupling = 2.0 * coupling1 * (LEFT_SQUARED if lepton2 < 0 else RIGHT_SQUARED)
            zeros, transverses = scalar_decays(cosine1, cosine2, azimuth1, azimuth2, lepton1, lepton2)
            with_higgs = signal_zero * zeros + signal_transverse * transverses
            without = box_zero * zeros + box_transverse * transverses
            total = with_higgs + without
            signal += coupling * (with_higgs.real * with_higgs.real + with_higgs.imag * with_higgs.imag)
            both += coupling * (total.real * total.real + total.imag * total.imag)
            box += coupling * (without.real * without.real + without.imag * without.imag)
    tensor = BOX_SQUARED * tensor_intensity(cosine, beta_squared, cosine1, cosine2, azimuth1, azimuth2)
    common = gluon_flux(m4l) * math.sqrt(beta_squared) * line(mass1) * line(mass2)
    return common * signal, common * (both + tensor), common * (box + tensor)


@compiled
def quark_rate(m4l, mass1, mass2, cosine, cosine1, cosine2, plane):
    """Rate of qq→ZZ: flux × β × Z lines × (1+0.96β²c²)/(1−0.96β²c²) × (1+c1²)(1+c2²)(1 + 0.15 cos2Φ s1² s2²)."""
    beta_squared = velocity_squared(m4l**2, mass1, mass2)
    if beta_squared <= 0.0 or mass1 + mass2 >= m4l:
        return 0.0
    square1, square2 = cosine1**2, cosine2**2
    channel = QUARK_SHAPE * beta_squared * cosine**2
    angles = (1.0 + square1) * (1.0 + square2)
    planes = 1.0 + QUARK_PLANES * math.cos(2.0 * plane) * (1.0 - square1) * (1.0 - square2)
    common = quark_flux(m4l) * math.sqrt(beta_squared) * line(mass1) * line(mass2)
    return common * (1.0 + channel) / (1.0 - channel) * angles * planes


@compiled
def tensor_intensity(cosine, beta_squared, cosine1, cosine2, azimuth1, azimuth2):
    """Σ over gluons (+−, −+) and lepton helicities of |A|²/|L|² with couplings: the J=2 box."""
    plus_minus, minus_plus, plus_zero, zero_plus, zero = tensor_amplitudes(cosine, beta_squared)
    total = 0.0
    for lepton1 in (-1, 1):
        coupling1 = LEFT_SQUARED if lepton1 < 0 else RIGHT_SQUARED
        zero1, plus1, minus1 = decay(cosine1, azimuth1, lepton1)
        for lepton2 in (-1, 1):
            coupling = coupling1 * (LEFT_SQUARED if lepton2 < 0 else RIGHT_SQUARED)
            zero2, plus2, minus2 = decay(cosine2, azimuth2, lepton2)
            opposite1, opposite2 = plus1 * minus2, minus1 * plus2
            mixed1, mixed2 = plus1 * zero2 + zero1 * minus2, zero1 * plus2 + minus1 * zero2
            both = zero * zero1 * zero2
            first = both + plus_minus * opposite1 + minus_plus * opposite2 + plus_zero * mixed1 + zero_plus * mixed2
            second = both + minus_plus * opposite1 + plus_minus * opposite2 + zero_plus * mixed1 + plus_zero * mixed2
            total += coupling * (
                first.real * first.real
                + first.imag * first.imag
                + second.real * second.real
                + second.imag * second.imag
            )
    return total


@compiled
def scalar_intensity(zero, transverse, cosine1, cosine2, azimuth1, azimuth2):
    """Σ over gluons (++, −−) and lepton helicities of |A|² with couplings for J=0, given A00 and A++ = A−−."""
    total = 0.0
    for lepton1 in (-1, 1):
        coupling1 = LEFT_SQUARED if lepton1 < 0 else RIGHT_SQUARED
        for lepton2 in (-1, 1):
            coupling = coupling1 * (LEFT_SQUARED if lepton2 < 0 else RIGHT_SQUARED)
            both_zero, both_transverse = scalar_decays(cosine1, cosine2, azimuth1, azimuth2, lepton1, lepton2)
            amplitude = zero * both_zero + transverse * both_transverse
            total += coupling * (amplitude.real * amplitude.real + amplitude.imag * amplitude.imag)
    return 2.0 * total
