r"""Sums over events, or over bins, from which value, gradient and Hessian of the likelihood follow at once.

With the intensity of a process at an event :math:`A_{ic}=H_c\,\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)`, the intensity
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
- a bin whose template has the relative error δ: the likelihood at the best value of its factor γ, of which an auxiliary
  measurement a with this error knows,

  .. math:: \varphi=\gamma\lambda-n\ln(\gamma\lambda)+\frac{(\gamma-a)^2}{2\delta^2},\qquad
            \gamma=h+\sqrt{h^2+n\delta^2},\quad h=\tfrac12(a-\lambda\delta^2),

  with u = n − γλ and :math:`q=n-\lambda^2/(n/\gamma^2+1/\delta^2)`: the derivatives of a minimum over γ (Barlow and
  Beeston, Comput. Phys. Commun. 77 (1993) 219; Conway, arXiv:1103.0354).

What acts on whole processes, a norm or a normaliser, needs no event of its own.

Rates, their products and all sums over events are float64; what a shape changes, :math:`g-1` and s, is float32.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import BLOCK, LANES
from steelyard.likelihood.kernels.intensities import fill_intensities, mix
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.products import add_products, add_upper_products, dot
from steelyard.numerics.compilation import internal
from steelyard.numerics.elementary import log


class Moments(NamedTuple):
    """The sums, in the module's order, of R processes and T terms of all regions.

    Attributes:
        logs: (1,).
        processes: (R,).
        terms: (T,).
        process_pairs: (R, C) with the processes of the same region, from its first one on.
        process_shapes: (R, K_s) with the nuisance parameters that have shapes in the region.
        shape_pairs: (H, K_s, K_s), upper triangle; what is below means nothing.
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


