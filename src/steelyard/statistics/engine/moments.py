r"""Sums over events from which value, gradient and Hessian of the likelihood follow at once.

With the rate of a process at an event :math:`A_{ic}=H_c\,\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)`, the intensity
:math:`\lambda_i=\sum_c f_cA_{ic}`, shares :math:`a_{ic}=A_{ic}/\lambda_i` and slopes
:math:`s_{it}=\partial\ln g_t(x_i)/\partial\alpha_{k(t)}`, they are

.. math:: \sum_i w_i\ln\lambda_i, \quad \sum_i w_ia_{ic}, \quad \sum_i w_ia_{ic}s_{it}, \quad
          \sum_i w_ia_{ic}a_{ic'}, \quad \sum_i w_ia_{ic}v_{ij}, \quad \sum_i w_iv_{ij}v_{ij'}, \quad
          \sum_i w_ia_{ic}s_{it}s_{it'}

where :math:`v_{ij}=\sum_{t:k(t)=j}f_{c(t)}a_{ic(t)}s_{it}`, and g''/g stands for :math:`s_{it}^2` in the last one's
diagonal. What acts on whole processes, a norm or a normaliser, needs no event of its own.

Rates, their products and all sums over events are float64; what a shape changes, :math:`g-1` and s, is float32.
"""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.elementary import exp, log
from steelyard.statistics.engine.events import BLOCK
from steelyard.statistics.engine.interpolation import LINEAR, TINY, interpolation_weights

VALUE, GRADIENT, HESSIAN = 0, 1, 2


class Moments(NamedTuple):
    """The sums; see the module. ``terms`` (T, W) has the term's own process for its second axis.

    Attributes:
        logs: (1,).
        processes: (C,).
        terms: (T,).
        process_pairs: (C, C).
        process_shapes: (C, K_s).
        shape_pairs: (K_s, K_s), upper triangle.
        term_pairs: (T, W) with the process's terms from its first one on, upper triangle.
    """

    logs: np.ndarray
    processes: np.ndarray
    terms: np.ndarray
    process_pairs: np.ndarray
    process_shapes: np.ndarray
    shape_pairs: np.ndarray
    term_pairs: np.ndarray


class Room(NamedTuple):
    """Where a block is worked on, and the interpolation weights at the present point.

    Attributes:
        weights: (K, 3, 6) float32; ``polynomial`` (K,) whether they are of the polynomial.
        rates: (C, B) A_ic.
        exponent: (B,) logarithm of the factors of one process that are exponentials.
        intensity: (B,) lambda_i.
        excess: (B,) g - 1 of one term.
        first, second: (T, B) g'/g and g''/g.
        shares, weighted: (C, B) a_ic, and the same with the event weights.
        slopes, weighted_slopes: (K_s, B) v_ij, and the same with the event weights.
        products: (W, B) a_ic s_it of one process.
    """

    weights: np.ndarray
    polynomial: np.ndarray
    rates: np.ndarray
    exponent: np.ndarray
    intensity: np.ndarray
    excess: np.ndarray
    first: np.ndarray
    second: np.ndarray
    shares: np.ndarray
    weighted: np.ndarray
    slopes: np.ndarray
    weighted_slopes: np.ndarray
    products: np.ndarray


@compiled
def allocate_moments(effects):
    """Room for the sums."""
    processes, terms, shapes = len(effects.yields), len(effects.nuisance), len(effects.shapes)
    return Moments(
        np.zeros(1),
        np.zeros(processes),
        np.zeros(terms),
        np.zeros((processes, processes)),
        np.zeros((processes, shapes)),
        np.zeros((shapes, shapes)),
        np.zeros((terms, effects.width)),
    )


@compiled
def allocate_room(effects):
    """Room for the work on a block."""
    processes, terms, shapes = len(effects.yields), len(effects.nuisance), len(effects.shapes)
    return Room(
        np.zeros((len(effects.kinds), 3, 6), dtype=np.float32),
        np.zeros(len(effects.kinds), dtype=np.bool_),
        np.zeros((processes, BLOCK)),
        np.zeros(BLOCK),
        np.zeros(BLOCK),
        np.zeros(BLOCK, dtype=np.float32),
        np.zeros((terms, BLOCK), dtype=np.float32),
        np.zeros((terms, BLOCK), dtype=np.float32),
        np.zeros((processes, BLOCK), dtype=np.float32),
        np.zeros((processes, BLOCK), dtype=np.float32),
        np.zeros((shapes, BLOCK), dtype=np.float32),
        np.zeros((shapes, BLOCK), dtype=np.float32),
        np.zeros((effects.width, BLOCK), dtype=np.float32),
    )


