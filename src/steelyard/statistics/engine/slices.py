"""The likelihood along kappa at fixed nuisance parameters, where an event costs one logarithm a point."""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.compilation import compiled, internal
from steelyard.statistics.engine.events import BLOCK
from steelyard.statistics.engine.moments import VALUE, fill_rates, mix, positive, sum_of_logs
from steelyard.statistics.engine.products import add_products


class Sums(NamedTuple):
    """Sums over events along a slice of G points.

    Attributes:
        logs: (G,) sums of w ln lambda; -inf where an event's intensity is not a positive number.
        processes: (G, C) sums of w a_c.
        terms: (G, T) sums of w a_c s_t.
        inverse, weighted: (G, B) room for w / lambda, and for w a_c of one process.
    """

    logs: np.ndarray
    processes: np.ndarray
    terms: np.ndarray
    inverse: np.ndarray
    weighted: np.ndarray


def allocate_sums(effects, points):
    """Sums of so many points, all zero."""
    return Sums(
        np.zeros(points),
        np.zeros((points, len(effects.yields))),
        np.zeros((points, len(effects.nuisance))),
        np.empty((points, BLOCK)),
        np.empty((points, BLOCK), dtype=np.float32),
    )


@compiled
def add_slice(effects, events, start, stop, fractions, factors, order, room, sums):
    """Add the sums of blocks ``start`` to ``stop`` at coefficients (G, C).

    Args:
        order: VALUE fills ``logs`` only.
        sums: changed; undefined where ``logs`` is -inf, but for these.
    """
    points, inverse, weighted = len(fractions), sums.inverse, sums.weighted
    logs, processes, terms = sums.logs, sums.processes, sums.terms
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
            add_products(weighted, points, room.slopes[first:last], last - first, count, terms, first)


@internal
def _add_logs(events, block, fractions, room, logs, point):
    intensity, count = room.intensity, events.counts[block]
    mix(fractions, room.rates, count, intensity)
    logs[point] = logs[point] + sum_of_logs(events, block, room) if positive(intensity, count) else -np.inf


@internal
def _invert(weights, intensity, count, inverse):
    for b in range(count):
        inverse[b] = weights[b] / intensity[b]


@internal
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
