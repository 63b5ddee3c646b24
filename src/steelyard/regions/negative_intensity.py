r"""Reference events where the mixture is negative: wrong ratios, or a density that is negative.

:math:`\sum_c f_c\,\nu_c\,r_c(x_i) < 0` says nothing about which of the two it is. The simulation does: over these
events, chosen by networks that have not trained on them, the expectation of the sum of its own weights,
:math:`\sum_i\sum_c f_c\,\nu_c\,p_{c,i}`, is positive wherever the density is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture

# Values of the coordinate at which the simulation is asked.
POINTS = 17
# Standard deviations below zero at which its answer is no fluctuation.
SIGNIFICANT = 5.0


@dataclass(frozen=True)
class Deficit:
    """What the simulation has on the events whose intensity is negative at one value of the parameter.

    Attributes:
        mu: the value.
        total, error: expected events by the simulation's weights, and the statistical error.
    """

    mu: float
    total: float
    error: float

    @property
    def is_real(self) -> bool:
        """Whether the density is negative there, whatever the networks say."""
        return self.total < -SIGNIFICANT * self.error


def find_deficits(
    mixture: Mixture, intensities: np.ndarray, densities: Callable[[], np.ndarray]
) -> tuple[Deficit, ...]:
    """Ask the simulation wherever, within the bounds of the parameter, reference events have a negative intensity.

    Args:
        mixture: gives coefficients, yields and bounds.
        intensities: (n, C) nu_c r_c of the reference events.
        densities: gives the simulation's weights (n, C), columns of sum one; asked only if there is anything to ask.
    """
    weights, found = None, []
    for kappa in np.linspace(*mixture.coordinate_bounds, POINTS):
        coefficients = mixture.coefficients_along(kappa)[0]
        rows = np.flatnonzero(intensities @ coefficients < 0.0)
        if not len(rows):
            continue
        if weights is None:
            weights = densities()
        expected = weights[rows] @ (coefficients * mixture.yields)
        error = float(np.sqrt((expected**2).sum()))
        found.append(Deficit(float(mixture.to_parameter(kappa)), float(expected.sum()), error))
    return tuple(found)


def negative_weights(
    number: int,
    events: int,
    share: float,
    mu: float,
    systematics: Systematics,
    alpha: np.ndarray,
    deficits: Sequence[Deficit] = (),
) -> ModelError:
    """The error of Asimov weights of which ``number`` are negative, with ``share`` of the total."""
    moved = [
        f"{name} = {value:g}"
        for name, value, nominal in zip(systematics.names, alpha, systematics.nominal, strict=True)
        if value != nominal
    ]
    what = (
        f"{number} of {events} reference events have a negative Asimov weight at parameter {mu:g}"
        f"{', ' + ', '.join(moved) if moved else ''} (they carry {share:.2g} of the total)"
    )
    nearest = min(deficits, key=lambda deficit: abs(deficit.mu - mu), default=None)
    if nearest is not None and nearest.is_real:
        return ModelError(
            f"{what}. The density is really negative there, and no training changes that: where the networks say so "
            f"at parameter {nearest.mu:g}, the weights of the simulation itself sum to {nearest.total:.3g} ± "
            f"{nearest.error:.2g} expected events. Correct the coefficients, the yields or the signs of the weights, "
            "or keep the grid away from this value"
        )
    nuisances = (
        ". If they are not at the nominal point, look at the closure of these variations too, or throw the "
        "pseudo-experiments closer to it"
    )
    return ModelError(
        f"{what}. The ratios disagree with "
        "the coefficients there: train longer or add members to the ratios that enter with a negative coefficient, "
        f"check the signs of the coefficients, or keep the grid away from this value{nuisances if moved else ''}"
    )
