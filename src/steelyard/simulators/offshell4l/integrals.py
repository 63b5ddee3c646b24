"""Integrals of the rates over a space of true kinematics, by quadrature.

Over the four decay angles they are analytic: waves of different Z helicities are orthogonal, and |d|² integrates to
2/3 for every helicity, so ∫ dcosθ1 dcosθ2 dΦ dΦ1 |Σ A d d|² = (2/3)² (2π)² Σ |A|². The other four dimensions are done
by Gauss-Legendre quadrature: in log m4l with panels that break at the top threshold, where F(s) is not smooth, in
y = arctan[(m² − mZ²)/(mZ ΓZ)], which flattens the Z lines, and in cosθ*.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from steelyard.simulators.offshell4l import constants as const
from steelyard.simulators.offshell4l.amplitudes import (
    BOX_SQUARED,
    LEFT_SQUARED,
    QUARK_SHAPE,
    RIGHT_SQUARED,
    boost,
    form_factors,
    gluon_flux,
    line,
    quark_flux,
    tensor_total,
    velocity_squared,
)
from steelyard.simulators.offshell4l.kept_code import compiled
from steelyard.simulators.offshell4l.spaces import SELECTED, Space
from steelyard.simulators.offshell4l.variation_factors import weight_factors

LEPTONS = (LEFT_SQUARED + RIGHT_SQUARED) ** 2
DECAYS = (2.0 / 3.0) ** 2 * (2.0 * math.pi) ** 2
QUARK_DECAYS = (8.0 / 3.0) ** 2 * (2.0 * math.pi) ** 2


@dataclass(frozen=True)
class Integrals:
    """Integrals of the rates over the phase space, in the rates' own units.

    The gg rate with amplitudes a A_S + b A_B, a and b real, integrates to
    a² signal + a b interference + b² (scalar_box + tensor_box).
    """

    signal: float
    interference: float
    scalar_box: float
    tensor_box: float
    quark: float

    @property
    def box(self) -> float:
        """The whole of B."""
        return self.scalar_box + self.tensor_box

    def scalar(self, higgs: float, box: float) -> float:
        """The J=0 rate with amplitude ``higgs``·A_S + ``box``·A_B, integrated."""
        return higgs**2 * self.signal + higgs * box * self.interference + box**2 * self.scalar_box

    def process(self, name: str) -> float:
        """The integral of a process of ``PROCESSES``."""
        return {
            "S": self.signal,
            "SBI": self.signal + self.interference + self.box,
            "B": self.box,
            "NI": self.quark,
        }[name]


@functools.lru_cache(maxsize=4096)
def integrals(space: Space = SELECTED, m4l_nodes: int = 24, mass_nodes: int = 48, cosine_nodes: int = 32) -> Integrals:
    """The integrals by quadrature with so many nodes a panel; the default is better than 10⁻⁶ relative.

    The shape factors of ``space`` enter as weights of the nodes. Results are kept: a space costs 0.05 s once.
    """
    low, high = space.m4l
    inner = [edge for edge in (240.0, 280.0, 2.0 * const.TOP_MASS, 450.0, 700.0) if low < edge < high]
    m4l, m4l_weights = _panels(np.log([low, *inner, high]), m4l_nodes)
    m4l, m4l_weights = np.exp(m4l), m4l_weights * np.exp(m4l)
    scale = const.Z_MASS * const.Z_WIDTH
    low, high = (math.atan((mass**2 - const.Z_MASS**2) / scale) for mass in space.mass)
    angle, mass_weights = _panels(np.array([low, 0.0, high]), mass_nodes // 2)
    mass = np.sqrt(const.Z_MASS**2 + scale * np.tan(angle))
    # dm = mZ ΓZ (1 + tan²y)/(2m) dy
    mass_weights = mass_weights * scale * (1.0 + np.tan(angle) ** 2) / (2.0 * mass)
    cosine, cosine_weights = np.polynomial.legendre.leggauss(cosine_nodes)
    return Integrals(
        *_integrate(
            m4l,
            m4l_weights * weight_factors(m4l, True, space.gluon_alpha),
            m4l_weights,
            mass,
            mass_weights,
            cosine,
            cosine_weights,
            cosine_weights * weight_factors(cosine, False, space.quark_alpha),
        )
    )


def _panels(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite Gauss-Legendre nodes and weights on the panels between ``edges``."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[1:] + edges[:-1])[:, None]
    return (middle + half * x).ravel(), (half * weights).ravel()


@compiled
def _integrate(m4l, gluon_weights, quark_weights, mass, mass_weights, cosine, cosine_weights, channel_weights):
    signal, interference, scalar_box, tensor_box, quark = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(m4l.size):
        s = m4l[i] ** 2
        higgs, longitudinal, transverse = form_factors(s)
        gluon = gluon_weights[i] * gluon_flux(m4l[i])
        quarks = quark_weights[i] * quark_flux(m4l[i])
        for j in range(mass.size):
            for k in range(j + 1):
                beta_squared = velocity_squared(s, mass[j], mass[k])
                if beta_squared <= 0.0 or mass[j] + mass[k] >= m4l[i]:
                    continue
                symmetry = 1.0 if j == k else 2.0
                lines = symmetry * mass_weights[j] * mass_weights[k] * line(mass[j]) * line(mass[k])
                lines *= math.sqrt(beta_squared)
                gamma = boost(s, mass[j], mass[k])
                signal_zero = -gamma * higgs
                box_zero = gamma * longitudinal + 0.35 * transverse
                common = gluon * lines
                # 2 gluon combinations, ∫ dcosθ* = 2
                signal += 4.0 * common * (abs(signal_zero) ** 2 + 2.0 * abs(higgs) ** 2)
                scalar_box += 4.0 * common * (abs(box_zero) ** 2 + 2.0 * abs(transverse) ** 2)
                cross = (signal_zero * box_zero.conjugate()).real + 2.0 * (higgs * transverse.conjugate()).real
                interference += 8.0 * common * cross
                tensor, channels = 0.0, 0.0
                for n in range(cosine.size):
                    tensor += cosine_weights[n] * tensor_total(cosine[n], beta_squared)
                    channel = QUARK_SHAPE * beta_squared * cosine[n] ** 2
                    channels += channel_weights[n] * (1.0 + channel) / (1.0 - channel)
                tensor_box += 2.0 * common * tensor
                quark += quarks * lines * channels
    gluon_decays = LEPTONS * DECAYS
    return (
        gluon_decays * signal,
        gluon_decays * interference,
        gluon_decays * scalar_box,
        gluon_decays * BOX_SQUARED * tensor_box,
        QUARK_DECAYS * quark,
    )
