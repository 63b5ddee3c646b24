"""What every check of a ratio starts from: two empirical densities on the same events, and the ratio between them."""

import numpy as np

from steelyard.errors import ModelError


def normalised(weights: np.ndarray, what: str) -> np.ndarray:
    """Event weights (n,) as float64 of sum 1.

    Raises:
        ModelError: a weight is not finite, or the sum is not positive.
    """
    weights = np.asarray(weights, dtype=float)
    total = weights.sum()
    if not total > 0.0 or not np.isfinite(total):
        raise ModelError(f"the weights of the {what} sum to {total:g} over {len(weights)} events: a density needs > 0")
    return weights / total


def ratios(log_ratio: np.ndarray, used: np.ndarray) -> np.ndarray:
    """exp(log_ratio) as float64, and 0 where an event is not ``used`` (its ratio may be undefined).

    Raises:
        ModelError: the ratio of a used event is not finite.
    """
    log_ratio = np.asarray(log_ratio, dtype=float)
    with np.errstate(over="ignore"):
        ratio = np.exp(np.where(used, log_ratio, -np.inf))
    bad = int(np.count_nonzero(~np.isfinite(ratio)))
    if bad:
        raise ModelError(
            f"{bad} of {len(ratio)} log ratios are not finite: a diagnostic takes only events "
            "that every ratio was evaluated on (the unseen side of the split)"
        )
    return ratio
