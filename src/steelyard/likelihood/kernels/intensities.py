r"""The intensities of processes at the events of a block, with what shapes make of them, and their derivatives.

:math:`A_{ic}=H_c\,\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)`, the slopes
:math:`s_{it}=\partial\ln g_t(x_i)/\partial\alpha_{k(t)}` and :math:`g_t''/g_t`. Intensities and their products are
float64; what a shape changes, :math:`g-1` and s, is float32.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import BLOCK
from steelyard.likelihood.kernels.interpolation import LINEAR, TINY, WEIGHTS, interpolation_weights
from steelyard.likelihood.kernels.orders import GRADIENT, VALUE
from steelyard.numerics.allocation import aligned
from steelyard.numerics.compilation import internal
from steelyard.numerics.elementary import exp, expm1, expm1_of_small

# Terms of a process whose polynomials are multiplied in float32, where only what they add to one is rounded.
TOGETHER = 4

_ONE32, _TINY32 = np.float32(1.0), np.float32(TINY)


class BlockBuffers(NamedTuple):
    """Where a block is worked on, and the interpolation weights at the present point.

    Attributes:
        weights: (K, 3, 8) float32; ``polynomial`` (K,) whether they are of the polynomial.
        of_one: (3, 8) the weights of one nuisance parameter, float64.
        intensities: (C, B) A_ic of the region's processes.
        exponent: (B,) logarithm of the factors of one process that are exponentials; then products of intensities.
        intensity: (B,) lambda_i.
        residual, curvature: (B,) u and q of bins (:mod:`~steelyard.likelihood.kernels.moments`).
        product: (B,) the product of some terms' g, less one.
        slopes: (T, 2B) g'/g, and then g''/g, of the region's terms.
        shares, weighted: (C, B) a_ic, and the same with the event weights.
        sums, weighted_sums: (K_s, B) v_ij, and the same with the event weights.
        products: (W, B) a_ic s_it of one process.
    """

    weights: np.ndarray
    polynomial: np.ndarray
    of_one: np.ndarray
    intensities: np.ndarray
    exponent: np.ndarray
    intensity: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    product: np.ndarray
    slopes: np.ndarray
    shares: np.ndarray
    weighted: np.ndarray
    sums: np.ndarray
    weighted_sums: np.ndarray
    products: np.ndarray


def allocate_buffers(model):
    """Buffers for the work on a block of any region."""
    processes, terms, shapes, _ = model.largest
    return BlockBuffers(
        aligned((len(model.kinds), 3, WEIGHTS), np.float32),
        aligned(len(model.kinds), np.bool_),
        aligned((3, WEIGHTS)),
        aligned((processes, BLOCK)),
        aligned(BLOCK),
        aligned(BLOCK),
        aligned(BLOCK),
        aligned(BLOCK),
        aligned(BLOCK, np.float32),
        aligned((terms, 2 * BLOCK), np.float32),
        aligned((processes, BLOCK), np.float32),
        aligned((processes, BLOCK), np.float32),
        aligned((shapes, BLOCK), np.float32),
        aligned((shapes, BLOCK), np.float32),
        aligned((model.width, BLOCK), np.float32),
    )


@internal
def set_point(model, alpha, buffers):
    """Form the interpolation weights at ``alpha`` (K,)."""
    weights = buffers.of_one
    for k in range(len(alpha)):
        if model.kinds[k] != LINEAR:
            buffers.polynomial[k] = interpolation_weights(model.kinds[k], alpha[k], weights)
            for order in range(3):
                for j in range(WEIGHTS):
                    buffers.weights[k, order, j] = weights[order, j]


@internal
def fill_intensities(model, events, block, factors, order, buffers):
    """A_ic of a block, and the terms' g'/g and g''/g as far as the order needs them: of its region, from row 0 on."""
    count, product, region = events.counts[block], buffers.product, events.region[block]
    begin, first_term = model.rows[region], model.terms[region]
    row, shape_row = events.rows[block] - begin, events.terms[block] - first_term
    for c in range(begin, model.rows[region + 1]):
        intensities, nominal, factor = buffers.intensities[c - begin], events.intensities[row + c], factors[c]
        for b in range(count):
            intensities[b] = nominal[b] * factor
        exponents, polynomials = False, 0
        for t in range(model.first[c], model.first[c + 1]):
            at = shape_row + t
            shape, weights, slopes = (
                events.shapes[at],
                buffers.weights[model.nuisance[t]],
                buffers.slopes[t - first_term],
            )
            if buffers.polynomial[model.nuisance[t]]:
                if polynomials == 0:
                    product[:count] = 0.0
                if events.mixed[at]:
                    if not exponents:
                        buffers.exponent[:count] = 0.0
                        exponents = True
                    _polynomial_mixed(shape, events.fallen[at], weights, count, product, buffers.exponent, slopes)
                elif events.wide[at]:
                    _polynomial_wide(shape, weights, count, product, slopes)
                elif order == VALUE:
                    _polynomial_value(shape, weights, count, product)
                elif order == GRADIENT:
                    _polynomial_gradient(shape, weights, count, product, slopes)
                else:
                    _polynomial_hessian(shape, weights, count, product, slopes)
                polynomials += 1
                if polynomials == TOGETHER:
                    _multiply(product, count, intensities)
                    polynomials = 0
            else:
                if not exponents:
                    buffers.exponent[:count] = 0.0
                    exponents = True
                _exponent(shape, weights, count, order, buffers.exponent, slopes)
        if polynomials:
            _multiply(product, count, intensities)
        if exponents:
            exponent = buffers.exponent
            for b in range(count):
                intensities[b] *= exp(exponent[b])


# The loops below are one, for the orders, for wide shapes, and for some that fall back. Each of the others writes to
# two arrays at most: with more the compiler gives up on proving that they are different ones, and does one event at a
# time.


@internal
def _combine(up, down, more, less, w0, w1, w2, w3, w4, w5):
    """b0 (g+ - 1) + b1 (g- - 1) + g+ u (b2 + b4 u) + g- d (b3 + b5 d), code 4's g - 1 or a derivative."""
    rise = up * (w2 + w4 * up)
    fall = down * (w3 + w5 * down)
    return (more * (w0 + rise) + rise) + (less * (w1 + fall) + fall)


