"""Observed events against the support of the reference: far outside it a learned ratio is an extrapolation of nothing.

A network answers for any input. An event at x = 10⁹, or at the −999 that stands for "not measured", gets a ratio like
every other one and shows in no fit; a sample in other units is one where nearly every event is of that kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Levels, at_most

OUTSIDE = Kind(
    title="Observed events outside the reference",
    name="observed events outside the reference",  # any such event warns, so that there is no level to choose
    remedy="look at the event that is named: units, a variable that was not measured, or a selection that differs",
)

# Ends of the central part of the reference whose width is the distance that an event may lie outside. The largest of N
# observed events exceeds the largest of n simulated ones in a fraction N/n of all experiments, and then by little.
CENTRAL = (0.05, 0.95)
# The median of at least MEDIAN_EVENTS observed events is within this part of the reference: three of five events in
# tails of 0.5 % each have a chance of 2.5e-6.
BODY = (0.005, 0.995)
MEDIAN_EVENTS = 5
# Quantiles are taken of so many reference events; the range is that of all of them.
QUANTILE_EVENTS = 50_000
# Events that are listed.
LISTED = 10


@dataclass(frozen=True)
class OutsideEvent:
    """One observed event far outside the reference in a feature.

    Attributes:
        event: its row among the observed events.
        feature: the feature in which it is farthest outside.
        value: there.
        distance: from the nearest end of the reference, in lengths of the reference's range.
        features: all its features, by name.
    """

    event: int
    feature: str
    value: float
    distance: float
    features: dict[str, float]


@dataclass(frozen=True)
class DataSupport:
    """Observed events and the range of the reference, feature by feature.

    Attributes:
        names: D features.
        low, high: (D,) smallest and largest value of the reference events.
        allowed: (D,) distance outside that range that still is an ordinary tail: the central 90 % of the reference.
        outside: (D,) observed events farther outside than that.
        shifted: features whose median of the observed events is outside the central 99 % of the reference, with the
            two medians (observed, reference): a matter of units, or of another definition.
        events: those farthest outside, at most ten.
        check: WARN with an event outside, FAIL with one farther outside than the whole range is long, or with a
            shifted feature.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    allowed: np.ndarray
    outside: np.ndarray
    shifted: dict[str, tuple[float, float]]
    events: tuple[OutsideEvent, ...]
    check: Check


@dataclass(frozen=True)
class Support:
    """Ranges of the reference events, each (D,): ends, quantiles of the central part and of the body, median."""

    low: np.ndarray
    high: np.ndarray
    central: np.ndarray
    body: np.ndarray
    median: np.ndarray


def support_of(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Support:
    """The ranges of the reference.

    Args:
        parts: per sample its features (N_s, D), memory-mapped or not, and the rows (n_s,) that are reference events.
    """
    parts = [(features, rows) for features, rows in parts if len(rows)]
    step = max(1, sum(len(rows) for _, rows in parts) // QUANTILE_EVENTS)
    ends, few = [], []
    for features, rows in parts:
        for start in range(0, len(rows), 1 << 18):
            block = features[rows[start : start + (1 << 18)]]
            ends += [block.min(axis=0), block.max(axis=0)]
            few.append(block[::step])
    quantiles = np.quantile(np.concatenate(few).astype(float), [*CENTRAL, *BODY, 0.5], axis=0)
    low, high = np.min(ends, axis=0).astype(float), np.max(ends, axis=0).astype(float)
    return Support(low, high, quantiles[:2], quantiles[2:4], quantiles[4])


def data_support(names: Sequence[str], support: Support, observed: np.ndarray) -> DataSupport:
    """Look for observed events (N, D) outside the reference, and for features that are another quantity.

    Args:
        names: of the features.
        support: of :func:`support_of`.
        observed: features of the observed events.
    """
    observed = np.asarray(observed, dtype=float)
    length = support.high - support.low
    # One value in nine events of ten, or in all: the whole range, or the size of the number, is what there is.
    scale = np.where(length > 0.0, length, np.maximum(1e-6 * np.abs(support.low), 1e-12))
    width = support.central[1] - support.central[0]
    allowed = np.where(width > 0.0, width, scale)
    beyond = np.maximum(np.maximum(support.low - observed, observed - support.high), 0.0)
    out = beyond > allowed
    distance = np.where(out, beyond / scale, 0.0)
    shifted = {}
    if len(observed) >= MEDIAN_EVENTS:
        medians = np.median(observed, axis=0)
        for place in np.flatnonzero((medians < support.body[0]) | (medians > support.body[1])):
            shifted[names[place]] = (float(medians[place]), float(support.median[place]))
    affected = np.flatnonzero(out.any(axis=1))
    farthest = affected[np.argsort(-distance[affected].max(axis=1), kind="stable")][:LISTED]
    events = tuple(_event(int(row), names, observed[row], distance[row]) for row in farthest)
    fails = bool(shifted) or any(event.distance > 1.0 for event in events)
    check = at_most(
        OUTSIDE.of(),
        float(len(affected)) if not shifted else float(max(len(affected), len(observed) // 2)),
        Levels(warn=0.0, fail=0.0 if fails else np.inf),
        detail=_words(len(observed), len(affected), events, shifted, support, names),
    )
    return DataSupport(
        tuple(names), support.low, support.high, allowed, np.count_nonzero(out, axis=0), shifted, events, check
    )


def _event(row: int, names: Sequence[str], values: np.ndarray, distance: np.ndarray) -> OutsideEvent:
    place = int(np.argmax(distance))
    features = dict(zip(names, values.tolist(), strict=True))
    return OutsideEvent(row, names[place], float(values[place]), float(distance[place]), features)


def _words(
    number: int,
    affected: int,
    events: Sequence[OutsideEvent],
    shifted: dict[str, tuple[float, float]],
    support: Support,
    names: Sequence[str],
) -> str:
    if shifted:
        parts = [
            f"{name} has the median {found:.4g}, the reference {known:.4g}{_factor(found, known)}"
            for name, (found, known) in shifted.items()
        ]
        return f"a matter of units, or of another definition: {'; '.join(parts)}"
    if not events:
        return f"none of {number} events" if number else "no observed event"
    worst = events[0]
    place = list(names).index(worst.feature)
    return (
        f"{affected} of {number} events; the farthest, event {worst.event}, has {worst.feature} = {worst.value:.6g} "
        f"where the reference ends at {support.low[place]:.4g} and {support.high[place]:.4g}: look whether it was "
        "measured, or select such events away in data and simulation alike"
    )


def _factor(found: float, known: float) -> str:
    return f", a factor of {found / known:.3g}" if found * known > 0.0 else ""
