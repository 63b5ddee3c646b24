"""-2 ln L of one data set with derivatives, for searches that are compiled themselves."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import FIRST, Events
from steelyard.likelihood.kernels.coefficient_values import Curves, fill_fractions
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import Room, allocate_room, set_point
from steelyard.likelihood.kernels.moments import Moments, add_moments, allocate_moments, clear_moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.process_factors import Effects, Factors, allocate_factors, fill_factors
from steelyard.numerics.compilation import internal


class Data(NamedTuple):
    """One data set and its model.

    Attributes:
        effects, curves: the model.
        events: room with the events in its first blocks.
        observed: (K,) global observables.
    """

    effects: Effects
    curves: Curves
    events: Events
    observed: np.ndarray


class Desk(NamedTuple):
    """Everything that is written to while a point is evaluated.

    Attributes:
        fractions: (3, C).
        gradient, hessian: the result, (1 + K,) and (1 + K, 1 + K).
    """

    room: Room
    moments: Moments
    factors: Factors
    fractions: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


def allocate_desk(effects):
    """Room for evaluations."""
    processes, nuisances = effects.touched.shape
    return Desk(
        allocate_room(effects),
        allocate_moments(effects),
        allocate_factors(effects),
        np.zeros((3, processes)),
        np.zeros(1 + nuisances),
        np.zeros((1 + nuisances, 1 + nuisances)),
    )


@internal
def evaluate(data, blocks, place, order, desk):
    """-2 ln L at ``place`` (kappa, alpha), ``inf`` where a density is not positive; derivatives go to the desk."""
    effects, moments = data.effects, desk.moments
    alpha = place[1:]
    fill_fractions(data.curves, place[0], desk.fractions)
    fill_factors(effects, alpha, desk.factors)
    set_point(effects, alpha, desk.room)
    clear_moments(order, moments)
    rates = desk.factors.rates
    if not add_moments(effects, data.events, FIRST, blocks, desk.fractions[0], rates, order, desk.room, moments):
        return np.inf
    if order >= GRADIENT:
        fill_gradient(
            effects, desk.fractions, desk.factors, alpha, data.observed, moments.processes, moments.terms, desk.gradient
        )
    if order >= HESSIAN:
        fill_hessian(effects, desk.fractions, desk.factors, moments, desk.hessian)
    value = 2.0 * (expected_events(desk.fractions[0], desk.factors) - moments.logs[0])
    return value + constraint(effects, alpha, data.observed)
