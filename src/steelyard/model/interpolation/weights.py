r"""How compiled code interpolates: weights that are formed once at a point, for all events.

With u = ln g⁺ and d = ln g⁻ of an event or a yield, a code is evaluated in one of two ways. *Polynomial*:

.. math:: g(\alpha) - 1 = b_0(g^+-1) + b_1(g^--1) + g^+u\,(b_2 + b_4u) + g^-d\,(b_3 + b_5d).

*Exponent*:

.. math:: \ln g(\alpha) = b_0\,u + b_1\,d,

with :math:`b=(\alpha,0)` above 1 and :math:`(0,-\alpha)` below −1 for all codes here. Derivatives in α are those of the
weights. Effects for which a polynomial is not positive somewhere have an exponent at all α
(:mod:`~steelyard.model.interpolation.positivity`): the weights of a polynomial are accompanied by those that this
exponent has, in two further columns.
"""

import numpy as np

from steelyard.numerics.compilation import internal

Derivatives = tuple[np.ndarray, np.ndarray, np.ndarray]  # value, first and second derivative in alpha

# Columns of the weights: the polynomial's six, or two in their place; then the two for effects that fall back.
WEIGHTS = 8
FALL_BACK = 6


@internal
def outside(alpha, result):
    """Clear the weights (3, 8); outside of ±1 fill those of the exponent there, and return true."""
    result[:] = 0.0
    if abs(alpha) >= 1.0:
        side = 0 if alpha > 0.0 else 1
        result[0, side], result[1, side] = abs(alpha), 1.0 - 2.0 * side
        return True
    return False
