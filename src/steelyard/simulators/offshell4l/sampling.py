"""Unweighted events of the embedded analysis by acceptance and rejection under bounds that are proven, not found.

Every density is a sum of up to three components that do not interfere, each with its own sampler: *scalar*
(J=0, amplitude a A_S + b A_B), *tensor* (J=2 box) and *quark* (qq→ZZ). A sampler works in two steps. First m4l, the
Z masses and cosθ* from the rate integrated over the decay angles; m4l comes from a table of the bound itself, the
masses from a Lorentzian in m². Then flat decay angles are accepted with Σ|Σ_λ A_λ d d|² over (Σ couplings)² Σ_λ|A_λ|²,
which Cauchy and Schwarz keep below one, since Σ_λ |d_λ|² = 1 for each Z. A shape factor in m4l belongs to the table,
one in cosθ* is accepted under its largest value. Every acceptance probability is checked: one above 1 is an error.
"""

import math
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.simulators.offshell4l import constants as const
from steelyard.simulators.offshell4l.amplitudes import (
    BOX_SHAPE,
    QUARK_PLANES,
    QUARK_SHAPE,
    boost,
    form_factors,
    gluon_flux,
    quark_flux,
    scalar_intensity,
    tensor_intensity,
    tensor_total,
    velocity_squared,
)
from steelyard.simulators.offshell4l.integrals import LEPTONS, integrals
from steelyard.simulators.offshell4l.kept_code import compiled
from steelyard.simulators.offshell4l.spaces import SELECTED, Space
from steelyard.simulators.offshell4l.variation_factors import gluon_factor, quark_factor, quark_factor_bound

SCALAR, TENSOR, QUARK = 0, 1, 2
Z_SQUARED, Z_SCALE = const.Z_MASS**2, const.Z_MASS * const.Z_WIDTH
TENSOR_BOUND = 4.84
TABLE_BINS = 2000
TABLE_MARGIN = 1.001
"""Over the larger of the bounds at a bin's edges: bins are 0.1 % wide and the bound's curvature adds below 10⁻⁵."""


@dataclass(frozen=True)
class Component:
    """One positive, non-interfering part of a density.

    Its kind, the J=0 amplitude's factors, the space of its true kinematics with shape factors, and its integral there.
    """

    kind: int
    higgs: float
    box: float
    space: Space
    integral: float


def gluon_components(higgs: float, box: float, space: Space = SELECTED) -> list[Component]:
    """The parts of |higgs·A_S + box·A_B|² in ``space``: J=0, and J=2 unless ``box`` is zero."""
    parts = [Component(SCALAR, higgs, box, space, integrals(space).scalar(higgs, box))]
    if box != 0.0:
        parts.append(Component(TENSOR, 0.0, box, space, box**2 * integrals(space).tensor_box))
    return parts


def quark_component(space: Space = SELECTED) -> Component:
    """qq→ZZ in ``space``, all of it."""
    return Component(QUARK, 0.0, 0.0, space, integrals(space).quark)


def draw_mixture(
    components: list[Component], fractions: np.ndarray, events: int, rng: np.random.Generator
) -> np.ndarray:
    """Independent events of Σ fraction · (normalised component), shape (events, 8), float64, in random order.

    Raises:
        ModelError: an acceptance probability above one, that is, a bound that does not hold.
    """
    fractions = np.asarray(fractions, dtype=np.float64)
    counts = rng.multinomial(events, fractions / fractions.sum())
    parts = [draw_component(part, int(count), rng) for part, count in zip(components, counts, strict=True)]
    kinematics = np.concatenate(parts) if parts else np.empty((0, len(const.OBSERVABLES)))
    return kinematics[rng.permutation(events)]


