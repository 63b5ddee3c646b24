"""The likelihood along kappa at fixed other parameters, where an event costs one product a point."""

import numpy as np

from steelyard.likelihood.kernels.intensities import fill_intensities, mix
from steelyard.likelihood.kernels.moments import logs_of_bins, positive, sum_of_logs
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.numerics.compilation import internal


@internal
def add_slice(model, events, start, stop, coefficients, factors, buffers, logs):
    """Add what blocks ``start`` to ``stop`` add to ln L along a slice, but for the expected events of whole processes.

    Args:
        coefficients: (G, R) f_c.
        factors: (R,) G_c/N_c.
        logs: (G,) changed; -inf where an event's intensity is not a positive number.
    """
    for block in range(start, stop):
        count, region = events.counts[block], events.region[block]
        begin, end, binned = model.rows[region], model.rows[region + 1], events.bins[block] > 0
        fill_intensities(model, events, block, factors, VALUE, buffers)
        for point in range(len(coefficients)):
            if logs[point] > -np.inf:
                mix(coefficients[point, begin:end], buffers.intensities, count, buffers.intensity)
                if not positive(buffers.intensity, count):
                    logs[point] = -np.inf
                elif binned:
                    logs[point] += logs_of_bins(events, block, VALUE, buffers)
                else:
                    logs[point] += sum_of_logs(events, block, buffers)


@internal
def count_negative(model, events, coefficients, factors, buffers):
    """Number of events with weight, or of bins, whose intensity is not a positive number."""
    number = 0
    for block in range(len(events.counts)):
        count, region = events.counts[block], events.region[block]
        fill_intensities(model, events, block, factors, VALUE, buffers)
        own = coefficients[model.rows[region] : model.rows[region + 1]]
        mix(own, buffers.intensities, count, buffers.intensity)
        for b in range(count):
            counts = events.weights[block, b] != 0.0 or b < events.bins[block]
            if counts and not (buffers.intensity[b] > 0.0):
                number += 1
    return number