@compiled
def set_point(effects, alpha, room):
    """Form the interpolation weights at ``alpha`` (K,)."""
    weights = np.zeros((3, 6))
    for k in range(len(alpha)):
        if effects.kinds[k] != LINEAR:
            room.polynomial[k] = interpolation_weights(effects.kinds[k], alpha[k], weights)
            for order in range(3):
                for j in range(6):
                    room.weights[k, order, j] = weights[order, j]


@compiled
def add_moments(effects, events, start, stop, fractions, factors, order, room, moments):
    """Add the sums of blocks ``start`` to ``stop``; false at once if an event's intensity is not a positive number.

    Args:
        fractions: (C,) f_c.
        factors: (C,) G_c/N_c.
        order: VALUE fills ``logs``, GRADIENT ``processes`` and ``terms`` too, HESSIAN everything.
    """
    for block in range(start, stop):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, order, room)
        intensity = room.intensity
        mix(fractions, room.rates, count, intensity)
        if not positive(intensity, count):
            return False
        moments.logs[0] += weighted_logs(events.weights[block], intensity, count)
        if order >= GRADIENT:
            _add_gradient(effects, events.weights[block], count, room, moments)
        if order >= HESSIAN:
            _add_hessian(effects, events.weights[block], count, fractions, room, moments)
    return True


@compiled
def fill_rates(effects, events, block, factors, order, room):
    """A_ic of a block, and the terms' g'/g and g''/g as far as the order needs them."""
    count = events.counts[block]
    for c in range(len(factors)):
        rates, nominal, factor = room.rates[c], events.rates[block, c], factors[c]
        for b in range(count):
            rates[b] = nominal[b] * factor
        exponents = False
        for t in range(effects.first[c], effects.first[c + 1]):
            shape, weights = events.shapes[block, t], room.weights[effects.nuisance[t]]
            if room.polynomial[effects.nuisance[t]]:
                excess = room.excess
                _polynomial(shape, weights[0], count, excess)
                if order >= GRADIENT:
                    _polynomial_over(shape, weights[1], excess, count, room.first[t])
                if order >= HESSIAN:
                    _polynomial_over(shape, weights[2], excess, count, room.second[t])
                _multiply(excess, count, rates)
            else:
                if not exponents:
                    room.exponent[:count] = 0.0
                    exponents = True
                _exponent(shape, weights, count, order, room.exponent, room.first[t], room.second[t])
        if exponents:
            exponent = room.exponent
            for b in range(count):
                rates[b] *= exp(exponent[b])


@compiled
def _polynomial(shape, weights, count, result):
    """Code 4's combination of one term: b0 (g+ - 1) + b1 (g- - 1) + g+ u (b2 + b4 u) + g- d (b3 + b5 d)."""
    up, down, more, less = shape[0], shape[1], shape[2], shape[3]
    w0, w1, w2, w3, w4, w5 = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    for b in range(count):
        rise = up[b] * (w2 + w4 * up[b])
        fall = down[b] * (w3 + w5 * down[b])
        result[b] = (more[b] * (w0 + rise) + rise) + (less[b] * (w1 + fall) + fall)


@compiled
def _polynomial_over(shape, weights, excess, count, result):
    """The same over g."""
    up, down, more, less = shape[0], shape[1], shape[2], shape[3]
    w0, w1, w2, w3, w4, w5 = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    one, tiny = np.float32(1.0), np.float32(TINY)
    for b in range(count):
        rise = up[b] * (w2 + w4 * up[b])
        fall = down[b] * (w3 + w5 * down[b])
        g = one + excess[b]
        g = g if g != 0.0 else tiny
        result[b] = ((more[b] * (w0 + rise) + rise) + (less[b] * (w1 + fall) + fall)) / g


@compiled
def _multiply(excess, count, rates):
    for b in range(count):
        g = 1.0 + np.float64(excess[b])
        rates[b] *= g if g != 0.0 else TINY