def draw_component(component: Component, events: int, rng: np.random.Generator) -> np.ndarray:
    """``events`` independent events of one component, shape (events, 8), float64.

    Raises:
        ModelError: an acceptance probability above one.
    """
    space, higgs, box = component.space, component.higgs, component.box
    edges, masses = _edges(space), _masses(space)
    bounds = TABLE_MARGIN * _bounds(component.kind, higgs, box, edges, masses, space.gluon_alpha)
    heights = np.maximum(bounds[:-1], bounds[1:])
    cumulative = np.cumsum(heights * np.diff(edges))
    kinematics = np.empty((events, len(const.OBSERVABLES)))
    if component.kind == SCALAR:
        largest = _draw_scalar(kinematics, edges, cumulative, heights, masses, space.gluon_alpha, higgs, box, rng)
    elif component.kind == TENSOR:
        largest = _draw_tensor(kinematics, edges, cumulative, heights, masses, space.gluon_alpha, rng)
    else:
        bound = quark_factor_bound(space.quark_alpha)
        largest = _draw_quark(kinematics, edges, cumulative, heights, masses, space.quark_alpha, bound, rng)
    if largest > 1.0 + 1e-12:
        raise ModelError(f"offshell4l: an acceptance probability of {largest} while sampling {component}")
    return kinematics


def _edges(space: Space) -> np.ndarray:
    """Edges of the m4l table: logarithmic, with the top threshold, where F(s) has a kink, among them."""
    edges = np.geomspace(*space.m4l, TABLE_BINS)
    edges[0], edges[-1] = space.m4l
    return np.sort(np.append(edges, 2.0 * const.TOP_MASS))


def _masses(space: Space) -> tuple[float, float, float, float]:
    """Lowest and highest Z mass, and arctan[(m² − mZ²)/(mZ ΓZ)] of both."""
    low, high = space.mass
    return (low, high, math.atan((low**2 - Z_SQUARED) / Z_SCALE), math.atan((high**2 - Z_SQUARED) / Z_SCALE))


@compiled
def _bounds(kind, higgs, box, edges, masses, gluon_alpha):
    """Bound at every m4l of (rate integrated over angles)/(Lorentzian proposals of the masses), see the samplers.

    With the shape factor in m4l of the gg rates; that of qq→ZZ is no function of the masses.
    """
    bounds, low = np.empty(edges.size), masses[0]
    for i in range(edges.size):
        if kind == QUARK:
            bounds[i] = quark_flux(edges[i]) * _quark_channel(velocity_squared(edges[i] ** 2, low, low))
        elif kind == SCALAR:
            bounds[i] = _scalar_bound(edges[i], higgs, box, masses) * gluon_factor(edges[i], gluon_alpha)
        else:
            channel = _tensor_channel(velocity_squared(edges[i] ** 2, low, low))
            bounds[i] = gluon_flux(edges[i]) * channel * gluon_factor(edges[i], gluon_alpha)
    return bounds


@compiled
def _scalar_bound(m4l, higgs, box, masses):
    """Largest of flux β Y (|A00|² + 2|A++|²), Y = m1 m2, over the Z masses.

    With X = γ Y = (s − m1² − m2²)/2 it is (|X a + Y b|² + 2 Y² |e|²)/Y, a quadratic form over a positive linear one:
    convex in (X, Y), so largest at a corner of the box that contains all masses; β is largest at the lowest masses.
    """
    s, low, high = m4l**2, masses[0], masses[1]
    amplitude, longitudinal, transverse = form_factors(s)
    slope = -higgs * amplitude + box * longitudinal
    offset = box * 0.35 * transverse
    other = higgs * amplitude + box * transverse
    largest = 0.0
    for x in (0.5 * s - low**2, 0.5 * s - high**2):
        for y in (low**2, high**2):
            largest = max(largest, (abs(x * slope + y * offset) ** 2 + 2.0 * y**2 * abs(other) ** 2) / y)
    return gluon_flux(m4l) * math.sqrt(velocity_squared(s, low, low)) * largest


@compiled
def _tensor_channel(beta_squared):
    """β ∫ ½[(1−bc)⁻² + (1+bc)⁻²] dc = 2β/(1−b²), b² = 0.92β²: what the cosθ* proposal integrates to."""
    return 2.0 * math.sqrt(beta_squared) / (1.0 - BOX_SHAPE * beta_squared)


