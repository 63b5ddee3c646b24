r"""What shapes of one process do to its normaliser together: pairs by their sides, third cumulants, an anchor.

With h the weights of the two sides of the process's m terms (2m numbers) and :math:`z=V^Th`,

.. math:: \tfrac12h^TBh + \tfrac16\kappa zzz + \sum R(\alpha_k,\alpha_l) + c + l\cdot s + \tfrac12s^TQs

(:mod:`steelyard.model.normaliser`), R the tables of pairs of large shapes, s the distance from the anchor. The
gradient in h is :math:`Bh+\frac12V(\kappa zz)`, the second derivatives are :math:`B+V(\kappa z)V^T`;
those in α follow with the derivatives of h.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.products import dot
from steelyard.model.anchor import ANCHOR_REACH
from steelyard.model.effects import Systematics
from steelyard.model.interpolation.exponential import weights as exponential_weights
from steelyard.numerics.compilation import internal

INVERSE = 1.0 / ANCHOR_REACH**2


class Joint(NamedTuple):
    """Buffers for it, of each process what its second derivatives need.

    Attributes:
        sides: (3, 2W) h and its derivatives, of one process; ``slopes`` (C, 2W) the first ones of all.
        outer: (2W,) the gradient in h.
        place: (R,) z, and ``place32`` as float32.
        folded: (C, R, R) kappa z, symmetric.
        moved, product: (W, R) directions at the terms' slopes, and their product with ``folded``.
        local: (2, W) distance from the anchor and its second derivative; ``bends`` (C, W) its first derivative.
        crossed: (S,) mixed second derivatives of the tables of pairs.
    """

    sides: np.ndarray
    slopes: np.ndarray
    outer: np.ndarray
    place: np.ndarray
    place32: np.ndarray
    folded: np.ndarray
    moved: np.ndarray
    product: np.ndarray
    local: np.ndarray
    bends: np.ndarray
    crossed: np.ndarray


def prepare_joint(systematics: Systematics, terms: np.ndarray, processes: int) -> dict[str, np.ndarray]:
    """The joint part of a region's normalisers as :class:`~steelyard.likelihood.compile.CompiledModel` has it."""
    normaliser = systematics.normaliser
    first = np.searchsorted(terms[:, 0], np.arange(processes + 1))
    numbers = np.diff(first)
    width = int(numbers.max(initial=0))
    pairs = np.zeros((processes, 2 * width, 2 * width))
    if len(normaliser.pairs):
        (t, u), of_process = normaliser.pairs.T, terms[normaliser.pairs[:, 0], 0]
        for side in range(2):
            for other in range(2):
                row = t - first[of_process] + side * numbers[of_process]
                column = u - first[of_process] + other * numbers[of_process]
                pairs[of_process, row, column] = pairs[of_process, column, row] = normaliser.pair_factors[
                    :, side, other
                ]
    rank = normaliser.directions.shape[2]
    ranks, directions = np.zeros(processes, dtype=np.int64), np.zeros((processes, 2 * width, rank))
    cumulants = np.zeros((processes, rank * (rank + 1) // 2, rank), dtype=np.float32)
    for c in range(len(normaliser.cumulants)):
        full = normaliser.cumulants[c]
        if not full.any():
            continue
        # The elements of the first r (r + 1) / 2 rows are those of r directions.
        r = ranks[c] = int(np.flatnonzero(full.any(axis=(1, 2)))[-1]) + 1
        row, column = np.triu_indices(r)
        cumulants[c, : len(row)] = full[row, column]
        for side in range(2):
            chosen = slice(side * numbers[c], (side + 1) * numbers[c])
            directions[c, chosen] = normaliser.directions[first[c] : first[c + 1], side]
    offset, anchored = np.zeros(processes), np.zeros(processes, dtype=np.bool_)
    around, linear = np.zeros((processes, width)), np.zeros((processes, width))
    quadratic = np.zeros((processes, width, width))
    anchor = normaliser.anchor
    if anchor is not None:
        for c in range(processes):
            used = terms[first[c] : first[c + 1], 1]
            around[c, : len(used)] = anchor.alpha[used]
            offset[c] = anchor.offset[c]
            linear[c, : len(used)] = anchor.linear[c, used]
            quadratic[c, : len(used), : len(used)] = anchor.quadratic[c][np.ix_(used, used)]
            anchored[c] = len(used) > 0
    # Tables in the order of the processes, the two terms by their numbers within theirs.
    of_process = terms[normaliser.surface_pairs[:, 0], 0]
    order = np.argsort(of_process, kind="stable")
    surfaces = normaliser.surface_pairs[order] - first[of_process[order], None]
    grid = normaliser.surface_knots
    return {
        "surfaces": np.ascontiguousarray(surfaces, dtype=np.int64).reshape(-1, 2),
        "surface_first": np.searchsorted(of_process[order], np.arange(processes + 1)),
        "surface_grid": np.array([[grid[0], 1.0 / (grid[1] - grid[0]), len(grid) - 2.0]]),
        "surface_cells": np.ascontiguousarray(normaliser.surface_cells[order], dtype=float),
        "pairs": pairs,
        "ranks": ranks,
        "directions": directions,
        "cumulants": cumulants,
        "around": around,
        "offset": offset,
        "linear": linear,
        "quadratic": quadratic,
        "anchored": anchored,
    }


def allocate_joint(model):
    """Buffers for :func:`add_joint`."""
    processes, sides, rank = model.directions.shape
    return Joint(
        np.zeros((3, sides)),
        np.zeros((processes, sides)),
        np.zeros(sides),
        np.zeros(rank),
        np.zeros(rank, dtype=np.float32),
        np.zeros((processes, rank, rank)),
        np.zeros((sides // 2, rank)),
        np.zeros((sides // 2, rank)),
        np.zeros((2, sides // 2)),
        np.zeros((processes, sides // 2)),
        np.zeros(len(model.surfaces)),
    )


@internal
def add_joint(model, region, c, alpha, weights, joint, first, second):
    """The joint part of ln N_c of one process; add its first derivatives (K_h,), and the second ones of the weights h.

    The other second derivatives are left to :func:`fill_curvatures`.
    """
    start = model.first[c]
    terms = model.first[c + 1] - start
    number = 2 * terms
    sides, outer, slopes = joint.sides, joint.outer, joint.slopes[c]
    for j in range(terms):
        exponential_weights(alpha[model.nuisance[start + j]], weights)
        for order in range(3):
            sides[order, j], sides[order, terms + j] = weights[order, 0], weights[order, 1]
        slopes[j], slopes[terms + j] = weights[1, 0], weights[1, 1]
    value = 0.0
    pairs, weight = model.pairs[c], sides[0]
    for q in range(number):
        row, slope = pairs[q], 0.0
        for p in range(number):
            slope += row[p] * weight[p]
        outer[q] = slope
        value += 0.5 * weight[q] * slope
    if model.ranks[c]:
        value += _add_cubic(model, c, number, joint)
    for j in range(terms):
        k = model.own[start + j]
        up, down = outer[j], outer[terms + j]
        first[k] += up * sides[1, j] + down * sides[1, terms + j]
        second[k] += up * sides[2, j] + down * sides[2, terms + j]
    if model.surface_first[c] < model.surface_first[c + 1]:
        value += _add_surfaces(model, model.surface_grid[region], c, alpha, joint, first, second)
    if model.anchored[c]:
        value += _add_anchor(model, c, alpha, joint, first, second)
    return value


@internal
def _add_surfaces(model, grid, c, alpha, joint, first, second):
    """The tables of pairs of a process, with derivatives; the mixed ones are left in ``crossed``."""
    start, total, scale = model.first[c], 0.0, grid[1]
    last = int(grid[2])
    for s in range(model.surface_first[c], model.surface_first[c + 1]):
        one, other = start + model.surfaces[s, 0], start + model.surfaces[s, 1]
        k, m = model.own[one], model.own[other]
        x, y = (alpha[model.nuisance[one]] - grid[0]) * scale, (alpha[model.nuisance[other]] - grid[0]) * scale
        row, column = min(max(int(x), 0), last), min(max(int(y), 0), last)
        x, y = x - row, y - column
        cell = model.surface_cells[s, row, column]
        # Horner's scheme in x of polynomials in y, with derivatives of both.
        value, by_x, by_xx, by_y, by_xy, by_yy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for p in range(3, -1, -1):
            c0, c1, c2, c3 = cell[p, 0], cell[p, 1], cell[p, 2], cell[p, 3]
            by_xx = by_xx * x + 2.0 * by_x
            by_x = by_x * x + value
            value = value * x + (c0 + y * (c1 + y * (c2 + y * c3)))
            by_xy = by_xy * x + by_y
            by_y = by_y * x + (c1 + y * (2.0 * c2 + y * 3.0 * c3))
            by_yy = by_yy * x + (2.0 * c2 + 6.0 * y * c3)
        total += value
        first[k] += by_x * scale
        first[m] += by_y * scale
        second[k] += by_xx * scale * scale
        second[m] += by_yy * scale * scale
        joint.crossed[s] = by_xy * scale * scale
    return total


@internal
def _add_anchor(model, c, alpha, joint, first, second):
    """The correction about the anchor, with derivatives; see :class:`~steelyard.model.anchor.Anchor`."""
    start, local, bends = model.first[c], joint.local, joint.bends[c]
    terms = model.first[c + 1] - start
    for j in range(terms):
        distance = alpha[model.nuisance[start + j]] - model.around[c, j]
        factor = 1.0 / (1.0 + distance * distance * INVERSE)
        root = np.sqrt(factor)
        local[0, j], bends[j] = distance * root, factor * root
        local[1, j] = -3.0 * INVERSE * distance * factor * factor * root
    value = model.offset[c]
    for j in range(terms):
        k, slope = model.own[start + j], model.linear[c, j]
        half = slope
        for m in range(terms):
            rise = model.quadratic[c, j, m] * local[0, m]
            slope += rise
            half += 0.5 * rise
        value += half * local[0, j]
        first[k] += slope * bends[j]
        second[k] += slope * local[1, j]
    return value


@internal
def _add_cubic(model, c, number, joint):
    """kappa zzz / 6, with its gradient added to ``outer`` and kappa z in ``folded``."""
    rank, directions, folded = model.ranks[c], model.directions[c], joint.folded[c]
    place, weight = joint.place, joint.sides[0]
    for r in range(rank):
        place[r] = 0.0
    for q in range(number):
        row, h = directions[q], weight[q]
        for r in range(rank):
            place[r] += row[r] * h
    for r in range(rank):
        joint.place32[r] = np.float32(place[r])
    at = 0
    for i in range(rank):
        for j in range(i, rank):
            folded[i, j] = dot(model.cumulants[c, at], joint.place32, rank)
            folded[j, i] = folded[i, j]
            at += 1
    value, gradient = 0.0, joint.moved[0]
    for i in range(rank):
        slope = 0.0
        for j in range(rank):
            slope += folded[i, j] * place[j]
        gradient[i] = 0.5 * slope
        value += place[i] * slope / 6.0
    for q in range(number):
        row, slope = directions[q], 0.0
        for r in range(rank):
            slope += row[r] * gradient[r]
        joint.outer[q] += slope
    return value


@internal
def fill_curvatures(model, joint, curvatures):
    """Second derivatives of the joint parts by two nuisance parameters, (C, W, W), of j <= m."""
    moved, product = joint.moved, joint.product
    for c in range(len(model.yields)):
        terms = model.first[c + 1] - model.first[c]
        rank, pairs, slopes, result = model.ranks[c], model.pairs[c], joint.slopes[c], curvatures[c]
        if terms < 2 and not model.anchored[c]:
            result[:] = 0.0
            continue
        if rank:
            directions, folded = model.directions[c], joint.folded[c]
            for j in range(terms):
                for r in range(rank):
                    moved[j, r] = slopes[j] * directions[j, r] + slopes[terms + j] * directions[terms + j, r]
                    product[j, r] = 0.0
                for i in range(rank):
                    factor = moved[j, i]
                    for r in range(rank):
                        product[j, r] += factor * folded[i, r]
        for j in range(terms):
            up, down = slopes[j], slopes[terms + j]
            for m in range(j, terms):
                total = slopes[m] * (up * pairs[j, m] + down * pairs[terms + j, m])
                total += slopes[terms + m] * (up * pairs[j, terms + m] + down * pairs[terms + j, terms + m])
                for r in range(rank):
                    total += product[j, r] * moved[m, r]
                result[j, m] = total
            if model.anchored[c]:
                for m in range(j, terms):
                    result[j, m] += joint.bends[c, j] * model.quadratic[c, j, m] * joint.bends[c, m]
        for s in range(model.surface_first[c], model.surface_first[c + 1]):
            result[model.surfaces[s, 0], model.surfaces[s, 1]] += joint.crossed[s]
