"""Simulated samples with their weights, and experiments: events as an analysis sees them, rounded to float32."""

import math
from collections.abc import Mapping

import numpy as np

from steelyard.simulators.offshell4l import constants as const
from steelyard.simulators.offshell4l.densities import densities_in, expected_events, yields_in
from steelyard.simulators.offshell4l.integrals import integrals
from steelyard.simulators.offshell4l.names import checked_parameters, checked_sample
from steelyard.simulators.offshell4l.sampling import draw_mixture, gluon_components, quark_component
from steelyard.simulators.offshell4l.spaces import SELECTED, Space
from steelyard.simulators.offshell4l.variation_factors import checked_alpha

MASSES = 3
"""The first columns of the kinematics are the masses m4l, mZ1 and mZ2."""


def draw_sample(
    sample: str, events: int, rng: np.random.Generator, total: int | None = None, space: Space = SELECTED
) -> tuple[np.ndarray, np.ndarray]:
    """Events of a simulated sample and the weights of its processes, without nuisance parameters.

    The sample ``gg`` is drawn from q = (p_S + p_SBI + p_B)/3 and each event carries the weights ν_c p_c(x)/(n q(x)) of
    all three processes, so that every weight adds up to ν_c in expectation and estimates any expectation under p_c.
    ``qqZZ`` is drawn from p_NI itself; its weights are all ν_NI/n. The weights are those of the rounded kinematics.

    All p_c and ν_c here are those of ``space``. In a space wider than the selected one the weights of the selected
    events alone add up to the yields, in expectation.

    Args:
        sample: a name out of ``SAMPLES``.
        events: how many to draw.
        rng: source of random numbers.
        total: n, the size of the whole sample, where it is written in several parts; default ``events``.
        space: where the events lie.

    Returns:
        kinematics (N, 8) float32 in the order of ``OBSERVABLES``; weights (N, C) float64, in expected events.

    Raises:
        ConfigurationError: an unknown sample.
    """
    processes = checked_sample(sample)
    nu = yields_in(space, processes) / (total or events)
    if sample == "qqZZ":
        kinematics = rounded(draw_mixture([quark_component(space)], np.ones(1), events, rng), space)
        return kinematics, np.tile(nu, (events, 1))
    components, fractions = [], []
    for name, (higgs, box) in {"S": (1.0, 0.0), "SBI": (1.0, 1.0), "B": (0.0, 1.0)}.items():
        parts = gluon_components(higgs, box, space)
        components += parts
        fractions += [part.integral / integrals(space).process(name) / len(processes) for part in parts]
    kinematics = rounded(draw_mixture(components, np.array(fractions), events, rng), space)
    p = densities_in(space, kinematics, processes)
    return kinematics, nu * p / p.mean(axis=1, keepdims=True)


def draw_experiments(
    parameters: Mapping[str, float], n: int, rng: np.random.Generator, alpha: Mapping[str, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """``n`` independent Poisson experiments, unweighted selected events of |√μ A_S + A_B|² and qq→ZZ.

    The true kinematics are drawn from exactly the part of phase space that the lepton scale moves into the selected
    region, with the shape factors of the other nuisance parameters; then the masses are scaled.

    Args:
        parameters: ``{"mu": value ≥ 0}``.
        n: how many experiments.
        rng: source of random numbers.
        alpha: nuisance parameters by name, those not named at 0; see
            :mod:`steelyard.simulators.offshell4l.variation_factors`.

    Returns:
        kinematics (M, 8) float32 of all experiments one after the other; offsets (n+1,) int64: experiment i has the
        rows ``offsets[i]:offsets[i+1]``.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``, a nuisance parameter that does not
            exist, or a value of one beyond ±10.
    """
    kappa = math.sqrt(checked_parameters(parameters)["mu"])
    nuisances = checked_alpha(alpha)
    space = nuisances.space
    counts = rng.poisson(expected_events(parameters, alpha), n)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    gluons = gluon_components(kappa, 1.0, space)
    scale = const.YIELD_BOX / integrals(SELECTED).box * nuisances.norm("B")
    quarks = yields_in(space, ["NI"])[0] * nuisances.norm("NI")
    expected = np.array([*(scale * part.integral for part in gluons), quarks])
    kinematics = draw_mixture([*gluons, quark_component(space)], expected, int(offsets[-1]), rng)
    kinematics[:, :MASSES] *= nuisances.scale
    return rounded(kinematics), offsets


def seen(kinematics: np.ndarray, scale: float) -> np.ndarray:
    """Kinematics (N, 8) float32 of the same events with the three masses multiplied by ``scale``."""
    result = kinematics.copy()
    result[:, :MASSES] = kinematics[:, :MASSES].astype(np.float64) * scale
    return result


def rounded(kinematics: np.ndarray, space: Space = SELECTED) -> np.ndarray:
    """The kinematics in float32, kept inside the ranges of ``space``.

    Rounding moves a value by 6·10⁻⁸ of itself, which could put m4l on its selection's edge 220 < m4l < 1500 or an
    azimuth beyond ±π (the float32 nearest to π is larger than π); such values are set to the last float32 inside.
    """
    result = kinematics.astype(np.float32)
    ranges = [space.m4l, space.mass, space.mass, *[(-1.0, 1.0)] * 3, *[(-math.pi, math.pi)] * 2]
    for column, (low, high) in enumerate(ranges):
        np.clip(result[:, column], _above(low), -_above(-high), out=result[:, column])
    return result


def _above(value: float) -> np.float32:
    """The smallest float32 that is larger than ``value``."""
    nearest = np.float32(value)
    return nearest if float(nearest) > value else np.nextafter(nearest, np.float32(np.inf))