@compiled
def _quark_channel(beta_squared):
    """β ∫ dc/(1−b²c²) = 2β artanh(b)/b, b² = 0.96β²."""
    b = math.sqrt(QUARK_SHAPE * beta_squared)
    return 2.0 * math.sqrt(beta_squared) * math.atanh(b) / b


@compiled
def _draw_m4l(edges, cumulative, rng):
    """m4l from the table of bounds (constant in each bin), and its bin."""
    index = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
    index = min(index, cumulative.size - 1)
    return edges[index] + rng.random() * (edges[index + 1] - edges[index]), index


@compiled
def _draw_mass(masses, rng):
    """Z mass from m/[(m² − mZ²)² + mZ²ΓZ²], by the inverse of its integral, arctan[(m² − mZ²)/(mZ ΓZ)]."""
    low, high, angle_low, angle_high = masses
    angle = angle_low + rng.random() * (angle_high - angle_low)
    return min(max(math.sqrt(Z_SQUARED + Z_SCALE * math.tan(angle)), low), high)


@compiled
def _draw_angles(rng):
    """Flat cosθ1, cosθ2, Φ, Φ1."""
    return (
        2.0 * rng.random() - 1.0,
        2.0 * rng.random() - 1.0,
        math.pi * (2.0 * rng.random() - 1.0),
        math.pi * (2.0 * rng.random() - 1.0),
    )


@compiled
def _draw_scalar(kinematics, edges, cumulative, heights, masses, gluon_alpha, higgs, box, rng):
    """J=0: flat cosθ*; the masses' Lorentzians lack a factor Y = m1 m2 of the two lines."""
    largest = 0.0
    for i in range(kinematics.shape[0]):
        while True:
            m4l, index = _draw_m4l(edges, cumulative, rng)
            mass1, mass2 = _draw_mass(masses, rng), _draw_mass(masses, rng)
            s = m4l**2
            beta_squared = velocity_squared(s, mass1, mass2)
            if beta_squared <= 0.0 or mass1 + mass2 >= m4l:
                continue
            amplitude, longitudinal, transverse = form_factors(s)
            gamma = boost(s, mass1, mass2)
            zero = -higgs * gamma * amplitude + box * (gamma * longitudinal + 0.35 * transverse)
            equal = higgs * amplitude + box * transverse
            total = abs(zero) ** 2 + 2.0 * abs(equal) ** 2
            accept = gluon_flux(m4l) * math.sqrt(beta_squared) * mass1 * mass2 * total / heights[index]
            accept *= gluon_factor(m4l, gluon_alpha)
            largest = max(largest, accept)
            if rng.random() < accept:
                break
        while True:
            cosine1, cosine2, plane, plane1 = _draw_angles(rng)
            intensity = scalar_intensity(zero, equal, cosine1, cosine2, plane1, plane + plane1)
            accept = intensity / (2.0 * LEPTONS * total)
            largest = max(largest, accept)
            if rng.random() < accept:
                break
        kinematics[i] = (m4l, mass1, mass2, 2.0 * rng.random() - 1.0, cosine1, cosine2, plane, plane1)
    return largest