def allocate_moments(model):
    """Buffers for the sums."""
    rows, terms = len(model.yields), len(model.nuisance)
    processes, _, shapes, _ = model.largest
    return Moments(
        np.zeros(1),
        np.zeros(rows),
        np.zeros(terms),
        np.zeros((rows, processes)),
        np.zeros((rows, shapes)),
        np.zeros((len(model.binned), shapes, shapes)),
        np.zeros((terms, model.width)),
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
        for region in range(moments.shape_pairs.shape[0]):
            clear(moments.shape_pairs[region])
        clear(moments.term_pairs)
        for t in range(len(moments.term_seconds)):
            moments.term_seconds[t] = 0.0


@internal
def join_moments(order, part, moments):
    """Add the sums of an order to those of other events."""
    moments.logs[0] += part.logs[0]
    if order >= GRADIENT:
        for c in range(len(moments.processes)):
            moments.processes[c] += part.processes[c]
        for t in range(len(moments.terms)):
            moments.terms[t] += part.terms[t]
    if order >= HESSIAN:
        _add(part.process_pairs, moments.process_pairs)
        _add(part.process_shapes, moments.process_shapes)
        for region in range(moments.shape_pairs.shape[0]):
            _add(part.shape_pairs[region], moments.shape_pairs[region])
        _add(part.term_pairs, moments.term_pairs)
        for t in range(len(moments.term_seconds)):
            moments.term_seconds[t] += part.term_seconds[t]


@internal
def _add(part, numbers):
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            numbers[i, j] += part[i, j]


@internal
def clear(numbers):
    """Set numbers (n, m) to zero."""
    for i in range(numbers.shape[0]):
        for j in range(numbers.shape[1]):
            numbers[i, j] = 0.0


@internal
def add_moments(model, events, start, stop, coefficients, factors, order, buffers, moments):
    """Add the sums of blocks ``start`` to ``stop``; false at once if an intensity is not a positive number.

    Args:
        coefficients: (R,) f_c.
        factors: (R,) G_c/N_c.
        order: VALUE fills ``logs``, GRADIENT ``processes`` and ``terms`` too, HESSIAN everything.
    """
    for block in range(start, stop):
        count, region = events.counts[block], events.region[block]
        begin = model.rows[region]
        fill_intensities(model, events, block, factors, order, buffers)
        intensity = buffers.intensity
        mix(coefficients[begin : model.rows[region + 1]], buffers.intensities, count, intensity)
        if not positive(intensity, count):
            return False
        weights = events.weights[block]
        if events.bins[block]:
            moments.logs[0] += logs_of_bins(events, block, order, buffers)
            if order >= GRADIENT:
                _add_gradient(model, region, buffers.residual, count, buffers, moments)
            if order >= HESSIAN:
                _add_hessian(model, region, buffers.curvature, count, coefficients, True, buffers, moments)
        else:
            moments.logs[0] += sum_of_logs(events, block, buffers)
            if order >= GRADIENT:
                _add_gradient(model, region, weights, count, buffers, moments)
            if order >= HESSIAN:
                _add_hessian(model, region, weights, count, coefficients, False, buffers, moments)
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
    """Sum of w_i ln lambda_i of a block of events whose intensities are positive."""
    intensity, count, number = buffers.intensity, events.counts[block], events.plain[block]
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
def logs_of_bins(events, block, order, buffers):
    """Sum of -phi of the bins of a block; u and q go to ``residual`` and ``curvature``."""
    intensity, counts, total = buffers.intensity, events.weights[block], 0.0
    residual, curvature, row = buffers.residual, buffers.curvature, events.errors[block]
    bins = events.bins[block]
    if row < 0:
        for b in range(bins):
            total += counts[b] * log(intensity[b]) - intensity[b]
        if order >= GRADIENT:
            for b in range(bins):
                residual[b] = counts[b] - intensity[b]
                curvature[b] = counts[b]
    else:
        deltas, auxiliary = events.deltas[row], events.auxiliary[row]
        for b in range(bins):
            n, expected, square, a = counts[b], intensity[b], deltas[b] * deltas[b], auxiliary[b]
            gamma, bend = 1.0, 0.0
            if square > 0.0:
                half = 0.5 * (a - expected * square)
                root = np.sqrt(half * half + n * square)
                gamma = half + root if half > 0.0 else n * square / max(root - half, 1e-300)  # without cancelling
                if gamma > 0.0:  # it is 0 without counts where the bin expects more than was measured
                    bend = expected * expected / (n / (gamma * gamma) + 1.0 / square)
                total -= 0.5 * (gamma - a) * (gamma - a) / square
            if n > 0.0:
                total += n * log(gamma * expected)
            total -= gamma * expected
            residual[b], curvature[b] = n - gamma * expected, n - bend
    if order >= GRADIENT:
        for b in range(bins, events.counts[block]):
            residual[b] = curvature[b] = 0.0
    return total


@internal
def _add_gradient(model, region, weights, count, buffers, moments):
    intensity, begin = buffers.intensity, model.rows[region]
    first_term = model.terms[region]
    for b in range(count):
        intensity[b] = 1.0 / intensity[b]
    for c in range(model.rows[region + 1] - begin):
        intensities, shares, weighted = buffers.intensities[c], buffers.shares[c], buffers.weighted[c]
        total = 0.0
        for b in range(count):
            intensities[b] *= intensity[b]  # from here on the shares
            total += weights[b] * intensities[b]
        for b in range(count):
            shares[b] = intensities[b]
            weighted[b] = weights[b] * intensities[b]
        moments.processes[begin + c] += total
        for t in range(model.first[begin + c], model.first[begin + c + 1]):
            moments.terms[t] += dot(weighted, buffers.slopes[t - first_term], count)


@internal
def _add_hessian(model, region, weights, count, coefficients, binned, buffers, moments):
    begin, first_term = model.rows[region], model.terms[region]
    processes = model.rows[region + 1] - begin
    shapes = model.first_shape[region + 1] - model.first_shape[region]
    for c in range(processes):
        one = buffers.intensities[c]
        for other in range(c, processes):
            two = buffers.intensities[other]
            total = 0.0
            for b in range(count):
                total += weights[b] * one[b] * two[b]
            moments.process_pairs[begin + c, other] += total
            if other > c:
                moments.process_pairs[begin + other, c] += total
    if not shapes:
        return
    for j in range(shapes):
        buffers.sums[j, :count] = 0.0
    for c in range(processes):
        start, stop = model.first[begin + c], model.first[begin + c + 1]
        coefficient = np.float32(coefficients[begin + c])
        shares, weighted = buffers.shares[c], buffers.weighted[c]
        for t in range(start, stop):
            slopes = buffers.slopes[t - first_term]
            sums, product = buffers.sums[model.shape[t]], buffers.products[t - start]
            _add_term(slopes, shares, weighted, coefficient, count, sums, product)
            moments.term_seconds[t] += dot(weighted, slopes[BLOCK:], count)
        of_terms, of_pairs = buffers.slopes[start - first_term : stop - first_term], moments.term_pairs[start:stop]
        add_upper_products(buffers.products, of_terms, stop - start, count, of_pairs)
    for j in range(shapes):
        total, weighted_total = buffers.sums[j], buffers.weighted_sums[j]
        for b in range(count):
            weighted_total[b] = np.float32(weights[b]) * total[b]
    if binned:  # so far by their residuals
        for c in range(processes):
            shares, weighted = buffers.shares[c], buffers.weighted[c]
            for b in range(count):
                weighted[b] = np.float32(weights[b]) * shares[b]
    of_region = moments.process_shapes[begin : begin + processes]
    add_products(buffers.weighted, processes, buffers.sums, shapes, count, of_region)
    add_upper_products(buffers.weighted_sums, buffers.sums, shapes, count, moments.shape_pairs[region])


@internal
def _add_term(slopes, shares, weighted, fraction, count, total, product):
    for b in range(count):
        total[b] += fraction * shares[b] * slopes[b]
    for b in range(count):
        product[b] = weighted[b] * slopes[b]
