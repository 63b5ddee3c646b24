"""Do the raw ratios of the variations integrate to one over the nominal density of their process?"""

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, within
from steelyard.diagnostics.empirical import normalised, ratios

VARIATION_NORMALISATION = Kind(
    title="Normalisation of a variation",
    name="normalisation of {variation}",
    levels={
        "variation_normalisation": Level(0.005, 0.01, "|E[g] - 1| of a raw variation on events it did not train on."),
    },
    remedy="train the networks of this variation for more epochs, or give it more events",
)


def check_variation_normalisation(
    variation: str, log_g: np.ndarray, weights: np.ndarray, threshold: float | Threshold
) -> Check:
    r"""E_{p_c}[g] − 1 on events that no network trained on, with its error :math:`\sqrt{\sum_i p_i^2(g_i-\bar g)^2}`.

    The model divides by this expectation, so that the yield of a variation comes from its weights alone. Only the raw
    number shows a network that has not converged. The training events have a statistical error of their own, about as
    large as the one given.

    Args:
        variation: name for the result.
        log_g: (n,) raw log ratio.
        weights: (n,) nominal weights of the process, any positive sum.
        threshold: of the deviation.

    Raises:
        ModelError: a ratio is not finite, or the weights sum to zero.
    """
    p = normalised(weights, f"nominal density of {variation}")
    g = ratios(log_g, p != 0.0)
    mean = float(p @ g)
    error = float(np.sqrt(p**2 @ (g - mean) ** 2))
    detail = f"raw E[g] = {mean:.5f} ± {error:.5f}"
    return within(VARIATION_NORMALISATION.of(variation=variation), mean - 1.0, threshold, error, detail)
