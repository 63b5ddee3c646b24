"""What the nuisance parameters do to the rates of the embedded analysis.

With u the kinematics x, its three masses divided by s = 1 + 0.005·α[lepton_scale],

    rate_c(x|α) = 1.017^α[lumi] · rate_c(u)/s³ · exp(α[gg_scale]·h(u.m4l)) for S, SBI, B
    rate_c(x|α) = 1.017^α[lumi] · 1.05^α[qqZZ_norm] · rate_c(u)/s³ · exp(α[qqZZ_angle]·q(u.cosθ*)) for NI

inside the selected region of the observed x, whose edges therefore move in the true u.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from steelyard.errors import ConfigurationError
from steelyard.simulators.offshell4l import constants as const
from steelyard.simulators.offshell4l.kept_code import compiled
from steelyard.simulators.offshell4l.names import unknown
from steelyard.simulators.offshell4l.spaces import Space, scale_of

OFFSET, SLOPE, PIVOT = const.GLUON_SHAPE_OFFSET, const.GLUON_SHAPE_SLOPE, const.GLUON_SHAPE_MASS
SIZE = const.QUARK_SHAPE_SIZE


@dataclass(frozen=True)
class Nuisances:
    """Values of all nuisance parameters."""

    lumi: float = 0.0
    qqZZ_norm: float = 0.0  # noqa: N815 - the name of the process in the literature
    gg_scale: float = 0.0
    qqZZ_angle: float = 0.0  # noqa: N815
    lepton_scale: float = 0.0

    @property
    def scale(self) -> float:
        """s: observed over true masses."""
        return scale_of(self.lepton_scale)

    @property
    def space(self) -> Space:
        """The true kinematics whose observed masses are selected, with the shape factors there."""
        (m4l_low, m4l_high), (mass_low, mass_high) = const.M4L_RANGE, const.MZ_RANGE
        return Space(
            (m4l_low / self.scale, m4l_high / self.scale),
            (mass_low / self.scale, mass_high / self.scale),
            self.gg_scale,
            self.qqZZ_angle,
        )

    def norm(self, process: str) -> float:
        """Yield factor of the parameters that have no effect on shapes."""
        return const.LUMI_FACTOR**self.lumi * (const.QUARK_FACTOR**self.qqZZ_norm if process == "NI" else 1.0)

    @property
    def shifted(self) -> dict[str, float]:
        """The parameters that are not 0."""
        return {name: value for name, value in asdict(self).items() if value != 0.0}


def checked_alpha(alpha: Mapping[str, float] | None) -> Nuisances:
    """All nuisance parameters, those that ``alpha`` does not name at 0.

    Raises:
        ConfigurationError: an unknown name, or a value that is not a number within ±10.
    """
    values = {}
    for name, value in (alpha or {}).items():
        if name not in const.SYSTEMATICS:
            raise unknown("systematic", name, const.SYSTEMATICS)
        values[name] = float(value)
        if not abs(values[name]) <= const.LARGEST_ALPHA:
            raise ConfigurationError(
                f"offshell4l: the nuisance parameter '{name}' must be within ±{const.LARGEST_ALPHA:g}; found {value}"
            )
    return Nuisances(**values)


@compiled
def gluon_factor(m4l, alpha):
    """exp(α h), h(m4l) = 0.10 + 0.10·ln(m4l/300 GeV): a QCD-scale-like factor on every gg rate."""
    return math.exp(alpha * (OFFSET + SLOPE * math.log(m4l / PIVOT))) if alpha != 0.0 else 1.0


@compiled
def quark_factor(cosine, alpha):
    """exp(α q), q(c) = 0.06·(3c² − 1)/2: a shape factor on the rate of qq→ZZ."""
    return math.exp(alpha * 0.5 * SIZE * (3.0 * cosine**2 - 1.0)) if alpha != 0.0 else 1.0


def quark_factor_bound(alpha: float) -> float:
    """The largest of exp(α q): q is monotonic in c² and so largest, or smallest, at c = 0 and |c| = 1."""
    return max(quark_factor(0.0, alpha), quark_factor(1.0, alpha))


@compiled
def weight_factors(values, gluons, alpha):
    """exp(α h) of every m4l, or exp(α q) of every cosθ* (``gluons`` false), in float64, shape (N,)."""
    factors = values.astype(np.float64)
    for i in range(factors.size):
        factors[i] = gluon_factor(factors[i], alpha) if gluons else quark_factor(factors[i], alpha)
    return factors
