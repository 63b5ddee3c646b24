r"""Sums over events, or over bins, from which value, gradient and Hessian of the likelihood follow at once.

With the rate of a process at an event :math:`A_{ic}=H_c\,\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)`, the intensity
:math:`\lambda_i=\sum_c f_cA_{ic}`, shares :math:`a_{ic}=A_{ic}/\lambda_i` and slopes
:math:`s_{it}=\partial\ln g_t(x_i)/\partial\alpha_{k(t)}`, they are

.. math:: -\sum_i\varphi_i, \quad \sum_i u_ia_{ic}, \quad \sum_i u_ia_{ic}s_{it}, \quad
          \sum_i q_ia_{ic}a_{ic'}, \quad \sum_i q_ia_{ic}v_{ij}, \quad \sum_i q_iv_{ij}v_{ij'}, \quad
          \sum_i u_ia_{ic}s_{it}s_{it'}, \quad \sum_i u_ia_{ic}g_t''/g_t

where :math:`v_{ij}=\sum_{t:k(t)=j}f_{c(t)}a_{ic(t)}s_{it}`, and :math:`\varphi(\lambda_i)` is what the row adds to
:math:`-\ln L`, with :math:`u=-\lambda\varphi'` and :math:`q=\lambda^2\varphi''`:

- an event of weight w: :math:`\varphi=-w\ln\lambda`, u = q = w. The expected events are added for whole processes.
- a bin with n counts: :math:`\varphi=\lambda-n\ln\lambda`, u = n − λ, q = n. Its expectation is a sum of what the bins
  expect, so that yields and shapes need not be told apart: there is no normaliser, and nothing else to be added.

What acts on whole processes, a norm or a normaliser, needs no event of its own.

Rates, their products and all sums over events are float64; what a shape changes, :math:`g-1` and s, is float32.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import BLOCK, LANES
from steelyard.likelihood.kernels.intensities import fill_rates, mix
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.products import add_products, add_upper_products, dot
from steelyard.numerics.compilation import compiled, internal
from steelyard.numerics.elementary import log


class Moments(NamedTuple):
    """The sums, in the module's order.

    Attributes:
        logs: (1,).
        processes: (C,).
        terms: (T,).
        process_pairs: (C, C).
        process_shapes: (C, K_s).
        shape_pairs: (K_s, K_s), upper triangle; what is below means nothing.
        term_pairs: (T, W) with the process's terms from its first one on, upper triangle as well.
        term_seconds: (T,).
    """

    logs: np.ndarray
    processes: np.ndarray
    terms: np.ndarray
    process_pairs: np.ndarray
    process_shapes: np.ndarray
    shape_pairs: np.ndarray
    term_pairs: np.ndarray
    term_seconds: np.ndarray


def allocate_moments(effects):
    """BlockBuffers for the sums."""
    processes, terms, shapes = len(effects.yields), len(effects.nuisance), len(effects.shapes)
    return Moments(
        np.zeros(1),
        np.zeros(processes),
        np.zeros(terms),
        np.zeros((processes, processes)),
        np.zeros((processes, shapes)),
        np.zeros((shapes, shapes)),
        np.zeros((terms, effects.width)),
        np.zeros(terms),
    )


@internal
def clear_moments(order, moments):
    """Set the sums of an order to zero."""
    moments.logs[0] = 0.0
    if order >= GRADIENT:
        for c in range(len(moments.processes)):
            moments.processes[c] = 0.0
        for t in range(len(moments.terms)):
            moments.terms[t] = 0.0
    if order >= HESSIAN:
        clear(moments.process_pairs)
        clear(moments.process_shapes)
        clear(moments.shape_pairs)
        clear(moments.term_pairs)
        for t in range(len(moments.term_seconds)):
            moments.term_seconds[t] = 0.0


@internal
def clear(numbers):
    """Set numbers (n, m) to zero."""
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            numbers[i, j] = 0.0


@compiled
def add_moments(effects, events, start, stop, fractions, factors, order, buffers, moments):
    """Add the sums of blocks ``start`` to ``stop``; false at once if an intensity is not a positive number.

    Args:
        fractions: (C,) f_c.
        factors: (C,) G_c/N_c.
        order: VALUE fills ``logs``, GRADIENT ``processes`` and ``terms`` too, HESSIAN everything.
    """
    for block in range(start, stop):
        count = events.counts[block]
        fill_rates(effects, events, block, factors, order, buffers)
        intensity = buffers.intensity
        mix(fractions, buffers.rates, count, intensity)
        if not positive(intensity, count):
            return False
        moments.logs[0] += sum_of_logs(events, block, buffers)
        weights = events.weights[block]
        if events.bins[block]:
            _fill_residual(weights, count, events.bins[block], buffers)
            weights = buffers.residual
        if order >= GRADIENT:
            _add_gradient(effects, weights, count, buffers, moments)
        if order >= HESSIAN:
            _add_hessian(effects, events.weights[block], count, fractions, events.bins[block] > 0, buffers, moments)
    return True


@internal
def positive(intensity, count):
    """Whether every event's intensity is positive, one by one; no number is not."""
    bad = 0.0
    for b in range(count):
        bad += 0.0 if intensity[b] > 0.0 else 1.0
    return bad == 0.0


