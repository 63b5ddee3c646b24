"""The mixture's coefficients along the fit coordinate, as the compiled code takes them."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.quintic import quintic
from steelyard.model.mixture import Mixture
from steelyard.numerics.compilation import internal

# Knots of coefficients that are no polynomials: the quintic's error, h^6 f^(6)/46080, is below rounding.
KNOTS = 2049


class CoefficientTables(NamedTuple):
    """Coefficients of C processes: polynomials, or quintic polynomials between knots.

    Attributes:
        polynomial: (C, D + 1) factors of the powers of the coordinate, lowest first; (C, 0) where there are knots.
        knots: (2,) lowest knot and distance.
        table: (C, Q, 3) value and derivatives at the knots.
    """

    polynomial: np.ndarray
    knots: np.ndarray
    table: np.ndarray


def prepare_coefficients(mixture: Mixture) -> CoefficientTables:
    """The mixture's coefficients within its bounds."""
    polynomial, processes = mixture.coefficients.polynomial, len(mixture.processes)
    if polynomial is not None:
        return CoefficientTables(np.ascontiguousarray(polynomial), np.array([0.0, 1.0]), np.zeros((processes, 0, 3)))
    knots = np.linspace(*mixture.coordinate_bounds, KNOTS)
    table = np.stack([mixture.fractions(knots, order).T for order in range(3)], axis=-1)
    return CoefficientTables(
        np.zeros((processes, 0)), np.array([knots[0], knots[1] - knots[0]]), np.ascontiguousarray(table)
    )


@internal
def fill_coefficients(curves, kappa, fractions):
    """f_c and its first two derivatives in the coordinate, (3, C)."""
    degree = curves.polynomial.shape[1] - 1
    for c in range(fractions.shape[1]):
        if degree < 0:
            value, first, second = quintic(curves.table[c], curves.knots[0], curves.knots[1], kappa)
        else:
            value, first, second = 0.0, 0.0, 0.0
            for power in range(degree, -1, -1):
                second = second * kappa + 2.0 * first
                first = first * kappa + value
                value = value * kappa + curves.polynomial[c, power]
        fractions[0, c], fractions[1, c], fractions[2, c] = value, first, second
