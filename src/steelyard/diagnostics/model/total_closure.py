"""Closure of the total: do the ratios, added up with their coefficients, predict the templates' histograms?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import SIGNIFICANT, Check, Kind, Level, Threshold, at_most
from steelyard.diagnostics.closure import BinnedColumns
from steelyard.diagnostics.deviation import normalised_covariance, relative_deviation
from steelyard.diagnostics.empirical import normalised, ratios
from steelyard.errors import ModelError
from steelyard.regions.binning import histogram, merge_sparse

TOTAL = Kind(
    title="Closure of the total",
    name="closure of the total",
    levels={
        "difference": Level(
            0.1,
            0.3,
            "Rms over bins of the non-closure of the total, at its worst along the scan, in Poisson errors of a bin.",
        ),
    },
    remedy="look at the ratios that enter with a large coefficient at the worst value: more members and more events "
    "there",
    picture="total_closure",
)


@dataclass(frozen=True)
class ColumnTotal:
    """Closure of the total in one variable, at the parameter value where it is worst.

    Attributes:
        name: the variable.
        edges: (B+1,) edges.
        mu: (G,) parameter values.
        deviation: (G,) rms over bins of (model - templates)/sqrt(templates), beyond statistics, at each value.
        deviation_error: (G,) its statistical error.
        worst: the parameter value of the three arrays that follow.
        expected: (B,) expected events from the templates.
        model: (B,) expected events from the re-weighted reference.
        error: (B,) statistical error of their difference.
    """

    name: str
    edges: np.ndarray
    mu: np.ndarray
    deviation: np.ndarray
    deviation_error: np.ndarray
    worst: float
    expected: np.ndarray
    model: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class TotalClosure:
    """The closure of the total in all variables, and the verdict on the worst."""

    columns: tuple[ColumnTotal, ...]
    check: Check


def total_closure(
    columns: BinnedColumns,
    weights: np.ndarray,
    source: np.ndarray,
    log_r: np.ndarray,
    yields: np.ndarray,
    mu: Sequence[float] | np.ndarray,
    coefficients: np.ndarray,
    threshold: float | Threshold,
) -> TotalClosure:
    r"""Compare sum_c f_c(mu) nu_c r_c p_ref with sum_c f_c(mu) nu_c p_c in every variable and for every mu.

    The likelihood never sees one ratio: it lives on their differences (for an interfering signal SBI - B, a few per
    cent of either). So each event's difference is :math:`\delta_{ic} = \nu_c(q_i r_{ic} - p_{ic})`, the bin's is
    :math:`d_b(\mu)=\sum_c f_c(\mu)\sum_{i\in b}\delta_{ic}` and its variance :math:`f^T C_b f` with
    :math:`C_{b,cc'}=\sum_{i\in b}\delta_{ic}\delta_{ic'}`: what the processes share cancels, as it does in the
    likelihood. The size is the rms over bins of :math:`d_b/\sqrt{\nu_b(\mu)}` beyond statistics: the non-closure in
    units of the Poisson error of the data in a bin. The ratios are normalised first, as the model's are.

    Args:
        columns: binned variables of n events.
        weights: (n, C) event weights of each process, any positive sums.
        source: (n,) reference weights.
        log_r: (n, C) log p_c/p_ref; may be NaN where all weights are zero.
        yields: (C,) nu_c.
        mu: (G,) parameter values.
        coefficients: (G, C) f_c(mu).
        threshold: of the rms in units of the Poisson error.

    Raises:
        ModelError: a ratio is not finite, a density sums to zero, or the templates' total is negative in a bin.
    """
    yields, coefficients, mu = (np.asarray(values, dtype=float) for values in (yields, coefficients, mu))
    count = len(yields)
    q = normalised(source, "reference")
    used = (q != 0.0) | np.any(np.asarray(weights) != 0.0, axis=1)
    targets, deltas = [], []
    for process in range(count):
        target = yields[process] * normalised(weights[:, process], f"process {process}")
        model = yields[process] * normalised(q * ratios(log_r[:, process], used), f"re-weighted process {process}")
        targets.append(target)
        deltas.append(model - target)
    pairs = [(first, second) for first in range(count) for second in range(first, count)]
    moments = targets + deltas + [deltas[first] * deltas[second] for first, second in pairs]
    # Bins with enough events of the reference, and of each process whose weights cancel.
    full = [q, *(target for target in targets if (target < 0.0).any())]
    moments += full + [values * values for values in full]
    results = tuple(
        _column(name, edges, index.astype(np.intp), moments, pairs, mu, coefficients, len(full))
        for name, edges, index in zip(columns.names, columns.edges, columns.index, strict=True)
    )
    surely = [result.deviation - SIGNIFICANT * result.deviation_error for result in results]
    row = int(np.argmax([values.max() for values in surely]))
    point = int(np.argmax(surely[row]))
    worst = results[row]
    detail = f"worst of {len(results)} variables: {worst.name} at {mu[point]:g}"
    check = at_most(TOTAL.of(), worst.deviation[point], threshold, worst.deviation_error[point], detail=detail)
    return TotalClosure(results, check)


def _column(
    name: str,
    edges: np.ndarray,
    index: np.ndarray,
    moments: list[np.ndarray],
    pairs: list[tuple[int, int]],
    mu: np.ndarray,
    coefficients: np.ndarray,
    full: int,
) -> ColumnTotal:
    bins, count = len(edges) - 1, coefficients.shape[1]
    sums = np.stack([histogram(index, weights, bins) for weights in moments])
    starts = np.flatnonzero(np.diff(merge_sparse(sums[-2 * full : -full], sums[-full:]), prepend=-1))
    sums = np.add.reduceat(sums, starts, axis=1)
    covariance = np.empty((count, count, len(starts)))
    for (first, second), values in zip(pairs, sums[2 * count :], strict=False):
        covariance[first, second] = covariance[second, first] = values
    expected = coefficients @ sums[:count]
    if not np.all(expected > 0.0):
        point, at = np.unravel_index(int(np.argmin(expected)), expected.shape)
        raise ModelError(
            f"{expected[point, at]:.3g} events expected at parameter {mu[point]:g} in a bin of {name}: "
            "a total must be positive; check the coefficients' signs and the processes' weights"
        )
    difference = coefficients @ sums[count : 2 * count]
    model = sums[:count] + sums[count : 2 * count]
    covariance = normalised_covariance(covariance, model / model.sum(axis=1, keepdims=True))
    variance = np.einsum("gc,cdb,gd->gb", coefficients, covariance, coefficients, optimize=True)
    variance = np.maximum(variance, 1e-24 * expected**2)
    # Divided by the number of bins: the rms over bins, and not the root of the sum that a chi2 of them all is.
    deviation, error = relative_deviation(difference, variance, expected * len(starts))
    worst = int(np.argmax(deviation - SIGNIFICANT * error))
    return ColumnTotal(
        name=name,
        edges=np.append(edges[starts], edges[-1]),
        mu=mu,
        deviation=deviation,
        deviation_error=error,
        worst=float(mu[worst]),
        expected=expected[worst],
        model=expected[worst] + difference[worst],
        error=np.sqrt(variance[worst]),
    )
