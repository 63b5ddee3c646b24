"""Simulated samples with their weights, and experiments: events as an analysis sees them, rounded to float32."""

import math
from collections.abc import Mapping

import numpy as np

from steelyard.offshell4l import constants as const
from steelyard.offshell4l.densities import densities, expected_events, yields
from steelyard.offshell4l.integrals import integrals
from steelyard.offshell4l.names import checked_parameters, checked_sample
from steelyard.offshell4l.sampling import draw_mixture, gluon_components, quark_component


def draw_sample(sample: str, events: int, rng: np.random.Generator, total: int | None = None) -> tuple:
    """Events of a simulated sample and the weights of its processes.

    The sample ``gg`` is drawn from q = (p_S + p_SBI + p_B)/3 and each event carries the weights ν_c p_c(x)/(n q(x)) of
    all three processes, so that every weight adds up to ν_c in expectation and estimates any expectation under p_c.
    ``qqZZ`` is drawn from p_NI itself; its weights are all ν_NI/n. The weights are those of the rounded kinematics.

    Args:
        sample: a name out of ``SAMPLES``.
        events: how many to draw.
        rng: source of random numbers.
        total: n, the size of the whole sample, where it is written in several parts; default ``events``.

    Returns:
        kinematics (N, 8) float32 in the order of ``OBSERVABLES``; weights (N, C) float64, in expected events.

    Raises:
        ConfigurationError: an unknown sample.
    """
    processes = checked_sample(sample)
    nu = yields(processes) / (total or events)
    if sample == "qqZZ":
        kinematics = rounded(draw_mixture([quark_component()], np.ones(1), events, rng))
        return kinematics, np.tile(nu, (events, 1))
    components, fractions = [], []
    for name, (higgs, box) in {"S": (1.0, 0.0), "SBI": (1.0, 1.0), "B": (0.0, 1.0)}.items():
        parts = gluon_components(higgs, box)
        components += parts
        fractions += [part.integral / integrals().process(name) / len(processes) for part in parts]
    kinematics = rounded(draw_mixture(components, np.array(fractions), events, rng))
    p = densities(kinematics, processes)
    return kinematics, nu * p / p.mean(axis=1, keepdims=True)


def draw_experiments(
    parameters: Mapping[str, float], n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``n`` independent Poisson experiments, unweighted events of |√μ A_S + A_B|² and qq→ZZ.

    Returns:
        kinematics (M, 8) float32 of all experiments one after the other; offsets (n+1,) int64: experiment i has the
        rows ``offsets[i]:offsets[i+1]``.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    counts = rng.poisson(expected_events(parameters), n)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    gluons = gluon_components(kappa, 1.0)
    scale = const.YIELD_BOX / integrals().box
    expected = [scale * part.integral for part in gluons]
    components = [*gluons, quark_component()]
    kinematics = draw_mixture(components, np.array([*expected, const.YIELD_QUARK]), int(offsets[-1]), rng)
    return rounded(kinematics), offsets


def rounded(kinematics: np.ndarray) -> np.ndarray:
    """The kinematics in float32, kept inside the selected ranges.

    Rounding moves a value by 6·10⁻⁸ of itself, which could put m4l on its selection's edge 220 < m4l < 1500 or an
    azimuth beyond ±π (the float32 nearest to π is larger than π); such values are set to the last float32 inside.
    """
    result = kinematics.astype(np.float32)
    ranges = [const.M4L_RANGE, const.MZ_RANGE, const.MZ_RANGE, *[(-1.0, 1.0)] * 3, *[(-math.pi, math.pi)] * 2]
    for column, (low, high) in enumerate(ranges):
        np.clip(result[:, column], _above(low), -_above(-high), out=result[:, column])
    return result


def _above(value: float) -> np.float32:
    """The smallest float32 that is larger than ``value``."""
    nearest = np.float32(value)
    return nearest if float(nearest) > value else np.nextafter(nearest, np.float32(np.inf))
