"""Overtraining: a network must not know the events it was trained on better than others."""

from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.diagnostics.empirical import normalised, ratios

OVERTRAINING = Kind(
    title="Overtraining",
    name="overtraining of {ratio}",
    levels={
        "overtraining": Level(0.005, 0.02, "Mean loss of events not trained on minus that of events trained on."),
    },
    remedy="fewer epochs, a smaller network, weight decay, or more events",
    picture="overtraining",
)


@dataclass(frozen=True)
class Overtraining:
    """Mean loss of one ratio on events its networks trained on, and on others.

    Attributes:
        ratio: its name.
        seen, unseen: mean binary cross entropy, both classes of weight 1/2; ln 2 for no separation.
        gap: unseen - seen.
        error: statistical error of the gap.
        check: verdict on the gap.
    """

    ratio: str
    seen: float
    unseen: float
    gap: float
    error: float
    check: Check


def overtraining(
    ratio: str,
    target: np.ndarray,
    source: np.ndarray,
    log_ratio_seen: np.ndarray,
    log_ratio_unseen: np.ndarray,
    threshold: float | Threshold,
) -> Overtraining:
    r"""Compare the loss on seen and unseen events.

    .. math:: L = \tfrac12\Big[\sum_i p_i\,\ln(1+e^{-f_i}) + \sum_i q_i\,\ln(1+e^{f_i})\Big],
              \qquad \sum_i p_i = \sum_i q_i = 1

    Each event's share in the difference of the two losses is formed first and its square summed, so that the error is
    right both for a held-out split (different events) and for a cross-fitted one (the same events twice).

    Args:
        ratio: name for the result.
        target, source: (n,) event weights of both sides of the split, any positive sum.
        log_ratio_seen: (n,) by networks that trained on the event, NaN where there is none.
        log_ratio_unseen: (n,) by networks that did not, NaN where there is none.
        threshold: of the gap. Where the classes are alike the loss is quadratic in the log ratio with curvature
            s(1-s) = 1/4: noise of rms e that was fitted to the training events lowers their loss by e^2/8 and raises
            that of others by as much, so that a gap of 0.005 is e = 0.14.

    Raises:
        ModelError: a side has no events or no positive sum of weights.
    """
    seen, shares_seen = _loss(ratio, "seen", target, source, log_ratio_seen)
    unseen, shares_unseen = _loss(ratio, "unseen", target, source, log_ratio_unseen)
    gap = unseen - seen
    error = float(np.sqrt(((shares_unseen - shares_seen) ** 2).sum()))
    detail = f"mean loss {seen:.4f} seen, {unseen:.4f} unseen"
    check = at_most(OVERTRAINING.of(ratio=ratio), gap, threshold, error, detail=detail)
    return Overtraining(ratio, seen, unseen, gap, error, check)


def _loss(
    ratio: str, side: str, target: np.ndarray, source: np.ndarray, log_ratio: np.ndarray
) -> tuple[float, np.ndarray]:
    """The loss, and each event's first-order share in its fluctuation (n,)."""
    log_ratio = np.asarray(log_ratio, dtype=float)
    used = ~np.isnan(log_ratio)
    ratios(log_ratio, used)
    p = normalised(np.where(used, target, 0.0), f"{side} target of {ratio}")
    q = normalised(np.where(used, source, 0.0), f"{side} source of {ratio}")
    f = np.where(used, log_ratio, 0.0)
    one, zero = np.logaddexp(0.0, -f), np.logaddexp(0.0, f)
    mean_one, mean_zero = float(p @ one), float(q @ zero)
    shares = 0.5 * (p * (one - mean_one) + q * (zero - mean_zero))
    return 0.5 * (mean_one + mean_zero), shares
