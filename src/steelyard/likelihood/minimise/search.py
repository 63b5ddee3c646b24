"""Newton's method on one large data set, which many threads may evaluate."""

from dataclasses import dataclass

import numpy as np

from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.kernels.orders import GRADIENT
from steelyard.likelihood.kernels.precision import nearness_of, noise_of, tolerance_of, updating_pays
from steelyard.likelihood.minimise.continuation import (
    ARRIVED,
    LOOK,
    ContinuationState,
    accept_fit,
    allocate_continuation,
    continuation_step,
    start_continuation,
)
from steelyard.likelihood.minimise.newton import (
    CONVERGED,
    EDM,
    INVALID_START,
    MINIMUM,
    ORDER,
    STATE,
    allocate_newton,
    newton_step,
    start_newton,
)


@dataclass(frozen=True)
class Minimum:
    """Where a search ended.

    Attributes:
        place: (P,) kappa and alpha.
        value: -2 ln L there; ``inf`` if the start was forbidden.
        gradient, hessian: (P,) and (P, P) there, or next to it.
        edm: estimated vertical distance to the minimum.
        converged: it is a minimum within the bounds.
    """

    place: np.ndarray
    value: float
    gradient: np.ndarray
    hessian: np.ndarray
    edm: float
    converged: bool


def minimise(evaluator: Evaluator, start: np.ndarray, fixed: np.ndarray) -> Minimum:
    """The minimum of -2 ln L from ``start`` (P,) within the bounds; ``fixed`` (P,) says what does not move."""
    model = evaluator.model
    search = allocate_newton(len(start))
    search.lower[:], search.upper[:] = model.bounds.T
    search.fixed[:] = fixed
    search.scale[:] = 2.0
    thetas = slice(evaluator.thetas)
    search.scale[thetas] = 0.25 * (search.upper[thetas] - search.lower[thetas])
    start = np.asarray(start, dtype=float)
    # A fixed parameter stays where the caller put it, even out of its range.
    search.lower[fixed], search.upper[fixed] = start[fixed], start[fixed]
    tolerance, noise = tolerance_of(model, evaluator.size), noise_of(model, evaluator.size)
    start_newton(search, start, tolerance, nearness_of(model), noise, updating_pays(model))
    running = True
    while running:
        here = evaluator.expand(search.trial, search.counts[ORDER])
        running = newton_step(search, here.value, here.gradient, here.hessian)
    return Minimum(
        place=search.place.copy() if search.counts[STATE] != INVALID_START else start,
        value=float(search.numbers[MINIMUM]),
        gradient=search.gradient.copy(),
        hessian=search.hessian.copy(),
        edm=float(search.numbers[EDM]),
        converged=bool(search.counts[STATE] == CONVERGED),
    )


def follow_profile(evaluator: Evaluator, known: Minimum, held: np.ndarray) -> ContinuationState:
    """The profile along kappa (:mod:`~steelyard.likelihood.minimise.continuation`), from one conditional fit.

    Args:
        evaluator: the data.
        known: the conditional fit.
        held: (P,) which parameters do not move in a conditional fit, the first of them among these.
    """
    path = allocate_continuation(evaluator.model.bounds)
    path.fixed[:] = held[1:]
    wanted = start_continuation(path, known.place, known.value, known.gradient, known.hessian)
    while wanted != ARRIVED:
        if wanted == LOOK:
            here = evaluator.expand(path.trial, GRADIENT)
            wanted = continuation_step(path, here.value, here.gradient)
        else:
            fit = minimise(evaluator, path.trial.copy(), held)
            wanted = accept_fit(path, fit.place, fit.value, fit.gradient, fit.hessian)
    return path
