"""±1σ closure: the nominal density times the learned ratio has to look like the varied one in every variable."""

from dataclasses import dataclass, replace

import numpy as np

from steelyard.checks import SIGNIFICANT, Check, Kind, Level, Levels, Threshold, at_most
from steelyard.diagnostics.closure import BinnedColumns, Closure, ColumnClosure, closure
from steelyard.diagnostics.empirical import normalised
from steelyard.regions.binning import histogram

VARIATION_CLOSURE = Kind(
    title="Closure of a variation",
    name="closure of {variation}",
    levels={
        "variation_closure": Level(
            0.01, 0.02, "Rms over bins of re-weighted nominal over varied density - 1, the worst variable."
        ),
        "variation_share": Level(
            0.05,
            0.1,
            "The same as a fraction of the effect, rms of varied over nominal density - 1; the larger counts.",
        ),
    },
    remedy="train the variations for more epochs, or with larger networks (`variations.training`)",
    picture="variation-*",
)


@dataclass(frozen=True)
class VariationClosure:
    """The closure of one variation, with the nominal density that it started from.

    Attributes:
        variation: its name.
        closure: of the varied density (``target``) and the re-weighted nominal one.
        nominal: per variable (B,) fractions of the nominal density in the bins of the closure.
        effect: per variable the rms relative difference of varied and nominal density, statistics included: what there
            is to learn.
    """

    variation: str
    closure: Closure
    nominal: tuple[np.ndarray, ...]
    effect: tuple[float, ...]

    @property
    def check(self) -> Check:
        """The verdict on the worst variable."""
        return self.closure.check


def variation_closure(
    variation: str,
    columns: BinnedColumns,
    target: np.ndarray,
    source: np.ndarray,
    log_g: np.ndarray,
    threshold: Threshold,
    share: Threshold,
    pairs: np.ndarray | None = None,
) -> VariationClosure:
    """Compare p_c(x|0) g(x) with p_c(x|α_k = ±1) in every variable, see :func:`steelyard.diagnostics.closure.closure`.

    Args:
        variation: name for the result.
        columns: binned variables of n rows, nominal and varied.
        target, source: (n,) varied and nominal weights, any positive sum.
        log_g: (n,) log ratio, needed where ``source`` is not zero.
        threshold: of the rms relative deviation. 1 % of the density at ±1σ changes −2lnL of 10³ events by 0.1 at most.
        share: of the same as a fraction of the effect, in the variable where that is largest: 5 % are an error of 0.05
            in the pull of a nuisance parameter. The larger of the two levels counts.
        pairs: (P, 2) rows of one event in its nominal and its varied version.

    Raises:
        ModelError: a ratio is not finite, or a density sums to zero.
    """
    log_g = np.where(np.asarray(source) != 0.0, log_g, 0.0)
    result = closure(variation, columns, target, source, log_g, threshold, pairs)
    density = normalised(source, f"nominal density of {variation}")
    nominal = tuple(
        _merged(density, index, edges, column.edges)
        for index, edges, column in zip(columns.index, columns.edges, result.columns, strict=True)
    )
    effect = [_effect(column.target, content) for column, content in zip(result.columns, nominal, strict=True)]
    place = max(range(len(effect)), key=lambda number: _badness(result.columns[number]))
    worst = result.columns[place]
    levels = Levels(
        max(threshold.warn, share.warn * max(effect)),
        max(threshold.fail, share.fail * max(effect)),
    )
    detail = (
        f"worst of {len(effect)} variables: {worst.name}, chi2/ndf {worst.chi2:.1f}/{worst.ndf}; without re-weighting "
        f"{effect[place]:.4f} there, {max(effect):.4f} at most"
    )
    check = at_most(VARIATION_CLOSURE.of(variation=variation), worst.deviation, levels, _error(worst), detail=detail)
    return VariationClosure(variation, replace(result, check=check), nominal, tuple(effect))


def _error(column: ColumnClosure) -> float:
    """The error of a deviation, and not less than what its square may be too large by two standard deviations.

    The levels are near what a few thousand events resolve, where the error towards larger values alone is too small.
    """
    square, upper = column.deviation**2, (column.deviation + column.deviation_error) ** 2
    lowest = np.sqrt(max(square - SIGNIFICANT * (upper - square), 0.0))
    return max(column.deviation_error, float(column.deviation - lowest) / SIGNIFICANT)


def _badness(column: ColumnClosure) -> tuple[float, float]:
    """How surely a deviation is large, and then how large it is."""
    return column.deviation - SIGNIFICANT * _error(column), column.deviation


def _merged(weights: np.ndarray, index: np.ndarray, edges: np.ndarray, merged: np.ndarray) -> np.ndarray:
    """Histogram of the events in the bins that are left after the closure joined sparse ones."""
    content = histogram(index.astype(np.intp), weights, len(edges) - 1)
    place = np.searchsorted(merged[1:-1], edges[:-1], side="right")
    return histogram(place, content, len(merged) - 1)


def _effect(target: np.ndarray, nominal: np.ndarray) -> float:
    return float(np.sqrt((((target - nominal) ** 2) / np.abs(target)).sum()))
