"""Do the raw ratios integrate to one over the reference?"""

from collections.abc import Sequence

import numpy as np

from steelyard.checks import Check, Threshold, within


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
        within(f"normalisation of {ratio}", float(m) - 1.0, threshold, float(e), f"raw E_ref[r] = {m:.5f} ± {e:.5f}")
        for ratio, m, e in zip(ratios, mean, error, strict=True)
    )
