"""The likelihood along kappa at fixed nuisance parameters, where an event costs one product a point."""

import numpy as np

from steelyard.likelihood.kernels.intensities import fill_rates, mix
from steelyard.likelihood.kernels.moments import positive, sum_of_logs
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.numerics.compilation import compiled


@compiled
def add_slice(effects, events, start, stop, fractions, factors, buffers, logs):
    """Add what blocks ``start`` to ``stop`` add to ln L along a slice: sums of w ln lambda, or of n ln lambda - lambda.

    Args:
        fractions: (G, C) f_c.
        factors: (C,) G_c/N_c.
        logs: (G,) changed; -inf where an event's intensity is not a positive number.
    """
    for block in range(start, stop):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, VALUE, buffers)
        for point in range(len(fractions)):
            if logs[point] > -np.inf:
                mix(fractions[point], buffers.rates, count, buffers.intensity)
                fine = positive(buffers.intensity, count)
                logs[point] = logs[point] + sum_of_logs(events, block, buffers) if fine else -np.inf


@compiled
def count_negative(effects, events, fractions, factors, buffers):
    """Number of events with weight, or of bins, whose intensity is not a positive number."""
    number = 0
    for block in range(len(events.counts)):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, VALUE, buffers)
        mix(fractions, buffers.rates, count, buffers.intensity)
        for b in range(count):
            counts = events.weights[block, b] != 0.0 or b < events.bins[block]
            if counts and not (buffers.intensity[b] > 0.0):
                number += 1
    return number
