"""Events as the compiled code takes them: in blocks that stay in the cache, each shape a row of its own.

The bins of a histogram are packed like events: their expectations for rates, their counts for weights.
"""

from typing import NamedTuple

import numpy as np

from steelyard.model.interpolation.positivity import falls_back
from steelyard.numerics.compilation import compiled, internal
from steelyard.numerics.elementary import SMALL

# Events of a block, and what their number is rounded up to: whole vector registers.
BLOCK = 256
LANES = 16

# Number of the first block. A literal 0 would be a type of its own, for which everything is compiled once more.
FIRST = np.int64(0)

# Events that are turned from rows into columns at a time.
TILE = 32


class Events(NamedTuple):
    """Weighted events, or bins, in N blocks of at most B of them.

    Blocks are filled up to a multiple of the vector lanes with copies of an event, of weight zero.

    Attributes:
        rates: (N, C, B) nu_c r_c(x_i).
        weights: (N, B) of events, or the counts of bins.
        counts: (N,) events in each block, filled up.
        plain: (N,) number of events in front of the copies, if all of them have weight one; else 0.
        bins: (N,) number of bins in front of the copies; 0 of a block of events.
        shapes: (N, T, 2B) float32, ln g+ and then ln g- of every term. What else the interpolation needs of them is
            formed from them in less time than it would take to load it.
        wide: (N, T) whether some of these are beyond what the short series of exp is good for.
        mixed: (N, T) whether code 4 is not positive on some of them, and then ``fallen`` (N, T, B) on which. It is not
            filled, and so takes no memory, where there is none.
    """

    rates: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    plain: np.ndarray
    bins: np.ndarray
    shapes: np.ndarray
    wide: np.ndarray
    mixed: np.ndarray
    fallen: np.ndarray


class Packing(NamedTuple):
    """Where events are put together: numbers of a block's events (B,), and some of their shapes (TILE, 2T)."""

    chosen: np.ndarray
    tile: np.ndarray


def blocks_of(events):
    """Number of blocks that so many events take."""
    return (events + BLOCK - 1) // BLOCK


def allocate_events(blocks, processes, terms):
    """BlockBuffers for so many blocks."""
    return Events(
        np.empty((blocks, processes, BLOCK)),
        np.empty((blocks, BLOCK)),
        np.zeros(blocks, dtype=np.int64),
        np.zeros(blocks, dtype=np.int64),
        np.zeros(blocks, dtype=np.int64),
        np.empty((blocks, terms, 2 * BLOCK), dtype=np.float32),
        np.zeros((blocks, terms), dtype=np.bool_),
        np.zeros((blocks, terms), dtype=np.bool_),
        np.empty((blocks, terms, BLOCK), dtype=np.bool_),
    )


def allocate_packing(terms):
    """BlockBuffers for :func:`pack_events`."""
    return Packing(np.empty(BLOCK, dtype=np.int64), np.empty((TILE, 2 * terms), dtype=np.float32))


@compiled
def pack_events(rates, log_g, weights, rows, start, stop, binned, packing, events):
    """Fill the blocks with the events that have a weight, or with all bins; returns the number of blocks used.

    Args:
        rates: (n, C).
        log_g: (n, T, 2) float32.
        weights: (n,), or (m,) where rows are chosen, or (0,) for events of weight one.
        rows: (m,) numbers of the events to choose from, or (0,) for all in their order.
        start, stop: which of them are taken.
        binned: they are bins, and the weights their counts.
        packing: work space.
        events: work space for all of them.
    """
    chosen = packing.chosen
    used, slot = FIRST, FIRST
    for index in range(start, stop):
        i = rows[index] if len(rows) else index
        weight = weights[index] if len(weights) else 1.0
        if weight == 0.0 and not binned:  # an event without weight has no say, whatever its density; an empty bin has
            continue
        events.weights[used, slot] = weight
        chosen[slot] = i
        slot += 1
        if slot == BLOCK:
            _fill(rates, log_g, packing, slot, len(weights) == 0, binned, events, used)
            used, slot = used + 1, 0
    if slot:
        _fill(rates, log_g, packing, slot, len(weights) == 0, binned, events, used)
        used += 1
    return used


@internal
def _fill(rates, log_g, packing, number, plain, binned, events, block):
    chosen, tile = packing.chosen, packing.tile
    count = (number + LANES - 1) // LANES * LANES
    for empty in range(number, count):
        chosen[empty] = chosen[0]
        events.weights[block, empty] = 0.0
    events.counts[block] = count
    events.plain[block] = number if plain else 0
    events.bins[block] = number if binned else 0
    for c in range(rates.shape[1]):
        rate = events.rates[block, c]
        for b in range(count):
            rate[b] = rates[chosen[b], c]
    terms = log_g.shape[1]
    # Rows are read whole and turned a few at a time: their numbers lie far apart in a block.
    for start in range(0, count, TILE):
        size = min(TILE, count - start)
        for row in range(size):
            source, target = log_g[chosen[start + row]], tile[row]
            for t in range(terms):
                target[2 * t], target[2 * t + 1] = source[t, 0], source[t, 1]
        for t in range(terms):
            shape = events.shapes[block, t]
            for row in range(size):
                shape[start + row] = tile[row, 2 * t]
                shape[BLOCK + start + row] = tile[row, 2 * t + 1]
    for t in range(terms):
        shape, outside = events.shapes[block, t], np.float32(0.0)
        for b in range(count):
            outside += _beyond(shape[b]) + _beyond(shape[BLOCK + b])
        events.wide[block, t] = outside > 0.0
        events.mixed[block, t] = outside > 0.0 and _mark_fallen(shape, count, events.fallen[block, t])


@internal
def _mark_fallen(shape, count, fallen):
    """Fill for each event whether code 4 is not positive on it; returns whether there is any, else nothing counts."""
    some = False
    for b in range(count):
        if falls_back(shape[b], shape[BLOCK + b]):
            some = True
            break
    if some:
        for b in range(count):
            fallen[b] = falls_back(shape[b], shape[BLOCK + b])
    return some


@internal
def _beyond(number):
    """Whether the short series is no good for a number, as a number: a sum has vector lanes, a maximum has not."""
    return np.float32(0.0) if abs(number) <= SMALL else np.float32(1.0)
