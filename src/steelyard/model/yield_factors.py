r"""What nuisance parameters do to the yields: :math:`G_c(\alpha)=\prod_k G_{ck}(\alpha_k)`."""

from dataclasses import dataclass

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.model.interpolation import interpolate


@dataclass(frozen=True, eq=False)
class Response:
    """G_c at one point, (C,), with its gradient (C, K) and its Hessian (C, K, K) in the nuisance parameters."""

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


def yield_factors(systematics: Systematics, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """G_ck(α_k) and its first two derivatives, each (..., C, K), at points α (..., K).

    The two ±1σ factors of a process are interpolated as its events are; a norm factor (``linear``) is α_k itself for
    the processes that it multiplies, and 1 for the others.
    """
    alpha = np.asarray(alpha, dtype=float)[..., None, :]
    shape = (*alpha.shape[:-2], *systematics.log_yields.shape[:2])
    result = (np.ones(shape), np.zeros(shape), np.zeros(shape))
    for k, nuisance in enumerate(systematics.nuisances):
        linear = nuisance.interpolation == "linear"
        effects = systematics.log_yields[:, k]
        touched = np.flatnonzero(systematics.factors[:, k] if linear else effects.any(axis=1))
        factors = interpolate(nuisance.interpolation, effects[touched, 0], effects[touched, 1], alpha[..., k])
        for array, factor in zip(result, factors, strict=True):
            array[..., touched, k] = factor
    return result


def total_yield_factors(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    """G_c at points α: (..., K) to (..., C)."""
    return yield_factors(systematics, alpha)[0].prod(axis=-1)


def response(systematics: Systematics, alpha: np.ndarray) -> Response:
    r"""G_c at one point (K,) with exact derivatives, also where a norm factor is zero.

    .. math:: \partial_k G_c = G'_{ck}\prod_{j\ne k}G_{cj}, \quad
              \partial_k\partial_l G_c = G'_{ck}G'_{cl}\prod_{j\ne k,l}G_{cj}\ (k\ne l), \quad
              \partial_k^2 G_c = G''_{ck}\prod_{j\ne k}G_{cj}
    """
    value, first, second = yield_factors(systematics, systematics.point(alpha))
    others = _products_of_others(value)
    hessian = np.zeros((*value.shape, value.shape[1]))
    for k in range(value.shape[1]):
        replaced = value.copy()
        replaced[:, k] = first[:, k]
        hessian[:, k] = _products_of_others(replaced) * first
        hessian[:, k, k] = others[:, k] * second[:, k]
    return Response(value.prod(axis=1), others * first, hessian)


def _products_of_others(values: np.ndarray) -> np.ndarray:
    """The product along the last axis without each element itself, (C, K); no division, so zeros may occur."""
    ones = np.ones((*values.shape[:-1], 1))
    before = np.cumprod(np.concatenate([ones, values[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, values[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after