@compiled
def _draw_tensor(kinematics, edges, cumulative, heights, masses, gluon_alpha, rng):
    """J=2: cosθ* from ½[(1−bc)⁻² + (1+bc)⁻²] ≥ (1−b²c²)⁻², b² = 0.92β², which bounds Σ|A|² times 1/4.84.

    (1−b²c²)² Σ|A|²/|L|² ≤ 0.605(1+6c²+c⁴) + 0.1225(1−c²)² + 0.36(1−c⁴), which rises with c² up to 4.84 at c² = 1.
    """
    largest = 0.0
    for i in range(kinematics.shape[0]):
        while True:
            m4l, index = _draw_m4l(edges, cumulative, rng)
            mass1, mass2 = _draw_mass(masses, rng), _draw_mass(masses, rng)
            beta_squared = velocity_squared(m4l**2, mass1, mass2)
            if beta_squared <= 0.0 or mass1 + mass2 >= m4l:
                continue
            accept = gluon_flux(m4l) * _tensor_channel(beta_squared) / heights[index]
            accept *= mass1 * mass2 / masses[1] ** 2 * gluon_factor(m4l, gluon_alpha)
            largest = max(largest, accept)
            if rng.random() >= accept:
                continue
            b = math.sqrt(BOX_SHAPE * beta_squared)
            # ∫_{−1}^{c} dx/(1−bx)² = [1/(1−bc) − 1/(1+b)]/b, at a flat fraction of its total 2/(1−b²)
            cosine = (1.0 - 1.0 / (1.0 / (1.0 + b) + rng.random() * 2.0 * b / (1.0 - b**2))) / b
            cosine = math.copysign(min(abs(cosine), 1.0), cosine if rng.random() < 0.5 else -cosine)
            proposal = 0.5 * ((1.0 - b * cosine) ** -2 + (1.0 + b * cosine) ** -2)
            total = tensor_total(cosine, beta_squared)
            accept = total / (TENSOR_BOUND * proposal)
            largest = max(largest, accept)
            if rng.random() < accept:
                break
        while True:
            cosine1, cosine2, plane, plane1 = _draw_angles(rng)
            intensity = tensor_intensity(cosine, beta_squared, cosine1, cosine2, plane1, plane + plane1)
            accept = intensity / (2.0 * LEPTONS * total)
            largest = max(largest, accept)
            if rng.random() < accept:
                break
        kinematics[i] = (m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1)
    return largest


@compiled
def _draw_square(rng):
    """A cosine from (1 + c²): flat in three cases of four, c² in one."""
    flat = 2.0 * rng.random() - 1.0
    return flat if rng.random() < 0.75 else math.copysign(abs(flat) ** (1.0 / 3.0), flat)


@compiled
def _draw_quark(kinematics, edges, cumulative, heights, masses, quark_alpha, factor_bound, rng):
    """qq→ZZ: cosθ* from 1/(1−b²c²), b² = 0.96β², decay cosines from 1 + c², flat azimuths.

    The shape factor in cosθ* is accepted under ``factor_bound``, its largest value.
    """
    largest = 0.0
    for i in range(kinematics.shape[0]):
        while True:
            m4l, index = _draw_m4l(edges, cumulative, rng)
            mass1, mass2 = _draw_mass(masses, rng), _draw_mass(masses, rng)
            beta_squared = velocity_squared(m4l**2, mass1, mass2)
            if beta_squared <= 0.0 or mass1 + mass2 >= m4l:
                continue
            accept = quark_flux(m4l) * _quark_channel(beta_squared) / heights[index]
            accept *= mass1 * mass2 / masses[1] ** 2
            largest = max(largest, accept)
            if rng.random() >= accept:
                continue
            b = math.sqrt(QUARK_SHAPE * beta_squared)
            cosine = math.tanh((2.0 * rng.random() - 1.0) * math.atanh(b)) / b
            cosine = min(max(cosine, -1.0), 1.0)
            # 1 + b²c² < 2, since b < 1 and |c| ≤ 1
            accept = 0.5 * (1.0 + (b * cosine) ** 2) * quark_factor(cosine, quark_alpha) / factor_bound
            largest = max(largest, accept)
            if rng.random() < accept:
                break
        while True:
            cosine1, cosine2 = _draw_square(rng), _draw_square(rng)
            plane, plane1 = math.pi * (2.0 * rng.random() - 1.0), math.pi * (2.0 * rng.random() - 1.0)
            planes = math.cos(2.0 * plane) * (1.0 - cosine1**2) * (1.0 - cosine2**2)
            if rng.random() * (1.0 + QUARK_PLANES) < 1.0 + QUARK_PLANES * planes:
                break
        kinematics[i] = (m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1)
    return largest
