r"""Intensities nu_c r_c of events from their log density ratios, normalised on the reference.

From a network's output to here ratios are logarithms: the members of an ensemble (whose mean of ratios is formed as a
logarithm, :func:`steelyard.ratios.ensembles.mean_log_ratio`), the scores on disk, exact ratios. From here on the
likelihood sees intensities alone,

.. math:: \nu_c r_c(x) = e^{\ln r_c(x)}\;\nu_c / E_\mathrm{ref}[r_c]
"""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError


@dataclass(frozen=True)
class Normalisation:
    """E_ref[r_c] of the raw ratios on events that no network trained on, and its statistical error, both (C,)."""

    processes: tuple[str, ...]
    mean: np.ndarray
    error: np.ndarray

    def ratios(self, log_r: np.ndarray) -> np.ndarray:
        """r_c of any events from raw log ratios (N, C), divided by E_ref[r_c]."""
        normalised: np.ndarray = _ratios(log_r) / self.mean
        return normalised

    def intensities(self, log_r: np.ndarray, yields: np.ndarray) -> np.ndarray:
        """nu_c r_c of any events from raw log ratios (N, C) and yields (C,), as of the reference."""
        intensities: np.ndarray = _ratios(log_r) * (yields / self.mean)
        return intensities


def normalise(processes: tuple[str, ...], log_r: np.ndarray, weights: np.ndarray) -> Normalisation:
    """E_ref[r_c] and its error from raw log ratios (n, C) of unseen reference events with weights (n,) of sum 1.

    Only the deviation r_c - 1 fluctuates, since the weights' sum is fixed: var = sum_i w_i^2 (r_ci - mean_c)^2.

    Raises:
        ModelError: a ratio is not finite somewhere, or its mean is not positive.
    """
    ratio = _ratios(log_r)
    mean = weights @ ratio
    for process, column, value in zip(processes, ratio.T, mean, strict=True):
        bad = int(np.count_nonzero(~np.isfinite(column)))
        if bad:
            raise ModelError(f"the ratio of process {process} is not finite on {bad} reference events")
        if not value > 0.0:
            raise ModelError(
                f"the ratio of process {process} has mean {value:g} on the reference: nothing to normalise"
            )
    error = np.sqrt(weights**2 @ (ratio - mean) ** 2)
    return Normalisation(processes=processes, mean=mean, error=error)


def log_ratios(intensities: np.ndarray, yields: np.ndarray) -> np.ndarray:
    """ln r_c of events from their intensities nu_c r_c (N, C) and the yields (C,), for what is seen in ln r again."""
    log_r: np.ndarray = np.log(intensities) - np.log(yields)
    return log_r


def log_mean(log_values: np.ndarray, density: np.ndarray) -> np.ndarray:
    """ln E[exp] of logarithms (n,) or (R, n) under a density (n,): what is subtracted to make the expectation one."""
    mean: np.ndarray = np.exp(log_values) @ density
    return np.asarray(np.log(mean))


def _ratios(log_r: np.ndarray) -> np.ndarray:
    ratios: np.ndarray = np.exp(np.asarray(log_r, dtype=float))
    return ratios
