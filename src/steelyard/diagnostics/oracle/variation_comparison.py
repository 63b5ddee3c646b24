"""Learned against exact ratio of a variation, where a simulator knows its densities."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from steelyard.checks import Check, Kind, Level, Levels, Number, Threshold, at_most
from steelyard.diagnostics.empirical import normalised, ratios
from steelyard.errors import ModelError
from steelyard.regions.binning import bin_index, histogram

LOG_G = Kind(
    title="Log g against the exact one",
    name="{measure} of log g of {variation} against exact",
    words={"measure": ("1 − R²", "rms")},
    levels={
        "variation_soft": Level(0.01, 0.05, "1 - R^2 of log g against the exact one, of variations by weights."),
        "variation_separate": Level(0.1, 0.2, "1 - R^2 of log g against the exact one, of variations by events."),
        "variation_rms": Level(
            0.012, 0.024, "Rms of learned minus exact log g where the effect is small; by weights a tenth of it."
        ),
        "variation_small": Number(
            0.05,
            "Rms of the exact log g below which variation_rms counts; by weights a tenth of it.",
            positive=False,
        ),
    },
    remedy="train the variations for more epochs, or with more events",
    picture="variation-oracle-*",
)

BINS = 60
# Soft labels have no noise of their own: an effect ten times smaller is still learnt.
SOFT = 0.1


class VariationThresholds(Protocol):
    """The levels of :func:`compare_variation`, as in the configuration."""

    variation_soft: Threshold
    variation_separate: Threshold
    variation_rms: Threshold
    variation_small: float


@dataclass(frozen=True)
class VariationComparison:
    r"""Learned and exact log g over the nominal density of the process, both with E[g] = 1 on these events.

    Attributes:
        variation: its name.
        kind: ``weights`` (soft labels) or ``events`` (separate ones).
        exact_rms: standard deviation of the exact log g: the size of the effect.
        rms: root of the mean squared difference, learned − exact.
        error: statistical error of it.
        r_squared: 1 − rms²/exact_rms².
        undefined: events left out because the exact ratio is zero or infinite there.
        edges: (B+1,) edges of both axes of the density, in log g.
        density: (B, B) fractions of the events, exact by learned; the outer bins hold what is beyond.
        check: verdict on R², or on the rms of a small effect.
    """

    variation: str
    kind: str
    exact_rms: float
    rms: float
    error: float
    r_squared: float
    undefined: int
    edges: np.ndarray
    density: np.ndarray
    check: Check


def compare_variation(
    variation: str,
    kind: str,
    learned: np.ndarray,
    exact: np.ndarray,
    weights: np.ndarray,
    thresholds: VariationThresholds,
) -> VariationComparison:
    """Compare the log g of one variation with the exact one.

    The verdict is on 1 − R², with the levels of soft labels or of separate events. Where the exact rms is below
    ``variation_small``, the rms of the difference has to keep ``variation_rms`` instead, since what noise there is does
    not shrink with the effect. For soft labels both numbers are a tenth.

    Args:
        variation: name for the result.
        kind: ``weights`` or ``events``.
        learned, exact: (n,) log ratios of the same events, of any normalisation.
        weights: (n,) nominal weights of the process, any positive sum.
        thresholds: of the checks.

    Raises:
        ModelError: a learned ratio is not finite, or no exact one is.
    """
    learned, exact = np.asarray(learned, dtype=float), np.asarray(exact, dtype=float)
    weights = np.asarray(weights, dtype=float)
    ratios(learned, weights != 0.0)
    used = (weights != 0.0) & np.isfinite(exact)
    undefined = int(np.count_nonzero((weights != 0.0) & ~np.isfinite(exact)))
    if not used.any():
        raise ModelError(f"variation {variation}: no event with a finite exact ratio")
    p = normalised(weights[used], f"nominal density of {variation}")
    learned, exact = (values - np.log(p @ np.exp(values)) for values in (learned[used], exact[used]))
    exact_rms = float(np.sqrt(p @ (exact - p @ exact) ** 2))
    squares = (learned - exact) ** 2
    rms = float(np.sqrt(p @ squares))
    error = float(np.sqrt(p**2 @ (squares - rms**2) ** 2)) / (2.0 * rms) if rms > 0.0 else 0.0
    r_squared = 1.0 - (rms / exact_rms) ** 2 if exact_rms > 0.0 else float(rms == 0.0)
    edges = _edges(p, exact, learned)
    place = bin_index(exact, edges) * BINS + bin_index(learned, edges)
    return VariationComparison(
        variation=variation,
        kind=kind,
        exact_rms=exact_rms,
        rms=rms,
        error=error,
        r_squared=r_squared,
        undefined=undefined,
        edges=edges,
        density=histogram(place, p, BINS * BINS).reshape(BINS, BINS),
        check=_verdict(variation, kind, exact_rms, rms, error, r_squared, undefined, thresholds),
    )


def _verdict(
    variation: str,
    kind: str,
    exact_rms: float,
    rms: float,
    error: float,
    r_squared: float,
    undefined: int,
    thresholds: VariationThresholds,
) -> Check:
    detail = f"rms {rms:.4f} of an effect of {exact_rms:.4f}, R² = {r_squared:.4f}"
    if undefined:
        detail += f"; {undefined} events without a finite exact ratio left out"
    scale, levels = (SOFT, thresholds.variation_soft) if kind == "weights" else (1.0, thresholds.variation_separate)
    if exact_rms > scale * thresholds.variation_small:
        part = 2.0 * (1.0 - r_squared) * error / rms if rms > 0.0 else 0.0
        return at_most(LOG_G.of(measure="1 − R²", variation=variation), 1.0 - r_squared, levels, part, detail=detail)
    allowed = Levels(scale * thresholds.variation_rms.warn, scale * thresholds.variation_rms.fail)
    return at_most(LOG_G.of(measure="rms", variation=variation), rms, allowed, error, detail=detail)


def _edges(p: np.ndarray, exact: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Equal bins over 99.8 % of the events in either value, and a common margin."""
    low, high = np.inf, -np.inf
    for values in (exact, learned):
        order = np.argsort(values)
        cumulative = np.cumsum(np.abs(p[order]))
        first, last = np.searchsorted(cumulative, np.array([0.001, 0.999]) * cumulative[-1])
        low, high = min(low, values[order[first]]), max(high, values[order[min(last, len(order) - 1)]])
    margin = 0.05 * (high - low) or 1e-3
    return np.linspace(low - margin, high + margin, BINS + 1)
