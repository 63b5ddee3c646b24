"""Events as the compiled code takes them: blocks that stay in the cache, with what does not depend on α formed once."""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.elementary import exp

# Events of a block, and what their number is rounded up to: the lanes of a vector register.
BLOCK = 256
LANES = 8


class Events(NamedTuple):
    """Weighted events in N blocks of at most B events.

    Blocks are filled up to a multiple of the vector lanes with copies of an event, of weight zero.

    Attributes:
        rates: (N, C, B) nu_c r_c(x_i).
        weights: (N, B).
        counts: (N,) events in each block, filled up.
        shapes: (N, T, 4, B) float32, of every term u = ln g+, d = ln g-, g+ - 1 and g- - 1.
    """

    rates: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    shapes: np.ndarray


@compiled
def blocks_of(events):
    """Number of blocks that so many events take."""
    return (events + BLOCK - 1) // BLOCK


@compiled
def allocate_events(blocks, processes, terms):
    """Room for so many blocks."""
    return Events(
        np.empty((blocks, processes, BLOCK)),
        np.empty((blocks, BLOCK)),
        np.zeros(blocks, dtype=np.int64),
        np.empty((blocks, terms, 4, BLOCK), dtype=np.float32),
    )


@compiled
def pack_events(rates, log_g, weights, rows, start, stop, events):
    """Fill the blocks with the events that have a weight; returns the number of blocks used.

    Args:
        rates: (n, C).
        log_g: (n, T, 2) float32.
        weights: (n,), or (0,) for events of weight one.
        rows: (m,) numbers of the events to choose from, or (0,) for all in their order.
        start, stop: which of them are taken.
        events: room for all of them.
    """
    used, slot = 0, 0
    for index in range(start, stop):
        i = rows[index] if len(rows) else index
        weight = weights[i] if len(weights) else 1.0
        if weight == 0.0:  # an event without weight has no say, whatever its density
            continue
        events.weights[used, slot] = weight
        for c in range(rates.shape[1]):
            events.rates[used, c, slot] = rates[i, c]
        for t in range(log_g.shape[1]):
            events.shapes[used, t, 0, slot] = log_g[i, t, 0]
            events.shapes[used, t, 1, slot] = log_g[i, t, 1]
        slot += 1
        if slot == BLOCK:
            _complete(events, used, slot)
            used, slot = used + 1, 0
    if slot:
        filled = (slot + LANES - 1) // LANES * LANES
        for empty in range(slot, filled):
            events.weights[used, empty] = 0.0
            events.rates[used, :, empty] = events.rates[used, :, 0]
            events.shapes[used, :, :2, empty] = events.shapes[used, :, :2, 0]
        _complete(events, used, filled)
        used += 1
    return used


@compiled
def _complete(events, block, count):
    events.counts[block] = count
    for t in range(events.shapes.shape[1]):
        for side in range(2):
            log_g, excess = events.shapes[block, t, side], events.shapes[block, t, 2 + side]
            for b in range(count):
                excess[b] = exp(np.float64(log_g[b])) - 1.0
