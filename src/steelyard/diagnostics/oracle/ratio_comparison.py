"""Learned against exact: the log ratios event by event, and the curves t(mu) that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Number, Threshold, at_least, at_most
from steelyard.diagnostics.empirical import normalised, ratios
from steelyard.regions.binning import bin_index, histogram, quantile_edges

RATIO = Kind(
    title="Log ratio against the exact one",
    name="rms of log {ratio} against exact",  # levels stand with each ratio in `diagnostics.oracle_rms`
    remedy="train this ratio for more epochs, with more members, or with more events",
    picture="oracle",
)
SCAN = Kind(
    title="t against the exact one",
    name="t(mu) against exact",
    levels={
        "scan": Level(
            0.5,
            1.0,
            "|t - t_exact| over the larger of scan_absolute and scan_relative * t_exact, at its worst in oracle_range.",
        ),
        "scan_absolute": Number(0.15, "Allowed difference of t(mu) from the exact one, absolute."),
        "scan_relative": Number(0.1, "Allowed difference of t(mu) from the exact one, relative."),
    },
    remedy="do what the list of next steps says; the error is that of the ratios at the worst value",
    picture="scan-asimov",
)
GAIN = Kind(
    title="Gain over a histogram",
    name="gain over {baseline}",
    levels={
        "gain": Level(
            0.9, 0.8, "Gain in t(mu) over a baseline, as a fraction of the exact likelihood's gain.", falling=True
        ),
    },
    remedy="the ratios have lost what a histogram keeps: look at closure and at the classifier test",
    picture="scan-asimov",
)

BINS = 20
# Of t, the smallest gain over a histogram that a loss is compared with: a loss of 1 % of t warns then, of 2 % fails.
LEAST_GAIN = 0.1


@dataclass(frozen=True)
class RatioComparison:
    """Learned minus exact log ratio over the reference.

    Attributes:
        ratio: its name.
        rms: root of the mean squared difference, weighted with the reference.
        error: statistical error of the rms.
        bias: mean difference.
        undefined: events left out because the exact ratio is zero or infinite there.
        edges: (B+1,) edges in the exact log ratio, of equal reference weight.
        mean, width: (B,) mean and standard deviation of the difference in each bin.
        check: verdict on the rms.
    """

    ratio: str
    rms: float
    error: float
    bias: float
    undefined: int
    edges: np.ndarray
    mean: np.ndarray
    width: np.ndarray
    check: Check


def compare_ratio(
    ratio: str, learned: np.ndarray, exact: np.ndarray, weights: np.ndarray, threshold: float | Threshold
) -> RatioComparison:
    """Compare one learned log ratio with the exact one on reference events.

    Args:
        ratio: name for the result.
        learned, exact: (n,) log ratios of the same events; the learned one normalised as the model's is.
        weights: (n,) reference weights, any positive sum.
        threshold: of the rms.

    Raises:
        ModelError: a learned ratio is not finite.
    """
    learned, exact = np.asarray(learned, dtype=float), np.asarray(exact, dtype=float)
    weights = np.asarray(weights, dtype=float)
    ratios(learned, weights != 0.0)
    used = np.isfinite(exact) & (weights != 0.0)
    undefined = int(np.count_nonzero(~np.isfinite(exact) & (weights != 0.0)))
    w, x = normalised(weights[used], f"reference of {ratio}"), exact[used]
    difference = learned[used] - x
    squares = difference**2
    mean_square = float(w @ squares)
    rms = float(np.sqrt(mean_square))
    spread = float(np.sqrt((w**2) @ (squares - mean_square) ** 2))
    error = spread / (2.0 * rms) if rms > 0.0 else 0.0
    edges = quantile_edges(x, BINS, w)
    index, bins = bin_index(x, edges), len(edges) - 1
    content, first, second = (histogram(index, w * difference**power, bins) for power in range(3))
    content = np.where(content > 0.0, content, np.nan)
    mean = first / content
    detail = f"mean difference {w @ difference:+.4f}"
    if undefined:
        detail += f"; {undefined} events without a finite exact ratio left out"
    return RatioComparison(
        ratio=ratio,
        rms=rms,
        error=error,
        bias=float(w @ difference),
        undefined=undefined,
        edges=edges,
        mean=mean,
        width=np.sqrt(np.maximum(second / content - mean**2, 0.0)),
        check=at_most(RATIO.of(ratio=ratio), rms, threshold, error, detail=detail),
    )


def compare_scans(
    mu: np.ndarray,
    t: np.ndarray,
    exact: np.ndarray,
    absolute: float,
    relative: float,
    threshold: float | Threshold,
    within: Sequence[float] | None = None,
) -> Check:
    """Largest abs(t - t_exact) / max(absolute, relative t_exact) on a grid: 1 uses up the allowance.

    Args:
        mu: (G,) parameter values.
        t, exact: (G,) learned and exact test statistic, of the same events.
        absolute, relative: allowed differences; the larger one counts.
        threshold: of the quotient.
        within: range of mu that counts, ends included; all of it by default.
    """
    mu, t, exact = (np.asarray(values, dtype=float) for values in (mu, t, exact))
    quotient = np.abs(t - exact) / np.maximum(absolute, relative * exact)
    if within is not None:
        quotient = np.where((mu >= within[0] - 1e-12) & (mu <= within[1] + 1e-12), quotient, 0.0)
    worst = int(np.argmax(np.where(np.isnan(quotient), np.inf, quotient)))
    detail = f"t = {t[worst]:.3f}, exact {exact[worst]:.3f} at {mu[worst]:g}"
    return at_most(SCAN.of(), float(quotient[worst]), threshold, detail=detail)


def compare_gain(
    baseline: str,
    t: np.ndarray,
    exact: np.ndarray,
    binned: np.ndarray,
    threshold: float | Threshold,
) -> Check:
    """Mean gain in t over a baseline, as a fraction of the exact likelihood's: sum(t - t_b) / sum(t_exact - t_b).

    What is lost of the gain, sum(t_exact - t), is a fraction of sum(t_exact) at least: of ``LEAST_GAIN`` of it. Over a
    histogram that is as good as the exact likelihood there is nothing to gain, and any error of t would be all of it.

    Args:
        baseline: its name.
        t, exact, binned: (G,) expected t at the same parameter values: learned, exact, baseline.
        threshold: lower levels of the fraction.
    """
    t, exact, binned = (np.asarray(values, dtype=float) for values in (t, exact, binned))
    available = float((exact - binned).sum())
    gained = float((t - binned).sum())
    detail = f"mean t {t.mean():.3f}, exact {exact.mean():.3f}, {baseline} {binned.mean():.3f}"
    least = LEAST_GAIN * float(exact.sum())
    value = 1.0 - (available - gained) / max(available, least, 1e-12)
    return at_least(GAIN.of(baseline=baseline), value, threshold, detail=detail)
