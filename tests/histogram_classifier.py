"""A histogram as a classifier of the interference problem: no bias, no scatter of its own, trained in a millisecond."""

import interference
import numpy as np

from steelyard.data.reference_events import ReferenceEvents
from steelyard.regions.unbinned import build_model

BINS = 16
# The interference problem in bins of x: a histogram is then a classifier without any bias.
EDGES = interference.rate_densities((np.arange(4096) + 0.5) / 4096).reshape(BINS, -1, 4).mean(axis=1)
YIELDS = EDGES.mean(axis=0)
TRUE = EDGES / EDGES.sum(axis=0)
COMPOSITION = np.full(4, 0.25)


def densities_of(counts):
    """Events one by one of (BINS, C) counts: their bins, processes, and densities p_ki."""
    bins, processes = np.nonzero(counts)
    numbers = counts[bins, processes]
    bins, processes = np.repeat(bins, numbers), np.repeat(processes, numbers)
    densities = np.zeros((len(bins), 4))
    densities[np.arange(len(bins)), processes] = 1.0 / counts.sum(axis=0)[processes]
    return bins, processes, densities


def drawn(number, rng):
    return np.stack([rng.multinomial(number, TRUE[:, c]) for c in range(4)], axis=1)


def model_of(ratios, bins, weights):
    """A model with ratios of the bins (BINS, C), on events."""
    events = ReferenceEvents(weights, np.zeros((len(bins), 2), dtype=int))
    yields = dict(zip(interference.PROCESSES, YIELDS, strict=True))
    with np.errstate(divide="ignore"):  # a bin without an event has the ratio 0
        log_r = np.log(ratios)
    return build_model(yields, interference.coefficients(), interference.BOUNDS, log_r[bins], events)


def ratios_of(densities):
    return densities / (densities @ COMPOSITION)[:, None]
