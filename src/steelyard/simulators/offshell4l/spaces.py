"""Parts of phase space over which rates are integrated and from which events are drawn."""

from dataclasses import dataclass

from steelyard.simulators.offshell4l import constants as const


@dataclass(frozen=True)
class Space:
    """Ranges of the masses of the true kinematics and shape factors on the rates there; all angles are included.

    Attributes:
        m4l, mass: (low, high) in GeV of m4l and of both Z masses.
        gluon_alpha, quark_alpha: gg rates are multiplied by exp(gluon_alpha·h(m4l)) and the qq rate by
            exp(quark_alpha·q(cosθ*)); see :mod:`steelyard.simulators.offshell4l.variation_factors`.
    """

    m4l: tuple[float, float] = const.M4L_RANGE
    mass: tuple[float, float] = const.MZ_RANGE
    gluon_alpha: float = 0.0
    quark_alpha: float = 0.0

    @property
    def ranges(self) -> tuple[float, float, float, float]:
        """Lowest and highest m4l, lowest and highest Z mass."""
        return (*self.m4l, *self.mass)


def scale_of(alpha: float) -> float:
    """Observed over true masses at lepton_scale ``alpha``: 1 + 0.005·α."""
    return 1.0 + const.LEPTON_SCALE * alpha


def _generated() -> Space:
    largest, smallest = scale_of(const.GENERATED_ALPHA), scale_of(-const.GENERATED_ALPHA)
    (m4l_low, m4l_high), (mass_low, mass_high) = const.M4L_RANGE, const.MZ_RANGE
    return Space((m4l_low / largest, m4l_high / smallest), (mass_low / largest, mass_high / smallest))


SELECTED = Space()
"""The selected region of nominal events."""

GENERATED = _generated()
"""Where simulated samples are generated: all true masses that are selected at some |lepton_scale| ≤ 5."""
