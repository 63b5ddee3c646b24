"""Do the two variations of a systematic go opposite ways?"""

import math
from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.diagnostics.empirical import normalised, ratios

SYMMETRY = Kind(
    title="Two directions of a systematic",
    name="both directions of {effect} the same way",
    levels={
        "variation_symmetry": Level(0.3, 0.6, "Fraction of events that +1 and -1 of a systematic move the same way."),
    },
    remedy="if both sides are alternatives to the nominal sample, use one with `symmetrise`; if they are noise, "
    "prune it",
    picture="variation-{effect}",
)

# Product of the two log g below which a direction goes no way: normalising moves a zero by a rounding error.
NOTHING = 1e-12


@dataclass(frozen=True)
class VariationSymmetry:
    r"""log g of both directions on the same events, each with E[g] = 1 there.

    Attributes:
        name: ``{process}-{systematic}``.
        same_way: fraction of the nominal density where both are above, or both below, 1.
        error: its statistical error.
        odd, even: rms of :math:`\frac12(\ln g^+-\ln g^-)` and of :math:`\frac12(\ln g^++\ln g^-)`.
        check: verdict on the fraction.
    """

    name: str
    same_way: float
    error: float
    odd: float
    even: float
    check: Check


def variation_symmetry(
    name: str, up: np.ndarray, down: np.ndarray, weights: np.ndarray, threshold: float | Threshold
) -> VariationSymmetry:
    """The fraction of events that α = +1 and α = −1 move the same way.

    The interpolation between g− at −1, 1 at 0 and g+ at +1 has a turning point inside for such an event. A few there
    are always, about the zeros of the effect. Half of all is what independent noise gives: then nothing was learnt.
    All of them have two variations on one side, such as two alternative models, which no interpolation serves.

    Args:
        name: for the result.
        up, down: (n,) log g of the two directions, of any normalisation.
        weights: (n,) nominal weights of the process, any positive sum.
        threshold: of the fraction.

    Raises:
        ModelError: a ratio is not finite, or the weights sum to zero.
    """
    p = normalised(weights, f"nominal density of {name}")
    used = p != 0.0
    p = p[used]
    sides = []
    for values in (up, down):
        g = ratios(np.asarray(values)[used], np.ones(len(p), dtype=bool))
        sides.append(np.asarray(values, dtype=float)[used] - np.log(p @ g))
    same = sides[0] * sides[1] > NOTHING
    fraction = float(p @ same)
    error = float(np.sqrt(p**2 @ (same - fraction) ** 2))
    means = (float(p @ (0.5 * (sides[0] + sign * sides[1])) ** 2) for sign in (-1.0, 1.0))
    odd, even = (
        math.sqrt(max(mean, 0.0)) for mean in means
    )  # of few events with negative weights it may be below zero
    detail = f"rms of log g: {odd:.4f} odd, {even:.4f} even"
    check = at_most(SYMMETRY.of(effect=name), fraction, threshold, error, detail=detail)
    return VariationSymmetry(name, fraction, error, odd, even, check)
