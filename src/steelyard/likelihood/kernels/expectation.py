r"""Expectations of products of shapes over integration events, with derivatives: what a normaliser is.

With :math:`A_{ic}=\nu_cr_c(x_i)\prod_{t\in c}g_t(x_i)` and weights w of the integration sample, the sums are

.. math:: \sum_iw_iA_{ic},\quad \sum_iw_iA_{ic}s_{it},\quad \sum_iw_iA_{ic}s_{it}s_{it'},\quad \sum_iw_iA_{ic}g_t''/g_t.

They go to the fields of the same shapes of :class:`~steelyard.likelihood.kernels.moments.Moments`.
"""

from steelyard.likelihood.kernels.blocks import BLOCK
from steelyard.likelihood.kernels.intensities import fill_intensities, set_point
from steelyard.likelihood.kernels.orders import GRADIENT
from steelyard.likelihood.kernels.products import add_upper_products, dot
from steelyard.numerics.compilation import compiled


@compiled
def fill_expectations(model, events, blocks, alpha, factors, order, buffers, moments):
    """Add the sums over all blocks at ``alpha`` (K,); an order of GRADIENT fills all derivatives.

    Args:
        factors: (R,) ones.
    """
    set_point(model, alpha, buffers)
    for block in range(blocks):
        count, weights, region = events.counts[block], events.weights[block], events.region[block]
        begin, first_term = model.rows[region], model.terms[region]
        fill_intensities(model, events, block, factors, order, buffers)
        for c in range(model.rows[region + 1] - begin):
            intensities, weighted = buffers.intensities[c], buffers.weighted[c]
            total = 0.0
            for b in range(count):
                total += weights[b] * intensities[b]
            moments.processes[begin + c] += total
            first, last = model.first[begin + c], model.first[begin + c + 1]
            if order >= GRADIENT and last > first:
                for b in range(count):
                    weighted[b] = weights[b] * intensities[b]
                for t in range(first, last):
                    slopes, product = buffers.slopes[t - first_term], buffers.products[t - first]
                    for b in range(count):
                        product[b] = weighted[b] * slopes[b]
                    moments.terms[t] += dot(weighted, slopes, count)
                    moments.term_seconds[t] += dot(weighted, slopes[BLOCK:], count)
                of_terms, of_pairs = (
                    buffers.slopes[first - first_term : last - first_term],
                    moments.term_pairs[first:last],
                )
                add_upper_products(buffers.products, of_terms, last - first, count, of_pairs)
