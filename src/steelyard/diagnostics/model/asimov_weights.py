"""The Asimov weights: are there enough reference events behind them, and is none negative?"""

from dataclasses import dataclass, replace

import numpy as np

from steelyard.checks import PASS, Check, Kind, Level, Threshold, at_least, at_most
from steelyard.data.reference import Reference
from steelyard.regions.binning import effective_entries

NEGATIVE = Kind(
    title="Negative Asimov weights",
    name="negative Asimov weights",
    remedy="train the ratios with a negative coefficient longer, check the signs of the coefficients, or narrow the "
    "scan",
)
# A density is not negative, and a clipped weight is a biased toy: there is no level to choose.
NONE_NEGATIVE = 0.0
# Toys are drawn from one reference and normalised on it, so that its own fluctuation is in none of them: it shifts the
# fit of the data by an error of its own (finite_simulation/reference_error.py), in the model of its test 0.20, 0.11,
# 0.064 and 0.035 of the statistical error at 3, 10, 30 and 100 effective events.
ENTRIES = Kind(
    title="Effective reference events",
    name="effective reference events per expected event",
    levels={
        "reference_entries": Level(
            20.0, 5.0, "Fewest effective reference events for each expected one along the scan.", falling=True
        ),
    },
    remedy="simulate more events, hold fewer of them out of the reference, or mix another reference",
)
PER_EVENT = ENTRIES.default("reference_entries")

# Rows of reference events treated at a time.
BLOCK = 65_536


@dataclass(frozen=True)
class AsimovWeights:
    """Asimov weights w_A,i(mu) = w_ref,i sum_c f_c(mu) nu_c r_c(x_i) along the parameter; all arrays (G,).

    Attributes:
        mu: parameter values.
        total: expected events, the sum of the weights.
        smallest, largest: the extreme weights.
        negative: number of negative weights.
        negative_share: what they carry, as a positive fraction of the total.
        effective: effective number of reference events, (sum w)^2 / sum w^2.
        checks: no negative weight; enough effective events for each expected one.
    """

    mu: np.ndarray
    total: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray
    negative: np.ndarray
    negative_share: np.ndarray
    effective: np.ndarray
    checks: tuple[Check, ...]


def asimov_weights(
    intensities: np.ndarray,
    weights: np.ndarray,
    mu: np.ndarray,
    coefficients: np.ndarray,
    entries_per_event: float | Threshold = PER_EVENT,
    advice: str = "",
) -> AsimovWeights:
    """Form the Asimov weights of every reference event at every parameter value, and summarise them.

    Args:
        intensities: (n, C) nu_c r_c(x_i).
        weights: (n,) reference weights of sum one.
        mu: (G,) parameter values.
        coefficients: (G, C) f_c(mu).
        entries_per_event: fewest effective reference events for each expected one.
        advice: what to do where there are fewer, such as of :func:`reference_advice`.
    """
    mu, coefficients = np.asarray(mu, dtype=float), np.asarray(coefficients, dtype=float)
    total, squares, share = np.zeros(len(mu)), np.zeros(len(mu)), np.zeros(len(mu))
    smallest, largest = np.full(len(mu), np.inf), np.full(len(mu), -np.inf)
    negative = np.zeros(len(mu), dtype=np.int64)
    for start in range(0, len(weights), BLOCK):
        rows = slice(start, start + BLOCK)
        block = (coefficients @ np.asarray(intensities[rows]).T) * np.asarray(weights[rows])
        total += block.sum(axis=1)
        squares += np.einsum("gi,gi->g", block, block)
        smallest, largest = np.minimum(smallest, block.min(axis=1)), np.maximum(largest, block.max(axis=1))
        for point in np.flatnonzero(block.min(axis=1) < 0.0):
            below = block[point][block[point] < 0.0]
            negative[point] += len(below)
            share[point] -= below.sum()
    effective = effective_entries(total, squares)
    worst, thin = int(np.argmax(negative)), int(np.argmin(effective / total))
    entries = at_least(
        ENTRIES.of(),
        float(effective[thin] / total[thin]),
        entries_per_event,
        detail=f"{effective[thin]:.0f} for {total[thin]:.0f} at {mu[thin]:g}",
    )
    if advice and entries.status != PASS:
        entries = replace(entries, detail=f"{entries.detail}; {advice}")
    checks = (
        at_most(NEGATIVE.of(), float(negative[worst]), NONE_NEGATIVE, detail=f"at {mu[worst]:g}"),
        entries,
    )
    return AsimovWeights(mu, total, smallest, largest, negative, share / total, effective, checks)


def reference_advice(reference: Reference) -> str:
    """What gives more effective reference events: another mixture where one process makes most of the noise.

    The events of a process with the share w and the effective number n add w²/n to the sum of the squared weights;
    with shares in proportion to the numbers that sum is least.
    """
    mixed = {name: weight for name, weight in reference.weights.items() if weight > 0.0}
    sizes = {name: reference.unseen.reference_sizes[name] for name in mixed}
    noise = {name: mixed[name] ** 2 / sizes[name] for name in mixed}
    worst = max(noise, key=noise.__getitem__)
    if noise[worst] > 0.5 * sum(noise.values()) and mixed[worst] > 2.0 * sizes[worst] / sum(sizes.values()):
        return (
            f"process {worst} has the share {mixed[worst]:.2g} of the reference, {sizes[worst]:.0f} effective events "
            "behind it, and makes most of the noise: give it a smaller weight in `reference`, or simulate more of it"
        )
    return "simulate more events"
