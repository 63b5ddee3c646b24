"""Exact normalised densities of the processes and their yields: the known likelihood of the embedded analysis."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.errors import InputError, ModelError
from steelyard.simulators.offshell4l.amplitudes import gluon_rates, quark_rate
from steelyard.simulators.offshell4l.constants import OBSERVABLES, PROCESSES, YIELD_BOX, YIELD_QUARK
from steelyard.simulators.offshell4l.integrals import integrals
from steelyard.simulators.offshell4l.kept_code import compiled
from steelyard.simulators.offshell4l.names import checked_parameters, checked_processes
from steelyard.simulators.offshell4l.spaces import SELECTED, Space
from steelyard.simulators.offshell4l.variation_factors import checked_alpha, gluon_factor, quark_factor


def yields(processes: Sequence[str] = PROCESSES, alpha: Mapping[str, float] | None = None) -> np.ndarray:
    """Expected selected events of the processes for 140/fb, shape (C,), float64.

    Without nuisance parameters B and NI are fixed at 170 and 900; all others follow from ratios of integrals. Those at
    other values of the parameters are kept: a new one costs 0.05 s.

    Args:
        processes: names out of ``PROCESSES``.
        alpha: nuisance parameters by name, those not named at 0; see
            :mod:`steelyard.simulators.offshell4l.variation_factors`.

    Raises:
        ConfigurationError: a process or a nuisance parameter that does not exist, or a value beyond ±10.
    """
    nuisances = checked_alpha(alpha)
    generated = yields_in(nuisances.space, processes)
    return generated * [nuisances.norm(name) for name in processes]


def yields_in(space: Space, processes: Sequence[str] = PROCESSES) -> np.ndarray:
    """Expected events of the processes whose true kinematics lie in ``space``, shape (C,), with its shape factors.

    In units in which B and NI have 170 and 900 in the selected region.
    """
    here, selected = integrals(space), integrals(SELECTED)
    scale = YIELD_BOX / selected.box
    expected = {name: scale * here.process(name) for name in PROCESSES}
    expected["NI"] = YIELD_QUARK * (here.quark / selected.quark)
    return np.array([expected[name] for name in checked_processes(processes)])


def densities(
    observables: np.ndarray, processes: Sequence[str] = PROCESSES, alpha: Mapping[str, float] | None = None
) -> np.ndarray:
    """Normalised densities p_c(x|α), shape (N, C), float64, per GeV³ and rad² (and unit of each cosine).

    They integrate to one over 220 < m4l < 1500, 60 < mZ1, mZ2 < 120 GeV, |cos| ≤ 1 and both azimuths over 2π, whatever
    the nuisance parameters, and are zero outside these ranges and where mZ1 + mZ2 ≥ m4l.

    Args:
        observables: (N, 8), columns in the order of ``OBSERVABLES``; any float type, evaluated in float64.
        processes: names out of ``PROCESSES``; the columns of the result.
        alpha: nuisance parameters by name, those not named at 0; see
            :mod:`steelyard.simulators.offshell4l.variation_factors`.

    Raises:
        ConfigurationError: a process or a nuisance parameter that does not exist, or a value beyond ±10.
        InputError: a wrong shape, or an observable that is not a finite number.
    """
    nuisances = checked_alpha(alpha)
    return _normalised(observables, processes, SELECTED, nuisances.scale, nuisances.space)


def densities_in(space: Space, observables: np.ndarray, processes: Sequence[str] = PROCESSES) -> np.ndarray:
    """Densities of the true kinematics, with the shape factors of ``space`` and normalised to one over it, (N, C)."""
    return _normalised(observables, processes, space, 1.0, space)


def _normalised(observables, processes: Sequence[str], seen: Space, scale: float, true: Space) -> np.ndarray:
    """Densities of kinematics in ``seen``, whose masses divided by ``scale`` lie in ``true``."""
    columns = [PROCESSES.index(name) for name in checked_processes(processes)]
    gluons, quarks = any(name != "NI" for name in processes), "NI" in processes
    kinematics = _checked(observables)
    rates = _all_rates(kinematics, seen.ranges, scale, true.gluon_alpha, true.quark_alpha, gluons, quarks)
    # d³u = d³x/s³
    norms = np.array([integrals(true).process(PROCESSES[column]) for column in columns]) * scale**3
    return rates[:, columns] / norms


def log_densities(
    observables: np.ndarray, processes: Sequence[str] = PROCESSES, alpha: Mapping[str, float] | None = None
) -> np.ndarray:
    """log p_c(x|α), shape (N, C), float64: the logarithm of :func:`densities`, −inf where the density is zero."""
    with np.errstate(divide="ignore"):
        return np.log(densities(observables, processes, alpha))


def log_density(process: str, observables: np.ndarray, alpha: Mapping[str, float] | None = None) -> np.ndarray:
    """log p_c(x|α) of one process, shape (N,), float64; see :func:`log_densities`."""
    return log_densities(observables, (process,), alpha)[:, 0]


def rate_density(
    observables: np.ndarray, parameters: Mapping[str, float], alpha: Mapping[str, float] | None = None
) -> np.ndarray:
    """Expected events per unit of phase space ν(μ,α) p(x|μ,α), shape (N,), float64.

    The gg part is |√μ A_S + A_B|², expanded in S, SBI and B: (μ−√μ) ν_S p_S + √μ ν_SBI p_SBI + (1−√μ) ν_B p_B;
    ν_NI p_NI is added.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``, or as :func:`densities`.
        InputError: as :func:`densities`.
        ModelError: a negative density, which rounding could give only where the three terms cancel to 10⁻¹⁵.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    coefficients = np.array([kappa**2 - kappa, kappa, 1.0 - kappa, 1.0])
    rate = densities(observables, alpha=alpha) @ (coefficients * yields(alpha=alpha))
    if np.any(rate < 0.0):
        raise ModelError(f"offshell4l: {np.count_nonzero(rate < 0)} of {rate.size} points have a negative density")
    return rate


