r"""What two large shapes do together between and beyond the corners, as a table.

The pair form B h h is exact where both shapes of a pair are at ±1, and the truth to second order elsewhere. With shapes
of 10 % and more that is not enough at several standard deviations: fits end in minima that only the form has. So the
rest of a pair, over the plane of its two parameters,

.. math:: R(\alpha_k,\alpha_l) = \ln\frac{E[g_t(\alpha_k)g_u(\alpha_l)]}{E[g_t(\alpha_k)]E[g_u(\alpha_l)]}
          - \mathrm{form}(\alpha_k,\alpha_l),

is tabulated on knots, and a bicubic spline in between. It is zero on both axes and at the corners. Pairs for which it
is small have none.

:mod:`steelyard.regions.pair_surface_fit` makes them of events.
"""

import numpy as np

from steelyard.model.effects import Normaliser


def surface_derivatives(normaliser: Normaliser, place: np.ndarray) -> tuple[np.ndarray, ...]:
    """R of each table at points of the terms (..., T): value, ∂₁, ∂₂, ∂₁², ∂₁∂₂, ∂₂², each (..., S)."""
    knots, pairs = normaliser.surface_knots, normaliser.surface_pairs
    step = knots[1] - knots[0]
    cell, powers = [], []
    for side in range(2):
        at = (place[..., pairs[:, side]] - knots[0]) / step
        left = np.clip(np.floor(at).astype(np.int64), 0, len(knots) - 2)
        cell.append(left)
        powers.append(_powers(at - left, step))
    factors = normaliser.surface_cells[np.arange(len(pairs)), cell[0], cell[1]]
    orders = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    return tuple(np.einsum("...p,...pq,...q->...", powers[0][i], factors, powers[1][j]) for i, j in orders)


def _powers(at: np.ndarray, step: float) -> list[np.ndarray]:
    """Powers 0 to 3 of the place in a cell, and their first two derivatives in α: (..., 4) each."""
    one, zero = np.ones_like(at), np.zeros_like(at)
    return [
        np.stack([one, at, at**2, at**3], axis=-1),
        np.stack([zero, one, 2.0 * at, 3.0 * at**2], axis=-1) / step,
        np.stack([zero, zero, 2.0 * one, 6.0 * at], axis=-1) / step**2,
    ]
