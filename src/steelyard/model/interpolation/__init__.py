r"""Interpolation of an effect between its values at α = ±1 and at 0, with exact derivatives.

u = ln g⁺ and d = ln g⁻ are everywhere the logarithms of the effect at α = +1 and −1: of one event, or of a yield.

A code is a file of its own, and one line in :data:`CODES`, whose place in it is the number by which compiled code knows
it. It has

- ``NAME``: in configurations and files;
- ``derivatives(log_up, log_down, alpha)``: g and its first two derivatives in α, of arrays that broadcast;
- ``event_values(log_up, log_down, alpha)``: the same g without derivatives, of events (n,) at values (P,) inside ±1;
- ``weights(alpha, result)``: what compiled code needs at a point (:mod:`steelyard.model.interpolation.weights`).
"""

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError, nearest
from steelyard.model.choices import load_all
from steelyard.model.interpolation import exponential, linear
from steelyard.model.interpolation.weights import Derivatives

CODES = load_all(
    "model.interpolation.code4",
    "model.interpolation.exponential",
    "model.interpolation.linear",
)
NAMES = tuple(code.NAME for code in CODES)
OF_VARIATIONS = tuple(code.NAME for code in CODES if code is not linear)  # those that interpolate between two sides
EXPONENTIAL, LINEAR = CODES.index(exponential), CODES.index(linear)


def code_of(name: str, nuisance: str) -> int:
    """The number by which compiled code knows the code of a nuisance parameter.

    Raises:
        ModelError: there is none of this name.
    """
    if name not in NAMES:
        raise ModelError(f"nuisance parameter {nuisance}: interpolation '{name}': {nearest(name, NAMES)}")
    return NAMES.index(name)


def interpolate(kind: str, log_up: ArrayLike, log_down: ArrayLike, alpha: ArrayLike) -> Derivatives:
    """g(α) and its first two derivatives; the arguments broadcast against each other.

    Args:
        kind: name of a code.
        log_up, log_down: ln g at α = +1 and −1.
        alpha: nuisance parameter.
    """
    return CODES[NAMES.index(kind)].derivatives(log_up, log_down, alpha)


def event_values(kind: str, log_up: np.ndarray, log_down: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """g of many events at many values of one nuisance parameter: (n,), (n,), (P,) to (P, n), without derivatives.

    The same numbers as :func:`interpolate` to rounding, at a fraction of its cost: what depends on the event alone is
    done once for all values.
    """
    up, down, alpha = (np.asarray(item, dtype=float) for item in (log_up, log_down, alpha))
    result = np.empty((len(alpha), len(up)))
    above, below = alpha >= 1.0, alpha <= -1.0
    inside = ~(above | below)
    if inside.any():
        result[inside] = CODES[NAMES.index(kind)].event_values(up, down, alpha[inside])
    if above.any():
        result[above] = np.exp(np.outer(alpha[above], up))
    if below.any():
        result[below] = np.exp(np.outer(-alpha[below], down))
    return result
