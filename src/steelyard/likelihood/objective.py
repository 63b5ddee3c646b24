"""-2 ln L of one data set with derivatives, for searches that are compiled themselves."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import FIRST, Events
from steelyard.likelihood.kernels.coefficient_values import CoefficientTables, fill_coefficients
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import BlockBuffers, allocate_buffers, set_point
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
    curves: CoefficientTables
    events: Events
    observed: np.ndarray


class EvaluationBuffers(NamedTuple):
    """Everything that is written to while a point is evaluated.

    Attributes:
        fractions: (3, C).
        gradient, hessian: the result, (1 + K,) and (1 + K, 1 + K).
    """

    buffers: BlockBuffers
    moments: Moments
    factors: Factors
    fractions: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


def allocate_evaluation(effects):
    """BlockBuffers for evaluations."""
    processes, nuisances = effects.touched.shape
    return EvaluationBuffers(
        allocate_buffers(effects),
        allocate_moments(effects),
        allocate_factors(effects),
        np.zeros((3, processes)),
        np.zeros(1 + nuisances),
        np.zeros((1 + nuisances, 1 + nuisances)),
    )


@internal
def evaluate(data, blocks, place, order, evaluation):
    """-2 ln L at ``place`` (kappa, alpha), ``inf`` where a density is not positive; derivatives go to the evaluation."""
    effects, moments = data.effects, evaluation.moments
    alpha = place[1:]
    fill_coefficients(data.curves, place[0], evaluation.fractions)
    fill_factors(effects, alpha, evaluation.factors)
    set_point(effects, alpha, evaluation.buffers)
    clear_moments(order, moments)
    rates = evaluation.factors.rates
    if not add_moments(
        effects, data.events, FIRST, blocks, evaluation.fractions[0], rates, order, evaluation.buffers, moments
    ):
        return np.inf
    if order >= GRADIENT:
        fill_gradient(
            effects,
            evaluation.fractions,
            evaluation.factors,
            alpha,
            data.observed,
            moments.processes,
            moments.terms,
            evaluation.gradient,
        )
    if order >= HESSIAN:
        fill_hessian(effects, evaluation.fractions, evaluation.factors, moments, evaluation.hessian)
    value = 2.0 * (expected_events(evaluation.fractions[0], evaluation.factors) - moments.logs[0])
    return value + constraint(effects, alpha, data.observed)
