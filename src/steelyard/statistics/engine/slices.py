"""The likelihood along kappa at fixed nuisance parameters, where an event costs one logarithm a point."""

import numpy as np

from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.moments import VALUE, dot, fill_rates, mix, positive, weighted_logs


@compiled
def add_slice(effects, events, start, stop, fractions, factors, order, room, logs, processes, terms):
    """Add the sums of blocks ``start`` to ``stop`` at coefficients (G, C).

    Args:
        order: VALUE fills ``logs`` only.
        logs: (G,) sums of w ln lambda; -inf where an event's intensity is not a positive number.
        processes: (G, C) sums of w a_c; undefined where forbidden, as the next.
        terms: (G, T) sums of w a_c s_t.
    """
    for block in range(start, stop):
        count, weights = events.counts[block], events.weights[block]
        fill_rates(effects, events, block, factors, order, room)
        for point in range(len(fractions)):
            if logs[point] > -np.inf:
                _add_point(effects, weights, count, fractions[point], order, room, logs, processes, terms, point)


@compiled
def _add_point(effects, weights, count, fractions, order, room, logs, processes, terms, point):
    intensity = room.intensity
    mix(fractions, room.rates, count, intensity)
    if not positive(intensity, count):
        logs[point] = -np.inf
        return
    logs[point] += weighted_logs(weights, intensity, count)
    if order == VALUE:
        return
    for b in range(count):
        intensity[b] = weights[b] / intensity[b]
    for c in range(len(fractions)):
        rates, weighted = room.rates[c], room.weighted[c]
        total = 0.0
        for b in range(count):
            share = rates[b] * intensity[b]
            total += share
            weighted[b] = share
        processes[point, c] += total
        for t in range(effects.first[c], effects.first[c + 1]):
            terms[point, t] += dot(weighted, room.first[t], count)


@compiled
def count_negative(effects, events, fractions, factors, room):
    """Number of events with weight whose intensity is not a positive number."""
    number = 0
    for block in range(len(events.counts)):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, VALUE, room)
        mix(fractions, room.rates, count, room.intensity)
        for b in range(count):
            if events.weights[block, b] != 0.0 and not (room.intensity[b] > 0.0):
                number += 1
    return number
