"""Events as the compiled code takes them: in blocks that stay in the cache, each shape a row of its own.

The bins of a histogram are packed like events: their expectations for intensities, their counts for weights.
"""

from typing import NamedTuple

import numpy as np

from steelyard.model.interpolation.positivity import falls_back
from steelyard.numerics.allocation import aligned
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
    """Weighted events, or bins, in N blocks of at most B of them, each of one region.

    Blocks are filled up to a multiple of the vector lanes with copies of an event, of weight zero. The processes of a
    block are C rows of ``intensities``, the C of its region, and its terms T rows of ``shapes``; rows of all blocks lie
    one behind the other, so that a region costs what acts in it.

    Attributes:
        intensities: (rows, B) nu_c r_c(x_i).
        weights: (N, B) of events, or the counts of bins.
        counts: (N,) events in each block, filled up.
        plain: (N,) number of events in front of the copies, if all of them have weight one; else 0.
        bins: (N,) number of bins in front of the copies; 0 of a block of events.
        region: (N,) region of the block.
        rows, terms: (N,) first rows of the block.
        shapes: (rows, 2B) float32, ln g+ and then ln g- of every term. What else the interpolation needs of them is
            formed from them in less time than it would take to load it.
        wide: (rows,) whether some of these are beyond what the short series of exp is good for.
        mixed: (rows,) whether code 4 is not positive on some of them, and then ``fallen`` (rows, B) on which. It is not
            filled, and so takes no memory, where there is none.
        errors: (N,) row of ``deltas`` (E, B), relative errors of the templates, and of ``auxiliary`` (E, B), the
            measurements of the bins' factors; -1 where there are none.
    """

    intensities: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    plain: np.ndarray
    bins: np.ndarray
    region: np.ndarray
    rows: np.ndarray
    terms: np.ndarray
    shapes: np.ndarray
    wide: np.ndarray
    mixed: np.ndarray
    fallen: np.ndarray
    errors: np.ndarray
    deltas: np.ndarray
    auxiliary: np.ndarray


# Columns of ``starts``.
INTENSITIES, LOG_G, WEIGHTS, ROWS, ERRORS = 0, 1, 2, 3, 4


class Source(NamedTuple):
    """Events or bins of all regions to choose from, one region behind the other.

    Attributes:
        intensities: nu_c r_c of a region's n events, an event's C behind the other.
        log_g: float32, of n events the T times 2.
        weights: n of events, or m where rows are chosen; counts of bins.
        rows: m numbers of the region's events to choose from.
        errors: n relative errors of the bins' templates.
        starts: (H, 5) where each region begins in these; -1 where it has none: weights of one, all events in their
            order, templates without errors.
    """

    intensities: np.ndarray
    log_g: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    errors: np.ndarray
    starts: np.ndarray


class Packing(NamedTuple):
    """Where events are put together: numbers of a block's events (B,), and some of their shapes (TILE, 2T)."""

    chosen: np.ndarray
    tile: np.ndarray


def source_of(intensities, log_g, weights=None, rows=None, errors=None):
    """Events of H regions: lists of (n, C), (n, T, 2) and of numbers as :class:`Source` has them, or None for none."""
    regions = len(intensities)
    columns = [intensities, log_g, *([None] * regions if given is None else given for given in (weights, rows, errors))]
    kinds = (np.float64, np.float32, np.float64, np.int64, np.float64)
    starts, joined = np.full((regions, 5), -1, dtype=np.int64), []
    for number, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        parts, size = [], 0
        for region, part in enumerate(column):
            if part is not None:
                starts[region, number] = size
                parts.append(np.ascontiguousarray(part, dtype=kind).reshape(-1))
                size += len(parts[-1])
        joined.append(parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=kind), *parts]))
    return Source(*joined, starts)


def blocks_of(events):
    """Number of blocks that so many events take."""
    return (events + BLOCK - 1) // BLOCK


def allocate_events(blocks, processes, terms, errors=None):
    """Buffers for so many blocks of each region, (H,), with so many processes and terms, (H,).

    Args:
        errors: (H,) whether a region's bins have template errors; none have by default.
    """
    blocks, processes, terms = (
        np.atleast_1d(np.asarray(numbers, dtype=np.int64)) for numbers in (blocks, processes, terms)
    )
    number, rows, shapes = int(blocks.sum()), int(blocks @ processes), int(blocks @ terms)
    uncertain = 0 if errors is None else int(blocks[np.asarray(errors, dtype=bool)].sum())
    return Events(
        aligned((rows, BLOCK)),
        aligned((number, BLOCK)),
        *(np.zeros(number, dtype=np.int64) for _ in range(6)),
        aligned((shapes, 2 * BLOCK), np.float32),
        np.zeros(shapes, dtype=np.bool_),
        np.zeros(shapes, dtype=np.bool_),
        aligned((shapes, BLOCK), np.bool_),
        np.full(number, -1, dtype=np.int64),
        np.zeros((uncertain, BLOCK)),
        np.zeros((uncertain, BLOCK)),
    )