@internal
def _inverse(excess):
    g = _ONE32 + excess
    return _ONE32 / (g if g != 0.0 else _TINY32)


@internal
def _polynomial_value(shape, weights, count, product):
    v0, v1, v2, v3, v4, v5 = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3], weights[0, 4], weights[0, 5]
    for b in range(count):
        up, down = shape[b], shape[BLOCK + b]
        excess = _combine(up, down, expm1_of_small(up), expm1_of_small(down), v0, v1, v2, v3, v4, v5)
        product[b] += excess + product[b] * excess


@internal
def _polynomial_gradient(shape, weights, count, product, slopes):
    v0, v1, v2, v3, v4, v5 = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3], weights[0, 4], weights[0, 5]
    f0, f1, f2, f3, f4, f5 = weights[1, 0], weights[1, 1], weights[1, 2], weights[1, 3], weights[1, 4], weights[1, 5]
    for b in range(count):
        up, down = shape[b], shape[BLOCK + b]
        more, less = expm1_of_small(up), expm1_of_small(down)
        excess = _combine(up, down, more, less, v0, v1, v2, v3, v4, v5)
        product[b] += excess + product[b] * excess
        slopes[b] = _combine(up, down, more, less, f0, f1, f2, f3, f4, f5) * _inverse(excess)


@internal
def _polynomial_hessian(shape, weights, count, product, slopes):
    v0, v1, v2, v3, v4, v5 = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3], weights[0, 4], weights[0, 5]
    f0, f1, f2, f3, f4, f5 = weights[1, 0], weights[1, 1], weights[1, 2], weights[1, 3], weights[1, 4], weights[1, 5]
    s0, s1, s2, s3, s4, s5 = weights[2, 0], weights[2, 1], weights[2, 2], weights[2, 3], weights[2, 4], weights[2, 5]
    for b in range(count):
        up, down = shape[b], shape[BLOCK + b]
        more, less = expm1_of_small(up), expm1_of_small(down)
        excess = _combine(up, down, more, less, v0, v1, v2, v3, v4, v5)
        product[b] += excess + product[b] * excess
        inverse = _inverse(excess)
        slopes[b] = _combine(up, down, more, less, f0, f1, f2, f3, f4, f5) * inverse
        slopes[BLOCK + b] = _combine(up, down, more, less, s0, s1, s2, s3, s4, s5) * inverse


