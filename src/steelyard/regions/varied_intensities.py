"""Intensities of events at any point α of the nuisance parameters."""

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.model.interpolation import event_values
from steelyard.model.normaliser import log_normaliser
from steelyard.model.yield_factors import total_yield_factors

# Numbers (events times points) that are held at a time.
BLOCK = 1 << 20


def process_factors(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    r""":math:`H_c(\alpha)=G_c(\alpha)/N_c(\alpha)` at points: (..., K) to (..., C)."""
    return total_yield_factors(systematics, alpha) * np.exp(-log_normaliser(systematics, alpha))


def shape_products(systematics: Systematics, log_g: np.ndarray, alpha: np.ndarray, process: int) -> np.ndarray:
    r""":math:`\prod_{t\in c} g_t(x_i|\alpha)` of one process for events (n, T, 2) at points (P, K): (P, n)."""
    result = np.ones((len(alpha), len(log_g)))
    for t in np.flatnonzero(systematics.terms[:, 0] == process):
        k = systematics.terms[t, 1]
        moved = alpha[:, k] != 0.0
        if moved.any():
            kind = systematics.nuisances[k].interpolation
            values = event_values(kind, log_g[:, t, 0], log_g[:, t, 1], alpha[moved, k])
            result[slice(None) if moved.all() else moved] *= values
    return result


def varied_intensities(
    systematics: Systematics, intensities: np.ndarray, log_g: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    r"""The intensities at one point α, (n, C): :math:`H_c(\alpha)\,\nu_c r_c(x_i)\prod_{t\in c}g_t(x_i|\alpha)`.

    Args:
        systematics: nuisance parameters and their effects.
        intensities: (n, C) nominal ones, ν_c r_c.
        log_g: (n, T, 2) logarithms of the shape effects at ±1.
        alpha: (K,) nuisance parameters.
    """
    points = systematics.point(alpha)[None]
    result = intensities * process_factors(systematics, points)
    for process in np.unique(systematics.terms[:, 0]):
        for start in range(0, len(intensities), BLOCK):
            rows = slice(start, start + BLOCK)
            result[rows, process] *= shape_products(systematics, log_g[rows], points, process)[0]
    return result


def total_intensities(
    systematics: Systematics, coefficients: np.ndarray, intensities: np.ndarray, log_g: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    r""":math:`\lambda_i=\sum_c f_c H_c\,\nu_c r_c(x_i)\prod_{t\in c}g_t(x_i|\alpha)` at many points: (P, n).

    Args:
        systematics: nuisance parameters and their effects.
        coefficients: (C,) f_c.
        intensities: (n, C) nominal ones, ν_c r_c.
        log_g: (n, T, 2) logarithms of the shape effects at ±1.
        alpha: (P, K) nuisance parameters.
    """
    factors = coefficients * process_factors(systematics, alpha)
    varied = np.unique(systematics.terms[:, 0])
    plain = np.setdiff1d(np.arange(intensities.shape[1]), varied)
    result = factors[:, plain] @ intensities[:, plain].T
    for process in varied:
        products = shape_products(systematics, log_g, alpha, process)
        products *= intensities[:, process]
        products *= factors[:, process, None]
        result += products
    return result
