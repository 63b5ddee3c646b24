"""Do the raw ratios integrate to one over the reference?"""

from collections.abc import Sequence

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, within

NORMALISATION = Kind(
    title="Normalisation of a ratio",
    name="normalisation of {ratio}",
    levels={"normalisation": Level(0.0025, 0.005, "|E_ref[r] - 1| of a raw ratio on events it did not train on.")},
    remedy="train this ratio for more epochs, with a smaller learning rate at the end, or with more members",
    picture="normalisation",
)


def check_normalisation(
    ratios: Sequence[str], mean: np.ndarray, error: np.ndarray, threshold: float | Threshold
) -> tuple[Check, ...]:
    """One check a ratio: E_ref[r_c] - 1 on events that no network trained on, before it is normalised away.

    The exact normalisation that follows makes E_ref[r_c] = 1 whatever the networks say, so only the raw number can
    show that a network has not converged, or that its classes had other weights than the reference assumes.

    Args:
        ratios: C names.
        mean, error: (C,) raw expectation and its statistical error (``steelyard.regions.normalisation.normalise``).
        threshold: of the deviation; 0.5 % of a rate of 10^3 events is a sixth of its Poisson error.
    """
    return tuple(
        within(NORMALISATION.of(ratio=ratio), float(m) - 1.0, threshold, float(e), f"raw E_ref[r] = {m:.5f} ± {e:.5f}")
        for ratio, m, e in zip(ratios, mean, error, strict=True)
    )