def expected_events(parameters: Mapping[str, float], alpha: Mapping[str, float] | None = None) -> float:
    """ν(μ,α) = μ ν_S + √μ ν_I + ν_B + ν_NI, with ν_I = ν_SBI − ν_S − ν_B, all at α.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``, or as :func:`yields`.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    signal, both, box, quark = yields(alpha=alpha)
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
def _all_rates(kinematics, ranges, scale, gluon_alpha, quark_alpha, gluons, quarks):
    """Rates of ``PROCESSES`` at every point (N, 4), its masses divided by ``scale``, with the shape factors.

    Zero for observed masses outside ``ranges``, and where a process is not asked for.
    """
    m4l_low, m4l_high, mass_low, mass_high = ranges
    rates = np.zeros((kinematics.shape[0], 4))
    for i in range(kinematics.shape[0]):
        m4l, mass1, mass2 = kinematics[i, 0], kinematics[i, 1], kinematics[i, 2]
        cosine, cosine1, cosine2 = kinematics[i, 3], kinematics[i, 4], kinematics[i, 5]
        inside = m4l_low <= m4l <= m4l_high
        inside = inside and mass_low <= mass1 <= mass_high and mass_low <= mass2 <= mass_high
        inside = inside and abs(cosine) <= 1.0 and abs(cosine1) <= 1.0 and abs(cosine2) <= 1.0
        if not inside:
            continue
        plane, plane1 = kinematics[i, 6], kinematics[i, 7]
        m4l, mass1, mass2 = m4l / scale, mass1 / scale, mass2 / scale
        if gluons:
            signal, both, box = gluon_rates(m4l, mass1, mass2, cosine, cosine1, cosine2, plane, plane1)
            factor = gluon_factor(m4l, gluon_alpha)
            rates[i, 0], rates[i, 1], rates[i, 2] = factor * signal, factor * both, factor * box
        if quarks:
            rate = quark_rate(m4l, mass1, mass2, cosine, cosine1, cosine2, plane)
            rates[i, 3] = quark_factor(cosine, quark_alpha) * rate
    return rates
