"""Bins of weighted events: where their edges lie, and which event falls into which."""

import numpy as np

# Events that quantile edges are taken from. Edges need no precision, only to be the same for everybody.
EDGE_EVENTS = 100_000
# Effective entries below which a weighted bin is not Gaussian enough for a chi2: relative error 20 %.
MINIMUM_ENTRIES = 25.0


def quantile_edges(values: np.ndarray, bins: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Edges (B+1,), B <= ``bins``, of intervals that hold equal weight; fewer bins where values repeat.

    The inner edges are weighted quantiles of every k-th event, at most :data:`EDGE_EVENTS` of them; the outer ones are
    the extremes of all events. Negative weights count as zero here: an edge is a choice and not a measurement.

    Args:
        values: (n,) finite numbers.
        bins: wanted number of bins.
        weights: (n,) event weights; equal ones without it.

    Raises:
        ValueError: no events, or no positive weight.
    """
    if not len(values):
        raise ValueError("quantile edges need events")
    step = max(1, len(values) // EDGE_EVENTS)
    some = np.asarray(values[::step], dtype=float)
    order = np.argsort(some, kind="stable")
    share = np.ones(len(some)) if weights is None else np.maximum(np.asarray(weights[::step], dtype=float), 0.0)
    cumulative = np.cumsum(share[order])
    if not cumulative[-1] > 0.0:
        raise ValueError("quantile edges need a positive weight")
    wanted = cumulative[-1] * np.arange(1, bins) / bins
    inner = some[order[np.searchsorted(cumulative, wanted)]]
    low, high = float(np.min(values)), float(np.max(values))
    inner = np.unique(inner[(inner > low) & (inner < high)])
    # A single repeated value still needs a bin of some width.
    return np.concatenate([[low], inner, [high if high > low else low + 1.0]])


def bin_index(values: np.ndarray, edges: np.ndarray, overflow: bool = False) -> np.ndarray:
    """The bin 0 ... B-1 of each event, [edge_b, edge_b+1), int64 (n,).

    Args:
        values: (n,) numbers.
        edges: (B+1,) rising.
        overflow: events outside the outer edges get the bin B and are to be left out; without it
            they belong to the outermost bins, so that nothing is lost. The upper outer edge belongs to the last bin.
    """
    bins = len(edges) - 1
    values = np.ascontiguousarray(values)
    index = np.searchsorted(np.asarray(edges[1:-1], dtype=float), values, side="right")
    if overflow:
        index[(values < edges[0]) | (values > edges[-1]) | np.isnan(values)] = bins
    return index


def histogram(index: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    """Sums of weights (B,) of events (n,) with bins from :func:`bin_index`; the bin ``bins`` is left out."""
    return np.bincount(index, weights=weights, minlength=bins + 1)[:bins]


def effective_entries(sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """(sum w)^2 / sum w^2, the number of equal weights with the same relative error; 0 where there are none."""
    sums, squares = np.asarray(sums, dtype=float), np.asarray(squares, dtype=float)
    return np.divide(sums**2, squares, out=np.zeros(np.broadcast(sums, squares).shape), where=squares > 0.0)


def merge_sparse(sums: np.ndarray, squares: np.ndarray, minimum: float = MINIMUM_ENTRIES) -> np.ndarray:
    """Which merged bin (0 ... M-1) each of B bins belongs to, so that each holds ``minimum`` effective entries.

    Neighbours are joined from the left until every row has enough; what is left over joins the last merged bin.

    Args:
        sums, squares: (K, B) sums of weights and of squared weights of K histograms that all have to be filled.
    """
    groups = np.zeros(sums.shape[1], dtype=np.int64)
    group, start = 0, 0
    for stop in range(1, sums.shape[1] + 1):
        total, square = sums[:, start:stop].sum(axis=1), squares[:, start:stop].sum(axis=1)
        groups[start:stop] = group
        if np.all(effective_entries(total, square) >= minimum) and np.all(total > 0.0):
            group, start = group + 1, stop
    if group and start < sums.shape[1]:
        groups[start:] = group - 1
    return groups
