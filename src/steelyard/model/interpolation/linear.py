r"""A norm factor: the parameter's own value multiplies the yields, :math:`g(\alpha) = \alpha`.

There are no ±1σ effects, and no shapes; compiled code knows it by :data:`NAME` and has no weights of it.
"""

import numpy as np
from numpy.typing import ArrayLike

from steelyard.model.interpolation.weights import Derivatives
from steelyard.numerics.compilation import internal

NAME = "linear"


def derivatives(log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """α, 1 and 0, in the common shape of the arguments."""
    value = np.broadcast_arrays(np.asarray(alpha, dtype=float), log_up, log_down)[0]
    return value.copy(), np.ones(value.shape), np.zeros(value.shape)


def event_values(log_up: np.ndarray, log_down: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """α of each value for all events: (n,), (n,), (P,) to (P, n)."""
    return np.repeat(alpha[:, None], len(log_up), axis=1)


@internal
def weights(alpha, result):
    """None."""
    return False