def allocate_packing(terms):
    """Buffers for :func:`pack_events` of regions with at most so many terms."""
    return Packing(np.empty(BLOCK, dtype=np.int64), np.empty((TILE, 2 * terms), dtype=np.float32))


@compiled
def pack_events(source, measured, region, start, stop, binned, model_rows, model_terms, packing, used, events):
    """Fill blocks with a region's events that have a weight, or with its bins; returns how many blocks are used then.

    Args:
        source: :class:`Source`.
        measured: auxiliary measurements of the bins' factors, as ``source.errors``; (0,) for ones.
        region: its number.
        start, stop: which of its events, or of the rows chosen from these, are taken.
        binned: they are bins, and the weights their counts.
        model_rows, model_terms: (H + 1,) where the processes and terms of each region begin.
        packing: work space.
        used: blocks that are used already.
        events: buffers for all of them.
    """
    chosen, starts = packing.chosen, source.starts[region]
    among, weighted = starts[ROWS] >= 0, starts[WEIGHTS] >= 0
    rows, weights = source.rows[max(starts[ROWS], 0) :], source.weights[max(starts[WEIGHTS], 0) :]
    slot = FIRST
    for index in range(start, stop):
        i = rows[index] if among else index
        weight = weights[index] if weighted else 1.0
        if weight == 0.0 and not binned:  # an event without weight has no say, whatever its density; an empty bin has
            continue
        events.weights[used, slot] = weight
        chosen[slot] = i
        slot += 1
        if slot == BLOCK:
            _open(model_rows, model_terms, region, used, events)
            _fill(source, measured, model_rows, model_terms, packing, slot, binned, events, used)
            used, slot = used + 1, FIRST
    if slot:
        _open(model_rows, model_terms, region, used, events)
        _fill(source, measured, model_rows, model_terms, packing, slot, binned, events, used)
        used += 1
    return used


@internal
def _open(model_rows, model_terms, region, block, events):
    """Give a block its region, and rows behind those of the block before."""
    rows, terms = FIRST, FIRST
    if block:
        before = events.region[block - 1]
        rows = events.rows[block - 1] + model_rows[before + 1] - model_rows[before]
        terms = events.terms[block - 1] + model_terms[before + 1] - model_terms[before]
    events.region[block], events.rows[block], events.terms[block] = region, rows, terms


@internal
def _fill(source, measured, model_rows, model_terms, packing, number, binned, events, block):
    chosen, tile, region = packing.chosen, packing.tile, events.region[block]
    processes = model_rows[region + 1] - model_rows[region]
    terms, starts = model_terms[region + 1] - model_terms[region], source.starts[region]
    count = (number + LANES - 1) // LANES * LANES
    for empty in range(number, count):
        chosen[empty] = chosen[0]
        events.weights[block, empty] = 0.0
    events.counts[block] = count
    events.plain[block] = number if starts[WEIGHTS] < 0 else 0
    events.bins[block] = number if binned else 0
    first, intensities = events.rows[block], source.intensities[starts[INTENSITIES] :]
    for c in range(processes):
        intensity = events.intensities[first + c]
        for b in range(count):
            intensity[b] = intensities[chosen[b] * processes + c]
    first, begin, log_g = events.terms[block], starts[LOG_G], source.log_g
    # Rows are read whole and turned a few at a time: their numbers lie far apart in a block.
    for start in range(0, count, TILE):
        size = min(TILE, count - start)
        for row in range(size):
            at, target = begin + chosen[start + row] * (2 * terms), tile[row]
            given = log_g[at : at + 2 * terms]
            for t in range(2 * terms):
                target[t] = given[t]
        for t in range(terms):
            shape = events.shapes[first + t]
            for row in range(size):
                shape[start + row] = tile[row, 2 * t]
                shape[BLOCK + start + row] = tile[row, 2 * t + 1]
    for t in range(terms):
        shape, outside = events.shapes[first + t], np.float32(0.0)
        for b in range(count):
            outside += _beyond(shape[b]) + _beyond(shape[BLOCK + b])
        events.wide[first + t] = outside > 0.0
        events.mixed[first + t] = outside > 0.0 and _mark_fallen(shape, count, events.fallen[first + t])
    events.errors[block] = -1
    if starts[ERRORS] >= 0:
        row = FIRST
        for before in range(block):
            row += 1 if events.errors[before] >= 0 else 0
        events.errors[block] = row
        for b in range(number):
            at = starts[ERRORS] + chosen[b]
            events.deltas[row, b] = source.errors[at]
            events.auxiliary[row, b] = measured[at] if len(measured) else 1.0


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
