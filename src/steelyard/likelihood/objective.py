"""-2 ln L of one data set with derivatives, for searches that are compiled themselves."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.compile import CompiledModel
from steelyard.likelihood.kernels.blocks import FIRST, Events
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import BlockBuffers, allocate_buffers, set_point
from steelyard.likelihood.kernels.moments import Moments, add_moments, allocate_moments, clear_moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.process_factors import Factors, allocate_factors, fill_factors
from steelyard.model.coefficient_forms import derivatives_of, fill_coefficients
from steelyard.numerics.compilation import internal


class Data(NamedTuple):
    """One data set and its model.

    Attributes:
        model: of all regions.
        events: buffers with the events in their first blocks.
        observed: (K,) global observables.
    """

    model: CompiledModel
    events: Events
    observed: np.ndarray


class EvaluationBuffers(NamedTuple):
    """Everything that is written to while a point is evaluated.

    Attributes:
        coefficients: (D, R) f_c with derivatives; ``tape`` is where they are formed.
        gradient, hessian: the result, (P,) and (P, P).
    """

    buffers: BlockBuffers
    moments: Moments
    factors: Factors
    coefficients: np.ndarray
    tape: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


def allocate_evaluation(model):
    """Buffers for evaluations."""
    parameters = len(model.bounds)
    numbers = derivatives_of(parameters - len(model.nominal))
    return EvaluationBuffers(
        allocate_buffers(model),
        allocate_moments(model),
        allocate_factors(model),
        np.zeros((numbers, len(model.yields))),
        np.zeros((len(model.form.operations), numbers)),
        np.zeros(parameters),
        np.zeros((parameters, parameters)),
    )


@internal
def evaluate(data, blocks, place, order, evaluation):
    """-2 ln L at ``place`` (P,), ``inf`` where a density is not positive; derivatives go to the buffers."""
    model, moments, factors = data.model, evaluation.moments, evaluation.factors
    alpha = place[len(place) - len(model.nominal) :]
    coefficients = evaluation.coefficients
    fill_coefficients(model.form, place, evaluation.tape, coefficients)
    fill_factors(model, alpha, factors)
    set_point(model, alpha, evaluation.buffers)
    clear_moments(order, moments)
    values, rates = coefficients[0], factors.rates
    if not add_moments(model, data.events, FIRST, blocks, values, rates, order, evaluation.buffers, moments):
        return np.inf
    if order >= GRADIENT:
        fill_gradient(
            model, coefficients, factors, alpha, data.observed, moments.processes, moments.terms, evaluation.gradient
        )
    if order >= HESSIAN:
        fill_hessian(model, coefficients, factors, alpha, data.observed, moments, evaluation.hessian)
    value = 2.0 * (expected_events(values, factors) - moments.logs[0])
    return value + constraint(model, alpha, data.observed)
