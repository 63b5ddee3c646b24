"""Re-weighting closure: the source density times the learned ratio has to look like the target in every variable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import SIGNIFICANT, Check, Kind, Level, Threshold, at_most
from steelyard.diagnostics.deviation import correlated_deviation, normalised_covariance, relative_deviation
from steelyard.diagnostics.empirical import normalised, ratios
from steelyard.regions.binning import bin_index, histogram, merge_sparse, quantile_edges

CLOSURE = Kind(
    title="Closure of a ratio",
    name="closure of {ratio}",
    levels={"closure": Level(0.02, 0.05, "Rms over bins of re-weighted over true density - 1, the worst variable.")},
    remedy="look at the picture of the worst variable: more epochs or a larger network; a variable that is not a "
    "feature "
    "may have to become one",
    picture="closure_summary",
)

BINS = 20


@dataclass(frozen=True)
class BinnedColumns:
    """Variables of the same n events, binned once and used for every ratio.

    Attributes:
        names: K names.
        edges: K arrays (B_k+1,).
        index: (K, n) uint8, the bin of each event.
    """

    names: tuple[str, ...]
    edges: tuple[np.ndarray, ...]
    index: np.ndarray


@dataclass(frozen=True)
class ColumnClosure:
    """The closure in one variable.

    Attributes:
        name: the variable.
        edges: (B+1,) edges after merging bins with too few effective entries.
        target: (B,) fractions of the target density.
        reweighted: (B,) fractions of the source density times the ratio, normalised too.
        error: (B,) statistical error of their difference, correlations included.
        chi2, ndf: compatibility of the two shapes; the overall scale is fitted, so ndf = B - 1.
        deviation: rms relative deviation of the densities beyond statistics (see :func:`closure`).
        deviation_error: its statistical error.
    """

    name: str
    edges: np.ndarray
    target: np.ndarray
    reweighted: np.ndarray
    error: np.ndarray
    chi2: float
    ndf: int
    deviation: float
    deviation_error: float


@dataclass(frozen=True)
class Closure:
    """The closure of one ratio in all variables, and the verdict on the worst of them."""

    ratio: str
    columns: tuple[ColumnClosure, ...]
    check: Check


def bin_columns(
    names: Sequence[str], arrays: Sequence[np.ndarray], weights: np.ndarray, bins: int = BINS
) -> BinnedColumns:
    """Bin each variable (n,) into quantiles of the events' weights (n,), usually those of the reference.

    Raises:
        ValueError: more bins than the 8-bit index holds.
    """
    if bins > 255:
        raise ValueError(f"at most 255 bins, not {bins}")
    index = np.empty((len(names), len(weights)), dtype=np.uint8)
    edges = []
    for row, values in zip(index, arrays, strict=True):
        edges.append(quantile_edges(values, bins, weights))
        row[:] = bin_index(values, edges[-1])
    return BinnedColumns(tuple(names), tuple(edges), index)


def closure(
    ratio: str,
    columns: BinnedColumns,
    target: np.ndarray,
    source: np.ndarray,
    log_ratio: np.ndarray,
    threshold: float | Threshold,
    pairs: np.ndarray | None = None,
) -> Closure:
    r"""Compare source density times ratio with the target density in every variable.

    With :math:`p_i` the target's and :math:`q_i` the source's weights, both of sum one, on the *same* events, the
    difference in a bin is a sum over events of :math:`\delta_i = p_i - q_i r_i`, and its variance is
    :math:`\sigma_b^2 = \sum_{i\in b}\delta_i^2`. Events that carry weights of both densities (soft labels) thereby
    cancel as they should: errors added in quadrature as if the two were independent would hide a bad ratio. So do
    ``pairs``, the two versions of an event in two rows, where they fall into one bin; from one bin to another they
    correlate these, :math:`C_{bb'}=\sum_e\delta_{eb}\,\delta_{eb'}` with the sum of an event's rows in each bin.
    The scale is fitted, :math:`\chi^2=\min_s\sum_b (s\,q_b - p_b)^2/\sigma_b^2` with B-1 degrees of freedom:
    normalisation has its own check. Since with enough events any learned ratio has a bad chi2, the verdict is on a
    size, the rms relative deviation of the densities beyond statistics
    (:func:`~steelyard.diagnostics.deviation.relative_deviation`).

    The function serves a process against the reference (source = reference weights) and a difference that the
    likelihood lives on, process c against c' (source = weights of c', log_ratio = log r_c - log r_c').

    Args:
        ratio: name for the result.
        columns: binned variables of the n events.
        target, source: (n,) event weights of the two densities, any positive sum.
        log_ratio: (n,) log of target/source density; may be NaN where both weights are zero.
        threshold: of the rms relative deviation; 2 % of a whole density change the chi2 of a binned fit to
            N ~ 10^3 events by N 0.02^2 = 0.4 at most.
        pairs: (P, 2) rows that are versions of one event; every row is in one pair at most.

    Raises:
        ModelError: a ratio is not finite, or a density sums to zero.
    """
    p, q = normalised(target, f"target of {ratio}"), normalised(source, f"source of {ratio}")
    q = normalised(q * ratios(log_ratio, (p != 0.0) | (q != 0.0)), f"re-weighted source of {ratio}")
    moments = (p, q, p * p, q * q, (p - q) ** 2)
    if pairs is not None:
        pairs = pairs.T, np.prod((p - q)[pairs], axis=1)
    results = tuple(
        _column(name, edges, index.astype(np.intp), moments, pairs)
        for name, edges, index in zip(columns.names, columns.edges, columns.index, strict=True)
    )
    # The worst variable is the one whose deviation is most surely large, not the one that fluctuates most.
    worst = max(results, key=lambda result: result.deviation - SIGNIFICANT * result.deviation_error)
    detail = f"worst of {len(results)} variables: {worst.name}, chi2/ndf {worst.chi2:.1f}/{worst.ndf}"
    check = at_most(CLOSURE.of(ratio=ratio), worst.deviation, threshold, worst.deviation_error, detail=detail)
    return Closure(ratio, results, check)


def _column(
    name: str,
    edges: np.ndarray,
    index: np.ndarray,
    moments: tuple[np.ndarray, ...],
    pairs: tuple[np.ndarray, np.ndarray] | None,
) -> ColumnClosure:
    bins = len(edges) - 1
    sums = np.stack([histogram(index, weights, bins) for weights in moments])
    groups = merge_sparse(sums[:2], sums[2:4])
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    p, q, p2, q2, variance = np.add.reduceat(sums, starts, axis=1)
    edges = np.append(edges[starts], edges[-1])
    # Where the two densities coincide event by event (an untrained difference) the difference has no error at all.
    least = 1e-12 * (p2 + q2)
    if pairs is None:
        chi2, spread, deviation = _independent(p, q, np.maximum(variance, least))
    else:
        rows, product = pairs
        first, second = groups[index[rows]]
        shared = np.bincount(first * len(p) + second, weights=product, minlength=len(p) ** 2).reshape(len(p), len(p))
        chi2, spread, deviation = _correlated(p, q, np.diag(variance + least) + shared + shared.T)
    return ColumnClosure(
        name=name,
        edges=edges,
        target=p,
        reweighted=q,
        error=np.sqrt(spread),
        chi2=float(chi2),
        ndf=len(p) - 1,
        deviation=float(deviation[0]),
        deviation_error=float(deviation[1]),
    )


def _independent(
    p: np.ndarray, q: np.ndarray, variance: np.ndarray
) -> tuple[float, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Of independent bins (B,): chi2, variance of the normalised difference, its relative size with the error."""
    # The chi2 fits the scale, which does for a diagonal covariance what normalising does to the two histograms.
    scale = (q * p / variance).sum() / (q**2 / variance).sum()
    chi2 = ((scale * q - p) ** 2 / variance).sum()
    spread = normalised_covariance(variance[None, None], q[None])[0, 0]
    return chi2, spread, relative_deviation(q - p, spread, np.abs(p))


def _correlated(p: np.ndarray, q: np.ndarray, covariance: np.ndarray) -> tuple[float, np.ndarray, tuple[float, float]]:
    """The same of bins with a covariance (B, B)."""
    inverse_q, inverse_p = np.linalg.solve(covariance, np.stack([q, p], axis=1)).T
    scale = (q @ inverse_p) / (q @ inverse_q)
    chi2 = (scale * q - p) @ (scale * inverse_q - inverse_p)
    change = np.eye(len(q)) - q[:, None]  # normalising: d'_b = d_b - q_b sum(d)
    covariance = change @ covariance @ change.T
    return chi2, np.diag(covariance), correlated_deviation(q - p, covariance, np.abs(p))
