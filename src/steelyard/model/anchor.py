"""A correction of a normaliser that is exact about one point."""

from dataclasses import dataclass

import numpy as np

# Standard deviations within which an anchor's correction grows.
ANCHOR_REACH = 2.0


@dataclass(frozen=True, eq=False)
class Anchor:
    r"""A quadratic correction of ln N_c about one point, which makes it the joint expectation there.

    .. math:: \ln N_c(\alpha) = \mathrm{form}_c(\alpha) + c_c + l_c\cdot s + \tfrac12s^TQ_cs, \qquad
              s_k = \frac{d_k}{\sqrt{1+(d_k/R)^2}}, \quad d = \alpha-\alpha_0

    s and d are the same to second order; a correction that knows one point only must not run away from it, and s stays
    within R, :data:`ANCHOR_REACH`.

    Attributes:
        alpha: (K,) the point.
        offset: (C,).
        linear: (C, K).
        quadratic: (C, K, K), symmetric.
    """

    alpha: np.ndarray
    offset: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray

    def distance(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """s and its first two derivatives at points (..., K), each (..., K)."""
        d = alpha - self.alpha
        factor = 1.0 / (1.0 + (d / ANCHOR_REACH) ** 2)
        return d * factor**0.5, factor**1.5, -3.0 * d / ANCHOR_REACH**2 * factor**2.5