@compiled
def _exponent(shape, weights, count, order, exponent, first, second):
    up, down = shape[0], shape[1]
    value_up, value_down = np.float64(weights[0, 0]), np.float64(weights[0, 1])
    first_up, first_down = weights[1, 0], weights[1, 1]
    second_up, second_down = weights[2, 0], weights[2, 1]
    for b in range(count):
        exponent[b] += value_up * np.float64(up[b]) + value_down * np.float64(down[b])
    if order >= GRADIENT:
        for b in range(count):
            first[b] = first_up * up[b] + first_down * down[b]
    if order >= HESSIAN:
        for b in range(count):
            second[b] = second_up * up[b] + second_down * down[b] + first[b] * first[b]


@compiled
def mix(fractions, rates, count, intensity):
    """lambda_i of a block."""
    intensity[:count] = 0.0
    for c in range(len(fractions)):
        fraction, rate = fractions[c], rates[c]
        for b in range(count):
            intensity[b] += fraction * rate[b]


@compiled
def positive(intensity, count):
    """Whether every event's intensity is a positive number."""
    bad = 0.0
    for b in range(count):
        bad += 0.0 if (intensity[b] > 0.0) and (intensity[b] < np.inf) else 1.0
    return bad == 0.0


@compiled
def weighted_logs(weights, intensity, count):
    """Sum of w_i ln lambda_i of a block."""
    total = 0.0
    for b in range(count):
        total += weights[b] * log(intensity[b])
    return total


@compiled
def dot(first, second, count):
    """Scalar product of float32 numbers of one block; blocks are summed in float64."""
    total = np.float32(0.0)
    for b in range(count):
        total += first[b] * second[b]
    return np.float64(total)


@compiled
def _add_gradient(effects, weights, count, room, moments):
    intensity = room.intensity
    for b in range(count):
        intensity[b] = 1.0 / intensity[b]
    for c in range(len(effects.yields)):
        rates, shares, weighted = room.rates[c], room.shares[c], room.weighted[c]
        total = 0.0
        for b in range(count):
            share = rates[b] * intensity[b]
            rates[b] = share
            total += weights[b] * share
            shares[b] = share
            weighted[b] = weights[b] * share
        moments.processes[c] += total
        for t in range(effects.first[c], effects.first[c + 1]):
            moments.terms[t] += dot(weighted, room.first[t], count)


@compiled
def _add_hessian(effects, weights, count, fractions, room, moments):
    processes, shapes = len(effects.yields), len(effects.shapes)
    for c in range(processes):
        one = room.rates[c]  # now the shares
        for other in range(c, processes):
            two = room.rates[other]
            total = 0.0
            for b in range(count):
                total += weights[b] * one[b] * two[b]
            moments.process_pairs[c, other] += total
            if other > c:
                moments.process_pairs[other, c] += total
    if not shapes:
        return
    slopes, weighted_slopes = room.slopes, room.weighted_slopes
    slopes[:, :count] = 0.0
    for c in range(processes):
        start, stop = effects.first[c], effects.first[c + 1]
        fraction, shares, weighted = np.float32(fractions[c]), room.shares[c], room.weighted[c]
        for t in range(start, stop):
            slope, first, product = slopes[effects.shape[t]], room.first[t], room.products[t - start]
            for b in range(count):
                slope[b] += fraction * shares[b] * first[b]
                product[b] = weighted[b] * first[b]
            moments.term_pairs[t, t - start] += dot(weighted, room.second[t], count)
        _gram(room.products, room.first[start:stop], stop - start, count, 1, moments.term_pairs[start:stop])
    for j in range(shapes):
        slope, weighted_slope = slopes[j], weighted_slopes[j]
        for b in range(count):
            weighted_slope[b] = np.float32(weights[b]) * slope[b]
        for c in range(processes):
            moments.process_shapes[c, j] += dot(room.weighted[c], slope, count)
    _gram(weighted_slopes, slopes, shapes, count, 0, moments.shape_pairs)


@compiled
def _gram(left, right, rows, count, offset, sums):
    """Add the scalar products of rows i of ``left`` and j >= i + offset of ``right`` (rows, B)."""
    for i in range(rows):
        for j in range(i + offset, rows):
            sums[i, j] += dot(left[i], right[j], count)
