"""-2 ln L of one data set with derivatives: the one evaluator of fits and of pseudo-experiments."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.compile import CompiledModel
from steelyard.likelihood.kernels.blocks import FIRST, Events
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import BlockBuffers, allocate_buffers, set_point
from steelyard.likelihood.kernels.line import add_slice, count_negative
from steelyard.likelihood.kernels.moments import Moments, add_moments, allocate_moments, clear_moments, join_moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.process_factors import Factors, allocate_factors, fill_factors
from steelyard.model.coefficient_forms import derivatives_of, fill_coefficients
from steelyard.numerics.compilation import compiled, internal

# Blocks of events that are summed before they are added to the others', always in the same order: so the result does
# not depend on how many threads share the work.
GROUP = 32

# What of an evaluation is asked for.
WHOLE, SUMS, FINISH = np.int64(0), np.int64(1), np.int64(2)


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
        moments, group: the sums over all events, and over some of them.
        coefficients: (D, R) f_c with derivatives; ``tape`` is where they are formed.
        gradient, hessian: the result, (P,) and (P, P).
    """

    buffers: BlockBuffers
    moments: Moments
    group: Moments
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
    set_place(data, place, evaluation)
    clear_moments(order, evaluation.moments)
    for start in range(FIRST, blocks, GROUP):
        stop = min(start + GROUP, blocks)
        if blocks <= GROUP:
            fine = add_group(data, start, stop, order, evaluation, evaluation.moments)
        else:
            clear_moments(order, evaluation.group)
            fine = add_group(data, start, stop, order, evaluation, evaluation.group)
            join_moments(order, evaluation.group, evaluation.moments)
        if not fine:
            return np.inf
    return assemble(data, place, order, evaluation)


@internal
def set_place(data, place, evaluation):
    """Evaluate what does not depend on events: coefficients, factors of the processes, interpolation weights."""
    model = data.model
    alpha = place[len(place) - len(model.nominal) :]
    fill_coefficients(model.form, place, evaluation.tape, evaluation.coefficients)
    fill_factors(model, alpha, evaluation.factors)
    set_point(model, alpha, evaluation.buffers)


@internal
def add_group(data, start, stop, order, evaluation, moments):
    """Add the sums over blocks ``start`` to ``stop``; false if a density is not positive."""
    coefficients, factors = evaluation.coefficients[0], evaluation.factors.events
    return add_moments(data.model, data.events, start, stop, coefficients, factors, order, evaluation.buffers, moments)


@internal
def assemble(data, place, order, evaluation):
    """-2 ln L from the sums over all events; derivatives go to the buffers."""
    model, moments, factors = data.model, evaluation.moments, evaluation.factors
    alpha, coefficients = place[len(place) - len(model.nominal) :], evaluation.coefficients
    if order >= GRADIENT:
        fill_gradient(
            model, coefficients, factors, alpha, data.observed, moments.processes, moments.terms, evaluation.gradient
        )
    if order >= HESSIAN:
        fill_hessian(model, coefficients, factors, alpha, data.observed, moments, evaluation.hessian)
    value = 2.0 * (expected_events(coefficients[0], factors) - moments.logs[0])
    return value + constraint(model, alpha, data.observed)


@compiled
def evaluate_data(data, start, stop, place, order, evaluation, part):
    """:func:`evaluate` from Python, in one piece or in two: it is compiled once for both.

    Args:
        data: the data.
        start, stop: blocks of events.
        place: (P,).
        order: VALUE, GRADIENT or HESSIAN.
        evaluation: buffers.
        part: ``WHOLE``: all of it, over the blocks from the first one on. ``SUMS``: nothing but the sums over these
            blocks, ``evaluation.group``; infinite if a density is not positive. ``FINISH``: -2 ln L from sums that are
            there already, ``evaluation.moments``.
    """
    if part == WHOLE:
        return evaluate(data, stop, place, order, evaluation)
    set_place(data, place, evaluation)
    if part == FINISH:
        return assemble(data, place, order, evaluation)
    clear_moments(order, evaluation.group)
    return 0.0 if add_group(data, start, stop, order, evaluation, evaluation.group) else np.inf


@compiled
def evaluate_slice(data, start, stop, kappa, place, evaluation, coefficients, values):
    """Fill what some blocks add to -2 ln L at first coordinates (G,) and the others of ``place`` (P,): ``values`` (G,).

    ``coefficients`` (G, R) are filled too. The first of all blocks brings what does not depend on events.
    """
    model, factors = data.model, evaluation.factors
    alpha = place[len(place) - len(model.nominal) :]
    set_place(data, place, evaluation)
    for point in range(len(kappa)):
        place[0] = kappa[point]
        fill_coefficients(model.form, place, evaluation.tape, evaluation.coefficients)
        for c in range(coefficients.shape[1]):
            coefficients[point, c] = evaluation.coefficients[0, c]
        values[point] = 0.0
    add_slice(model, data.events, start, stop, coefficients, factors.events, evaluation.buffers, values)
    shift = constraint(model, alpha, data.observed)
    for point in range(len(kappa)):
        values[point] = -2.0 * values[point]
        if start == FIRST:
            values[point] += 2.0 * expected_events(coefficients[point], factors) + shift


@compiled
def negative_at(data, place, evaluation):
    """Number of events with weight, or of bins, whose intensity is not positive at ``place`` (P,)."""
    set_place(data, place, evaluation)
    coefficients, factors = evaluation.coefficients[0], evaluation.factors.events
    return count_negative(data.model, data.events, coefficients, factors, evaluation.buffers)