@internal
def sum_of_logs(events, block, buffers):
    """Sum of w_i ln lambda_i, or of n ln lambda - lambda, of a block whose intensities are positive."""
    intensity, count, number = buffers.intensity, events.counts[block], events.plain[block]
    if events.bins[block]:
        counts, total = events.weights[block], 0.0
        for b in range(events.bins[block]):
            total += counts[b] * log(intensity[b]) - intensity[b]
        return total
    if number:
        # Events of weight one: the logarithm of products of up to sixteen, if these stay in the range of numbers. The
        # block is folded in halves, of whole vector registers, until a register's worth is left.
        products = buffers.exponent
        for b in range(number, count):
            intensity[b] = 1.0
        for b in range(count):
            products[b] = intensity[b]
        left = count
        while left > LANES:
            half = (left // LANES + 1) // 2 * LANES
            for b in range(left - half):
                products[b] *= products[half + b]
            left = half
        outside, total = 0.0, 0.0
        for b in range(LANES):
            outside += 0.0 if (products[b] > 1e-290) and (products[b] < 1e290) else 1.0
        if outside == 0.0:
            for b in range(LANES):
                total += log(products[b])
            return total
    weights, total = events.weights[block], 0.0
    for b in range(count):
        total += weights[b] * log(intensity[b])
    return total


@internal
def _fill_residual(counts, count, bins, buffers):
    """n - lambda of the bins, and nothing of the copies behind them."""
    residual, intensity = buffers.residual, buffers.intensity
    for b in range(bins):
        residual[b] = counts[b] - intensity[b]
    for b in range(bins, count):
        residual[b] = 0.0


@internal
def _add_gradient(effects, weights, count, buffers, moments):
    intensity = buffers.intensity
    for b in range(count):
        intensity[b] = 1.0 / intensity[b]
    for c in range(len(effects.yields)):
        rates, shares, weighted = buffers.rates[c], buffers.shares[c], buffers.weighted[c]
        total = 0.0
        for b in range(count):
            rates[b] *= intensity[b]  # from here on the shares
            total += weights[b] * rates[b]
        for b in range(count):
            shares[b] = rates[b]
            weighted[b] = weights[b] * rates[b]
        moments.processes[c] += total
        for t in range(effects.first[c], effects.first[c + 1]):
            moments.terms[t] += dot(weighted, buffers.slopes[t], count)


@internal
def _add_hessian(effects, weights, count, fractions, binned, buffers, moments):
    processes, shapes = len(effects.yields), len(effects.shapes)
    for c in range(processes):
        one = buffers.rates[c]
        for other in range(c, processes):
            two = buffers.rates[other]
            total = 0.0
            for b in range(count):
                total += weights[b] * one[b] * two[b]
            moments.process_pairs[c, other] += total
            if other > c:
                moments.process_pairs[other, c] += total
    if not shapes:
        return
    buffers.sums[:, :count] = 0.0
    for c in range(processes):
        start, stop = effects.first[c], effects.first[c + 1]
        fraction, shares, weighted = np.float32(fractions[c]), buffers.shares[c], buffers.weighted[c]
        for t in range(start, stop):
            _add_term(
                buffers.slopes[t],
                shares,
                weighted,
                fraction,
                count,
                buffers.sums[effects.shape[t]],
                buffers.products[t - start],
            )
            moments.term_seconds[t] += dot(weighted, buffers.slopes[t, BLOCK:], count)
        add_upper_products(
            buffers.products, buffers.slopes[start:stop], stop - start, count, moments.term_pairs[start:stop]
        )
    for j in range(shapes):
        total, weighted_total = buffers.sums[j], buffers.weighted_sums[j]
        for b in range(count):
            weighted_total[b] = np.float32(weights[b]) * total[b]
    if binned:  # so far by their residuals
        for c in range(processes):
            shares, weighted = buffers.shares[c], buffers.weighted[c]
            for b in range(count):
                weighted[b] = np.float32(weights[b]) * shares[b]
    add_products(buffers.weighted, processes, buffers.sums, shapes, count, moments.process_shapes)
    add_upper_products(buffers.weighted_sums, buffers.sums, shapes, count, moments.shape_pairs)


@internal
def _add_term(slopes, shares, weighted, fraction, count, total, product):
    for b in range(count):
        total[b] += fraction * shares[b] * slopes[b]
    for b in range(count):
        product[b] = weighted[b] * slopes[b]
