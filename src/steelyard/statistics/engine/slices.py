"""The likelihood along kappa at fixed nuisance parameters, where an event costs one logarithm a point."""

import numpy as np

from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.events import BLOCK
from steelyard.statistics.engine.moments import VALUE, fill_rates, mix, positive, sum_of_logs
from steelyard.statistics.engine.products import add_products


@compiled
def add_slice(effects, events, start, stop, fractions, factors, order, room, logs, processes, terms):
    """Add the sums of blocks ``start`` to ``stop`` at coefficients (G, C).

    Args:
        order: VALUE fills ``logs`` only.
        logs: (G,) sums of w ln lambda; -inf where an event's intensity is not a positive number.
        processes: (G, C) sums of w a_c; undefined where forbidden, as the next.
        terms: (G, T) sums of w a_c s_t.
    """
    points = len(fractions)
    inverse = np.empty((points, BLOCK))
    weighted = np.empty((points, BLOCK), dtype=np.float32)
    for block in range(start, stop):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, order, room)
        for point in range(points):
            if logs[point] > -np.inf:
                _add_logs(events, block, fractions[point], room, logs, point)
                if order > VALUE:
                    _invert(events.weights[block], room.intensity, count, inverse[point])
        if order == VALUE:
            continue
        for c in range(len(factors)):
            for point in range(points):
                processes[point, c] += _weigh(room.rates[c], inverse[point], count, weighted[point])
            first, last = effects.first[c], effects.first[c + 1]
            add_products(weighted, points, room.slopes[first:last], last - first, count, terms[:, first:last])


@compiled
def _add_logs(events, block, fractions, room, logs, point):
    intensity, count = room.intensity, events.counts[block]
    mix(fractions, room.rates, count, intensity)
    logs[point] = logs[point] + sum_of_logs(events, block, room) if positive(intensity, count) else -np.inf


@compiled
def _invert(weights, intensity, count, inverse):
    for b in range(count):
        inverse[b] = weights[b] / intensity[b]


@compiled
def _weigh(rates, inverse, count, weighted):
    total = 0.0
    for b in range(count):
        share = rates[b] * inverse[b]
        total += share
        weighted[b] = share
    return total


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
