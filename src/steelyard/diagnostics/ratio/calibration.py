"""Calibration: where a classifier says 30 %, 30 % of the events have to be of its class."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.diagnostics.deviation import relative_deviation
from steelyard.diagnostics.empirical import normalised, ratios
from steelyard.regions.binning import bin_index, histogram, merge_sparse, quantile_edges

CALIBRATION = Kind(
    title="Calibration",
    name="calibration of {ratio}",
    levels={"calibration": Level(0.02, 0.05, "Largest deviation of a found from a predicted class probability.")},
    remedy="train this ratio for more epochs; if the deviation is at large ratios alone, with a larger network",
    picture="calibration-{ratio}",
)

BINS = 20


@dataclass(frozen=True)
class Calibration:
    """Reliability of one ratio.

    Attributes:
        ratio: its name.
        edges: (B+1,) edges in the log ratio.
        predicted: (B,) mean of the classifier's probability s = r/(1+r) over the bin's events of both classes.
        observed: (B,) fraction of the bin's weight that belongs to the target.
        error: (B,) statistical error of observed - predicted.
        chi2, ndf: of observed against predicted, ndf = B.
        largest: largest deviation of a probability.
        check: verdict on the rms relative deviation of the ratio, found over predicted - 1, beyond statistics.
    """

    ratio: str
    edges: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    error: np.ndarray
    chi2: float
    ndf: int
    largest: float
    check: Check


def calibration(
    ratio: str,
    target: np.ndarray,
    source: np.ndarray,
    log_ratio: np.ndarray,
    threshold: float | Threshold,
    bins: int = BINS,
) -> Calibration:
    r"""Compare the predicted probability of the target with the observed fraction, in bins of the log ratio.

    With both classes normalised to one, :math:`s=r/(1+r)` is the probability that an event of the mixture
    :math:`p+q` belongs to the target. In a bin, observed minus predicted is :math:`\sum_i\delta_i/\sum_i(p_i+q_i)` with
    :math:`\delta_i = (1-s_i)\,p_i - s_i\,q_i`, whose variance is :math:`\sum_i\delta_i^2`, whether or not events
    carry both weights. The bins hold equal weight of the mixture. The verdict is on the ratio itself: the rms over
    bins, weighted with the target, of :math:`\sum_b p_i/\sum_b q_i r_i - 1` beyond statistics
    (:func:`~steelyard.diagnostics.deviation.relative_deviation`).

    Args:
        ratio: name for the result.
        target, source: (n,) event weights of the two densities, any positive sum.
        log_ratio: (n,) log of target/source density; may be NaN where both weights are zero.
        threshold: of the rms relative deviation.
        bins: number of bins.

    Raises:
        ModelError: a ratio is not finite, or a density sums to zero.
    """
    p, q = normalised(target, f"target of {ratio}"), normalised(source, f"source of {ratio}")
    used = (p != 0.0) | (q != 0.0)
    p, q, log_ratio = p[used], q[used], np.asarray(log_ratio, dtype=float)[used]
    weighted = q * ratios(log_ratio, np.ones(len(q), dtype=bool))
    probability, mixture = expit(log_ratio), p + q
    edges = quantile_edges(log_ratio, bins, mixture)
    index, count = bin_index(log_ratio, edges), len(edges) - 1
    moments = (p, weighted, p * p, weighted * weighted, (weighted - p) ** 2)
    moments += (mixture, probability * mixture, (p - probability * mixture) ** 2)
    sums = np.stack([histogram(index, weights, count) for weights in moments])
    starts = np.flatnonzero(np.diff(merge_sparse(sums[:2], sums[2:4]), prepend=-1))
    target_sum, found, p2, q2, variance, weight, predicted, spread = np.add.reduceat(sums, starts, axis=1)
    error = np.sqrt(np.maximum(spread, 1e-12 * (p2 + q2))) / weight
    observed, predicted = target_sum / weight, predicted / weight
    deviation, deviation_error = relative_deviation(found - target_sum, variance, target_sum)
    chi2 = float((((observed - predicted) / error) ** 2).sum())
    largest = float(np.abs(observed - predicted).max())
    detail = f"a probability off by at most {largest:.4f}; chi2/ndf {chi2:.1f}/{len(weight)}"
    return Calibration(
        ratio=ratio,
        edges=np.append(edges[starts], edges[-1]),
        predicted=predicted,
        observed=observed,
        error=error,
        chi2=chi2,
        ndf=len(weight),
        largest=largest,
        check=at_most(CALIBRATION.of(ratio=ratio), deviation, threshold, deviation_error, detail=detail),
    )