@internal
def _polynomial_wide(shape, weights, count, product, slopes):
    v0, v1, v2, v3, v4, v5 = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3], weights[0, 4], weights[0, 5]
    f0, f1, f2, f3, f4, f5 = weights[1, 0], weights[1, 1], weights[1, 2], weights[1, 3], weights[1, 4], weights[1, 5]
    s0, s1, s2, s3, s4, s5 = weights[2, 0], weights[2, 1], weights[2, 2], weights[2, 3], weights[2, 4], weights[2, 5]
    for b in range(count):
        up, down = shape[b], shape[BLOCK + b]
        more, less = expm1(up), expm1(down)
        excess = _combine(up, down, more, less, v0, v1, v2, v3, v4, v5)
        product[b] += excess + product[b] * excess
        inverse = _inverse(excess)
        slopes[b] = _combine(up, down, more, less, f0, f1, f2, f3, f4, f5) * inverse
        slopes[BLOCK + b] = _combine(up, down, more, less, s0, s1, s2, s3, s4, s5) * inverse


@internal
def _polynomial_mixed(shape, fallen, weights, count, product, exponent, slopes):
    """The same with events that fall back: their ln g joins the exponent, which is float64."""
    v0, v1, v2, v3, v4, v5 = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3], weights[0, 4], weights[0, 5]
    f0, f1, f2, f3, f4, f5 = weights[1, 0], weights[1, 1], weights[1, 2], weights[1, 3], weights[1, 4], weights[1, 5]
    s0, s1, s2, s3, s4, s5 = weights[2, 0], weights[2, 1], weights[2, 2], weights[2, 3], weights[2, 4], weights[2, 5]
    for b in range(count):
        up, down = shape[b], shape[BLOCK + b]
        if fallen[b]:
            exponent[b] += np.float64(weights[0, 6]) * np.float64(up) + np.float64(weights[0, 7]) * np.float64(down)
            slope = weights[1, 6] * up + weights[1, 7] * down
            slopes[b] = slope
            slopes[BLOCK + b] = weights[2, 6] * up + weights[2, 7] * down + slope * slope
        else:
            more, less = expm1(up), expm1(down)
            excess = _combine(up, down, more, less, v0, v1, v2, v3, v4, v5)
            product[b] += excess + product[b] * excess
            inverse = _inverse(excess)
            slopes[b] = _combine(up, down, more, less, f0, f1, f2, f3, f4, f5) * inverse
            slopes[BLOCK + b] = _combine(up, down, more, less, s0, s1, s2, s3, s4, s5) * inverse


@internal
def _multiply(product, count, intensities):
    for b in range(count):
        g = 1.0 + np.float64(product[b])
        intensities[b] *= g if g != 0.0 else TINY


@internal
def _exponent(shape, weights, count, order, exponent, slopes):
    value_up, value_down = np.float64(weights[0, 0]), np.float64(weights[0, 1])
    first_up, first_down = weights[1, 0], weights[1, 1]
    second_up, second_down = weights[2, 0], weights[2, 1]
    for b in range(count):
        exponent[b] += value_up * np.float64(shape[b]) + value_down * np.float64(shape[BLOCK + b])
    if order >= GRADIENT:
        for b in range(count):
            slope = first_up * shape[b] + first_down * shape[BLOCK + b]
            slopes[b] = slope
            slopes[BLOCK + b] = second_up * shape[b] + second_down * shape[BLOCK + b] + slope * slope


@internal
def mix(coefficients, intensities, count, intensity):
    """lambda_i of a block, from the coefficients (C,) of its processes."""
    processes = len(coefficients)
    if processes < 4:
        intensity[:count] = 0.0
    else:
        f0, f1, f2, f3 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
        for b in range(count):
            intensity[b] = (f0 * intensities[0, b] + f1 * intensities[1, b]) + (
                f2 * intensities[2, b] + f3 * intensities[3, b]
            )
    for c in range(4 if processes >= 4 else 0, processes):
        coefficient = coefficients[c]
        for b in range(count):
            intensity[b] += coefficient * intensities[c, b]
