"""Exact normalised densities of the processes and their yields: the known likelihood of the embedded analysis."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.errors import InputError, ModelError
from steelyard.offshell4l.amplitudes import gluon_rates, quark_rate
from steelyard.offshell4l.compilation import compiled
from steelyard.offshell4l.constants import (
    M4L_RANGE,
    MZ_RANGE,
    OBSERVABLES,
    PROCESSES,
    YIELD_BOX,
    YIELD_QUARK,
)
from steelyard.offshell4l.integrals import integrals
from steelyard.offshell4l.names import checked_parameters, checked_processes

M4L_LOW, M4L_HIGH = M4L_RANGE
MZ_LOW, MZ_HIGH = MZ_RANGE


def yields(processes: Sequence[str] = PROCESSES) -> np.ndarray:
    """Expected events of the processes for 140/fb, shape (C,), float64.

    B and NI are fixed at 170 and 900; S and SBI follow from the ratio of their integrals to that of B.

    Raises:
        ConfigurationError: a process that does not exist.
    """
    scale = YIELD_BOX / integrals().box
    fixed = {name: scale * integrals().process(name) for name in PROCESSES} | {"NI": YIELD_QUARK}
    return np.array([fixed[name] for name in checked_processes(processes)])


def densities(observables: np.ndarray, processes: Sequence[str] = PROCESSES) -> np.ndarray:
    """Normalised densities p_c(x), shape (N, C), float64, per GeV³ and rad² (and unit of each cosine).

    They integrate to one over 220 < m4l < 1500, 60 < mZ1, mZ2 < 120 GeV, |cos| ≤ 1 and both azimuths over 2π, and are
    zero outside these ranges and where mZ1 + mZ2 ≥ m4l.

    Args:
        observables: (N, 8), columns in the order of ``OBSERVABLES``; any float type, evaluated in float64.
        processes: names out of ``PROCESSES``; the columns of the result.

    Raises:
        ConfigurationError: a process that does not exist.
        InputError: a wrong shape, or an observable that is not a finite number.
    """
    columns = [PROCESSES.index(name) for name in checked_processes(processes)]
    rates = _all_rates(_checked(observables), "NI" in processes, any(name != "NI" for name in processes))
    norms = np.array([integrals().process(PROCESSES[column]) for column in columns])
    return rates[:, columns] / norms


def log_densities(observables: np.ndarray, processes: Sequence[str] = PROCESSES) -> np.ndarray:
    """log p_c(x), shape (N, C), float64: the logarithm of :func:`densities`, −inf where the density is zero."""
    with np.errstate(divide="ignore"):
        return np.log(densities(observables, processes))


def log_density(process: str, observables: np.ndarray) -> np.ndarray:
    """log p_c(x) of one process, shape (N,), float64; see :func:`log_densities`."""
    return log_densities(observables, (process,))[:, 0]


def rate_density(observables: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """Expected events per unit of phase space ν(μ) p(x|μ), shape (N,), float64.

    The gg part is |√μ A_S + A_B|², expanded in S, SBI and B: (μ−√μ) ν_S p_S + √μ ν_SBI p_SBI + (1−√μ) ν_B p_B;
    ν_NI p_NI is added.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``.
        InputError: as :func:`densities`.
        ModelError: a negative density, which rounding could give only where the three terms cancel to 10⁻¹⁵.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    coefficients = np.array([kappa**2 - kappa, kappa, 1.0 - kappa, 1.0])
    rate = densities(observables) @ (coefficients * yields())
    if np.any(rate < 0.0):
        raise ModelError(f"offshell4l: {np.count_nonzero(rate < 0)} of {rate.size} points have a negative density")
    return rate


def expected_events(parameters: Mapping[str, float]) -> float:
    """ν(μ) = μ ν_S + √μ ν_I + ν_B + ν_NI, with ν_I = ν_SBI − ν_S − ν_B.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    signal, both, box, quark = yields()
    return kappa**2 * signal + kappa * (both - signal - box) + box + quark


def _checked(observables: np.ndarray) -> np.ndarray:
    kinematics = np.ascontiguousarray(observables, dtype=np.float64)
    if kinematics.ndim != 2 or kinematics.shape[1] != len(OBSERVABLES):
        raise InputError(
            f"offshell4l: the densities need an array (N, {len(OBSERVABLES)}) of {', '.join(OBSERVABLES)}; "
            f"this one has shape {kinematics.shape}"
        )
    bad = ~np.isfinite(kinematics)
    if bad.any():
        name = OBSERVABLES[int(np.argmax(bad.any(axis=0)))]
        raise InputError(f"offshell4l: {np.count_nonzero(bad.any(axis=1))} events are not finite, first in '{name}'")
    return kinematics


@compiled
def _all_rates(kinematics, quarks, gluons):
    """Rates of ``PROCESSES`` at every point (N, 4); those not asked for are left at zero."""
    rates = np.zeros((kinematics.shape[0], 4))
    for i in range(kinematics.shape[0]):
        m4l, mass1, mass2 = kinematics[i, 0], kinematics[i, 1], kinematics[i, 2]
        cosine, cosine1, cosine2 = kinematics[i, 3], kinematics[i, 4], kinematics[i, 5]
        inside = M4L_LOW <= m4l <= M4L_HIGH and MZ_LOW <= mass1 <= MZ_HIGH and MZ_LOW <= mass2 <= MZ_HIGH
        inside = inside and abs(cosine) <= 1.0 and abs(cosine1) <= 1.0 and abs(cosine2) <= 1.0
        if not inside:
            continue
        plane, plane1 = kinematics[i, 6], kinematics[i, 7]
        if gluons:
            signal, both, box = gluon_rates(m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1)
            rates[i, 0], rates[i, 1], rates[i, 2] = signal, both, box
        if quarks:
            rates[i, 3] = quark_rate(m4l, mass1, mass2, cosine, cosine1, cosine2, plane)
    return rates
