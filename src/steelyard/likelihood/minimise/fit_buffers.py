"""Where pseudo-experiments are fitted one after the other, and what comes out."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import Events, Packing, allocate_events, allocate_packing, blocks_of
from steelyard.likelihood.minimise.continuation import POINTS, ContinuationState, allocate_continuation
from steelyard.likelihood.minimise.newton import NewtonState, allocate_newton
from steelyard.likelihood.objective import EvaluationBuffers, allocate_evaluation


class ProfileSlice(NamedTuple):
    """A slice in kappa: coordinates (G,), f_c there (G, R), and -2 ln L (G,)."""

    grid: np.ndarray
    coefficients: np.ndarray
    values: np.ndarray


class FitBuffers(NamedTuple):
    """Where one experiment after the other is fitted.

    Attributes:
        packing, events: work space for the events of one experiment.
        evaluation, search, line, path: the evaluations, the searches, the slice, the path.
        start, best: (P,) where a search begins, the best point.
        hessians: (2, 1 + K, 1 + K) at the best point, and at the conditional fit.
        minima, expected, order: (M,) coordinates and values of the expected minima, and the order of their depth.
    """

    packing: Packing
    events: Events
    evaluation: EvaluationBuffers
    search: NewtonState
    line: ProfileSlice
    path: ContinuationState
    start: np.ndarray
    best: np.ndarray
    hessians: np.ndarray
    minima: np.ndarray
    expected: np.ndarray
    order: np.ndarray


def allocate_fits(model, grid, coefficients, largest, errors):
    """Buffers for experiments, with a slice along ``grid`` (G,) and f_c there (G, R).

    Args:
        largest: (H,) the most events of an experiment in each region.
        errors: (H,) whether its bins have template errors.
    """
    parameters, points = len(model.bounds), len(grid)
    minima = max(points, 2 * POINTS)
    blocks = [blocks_of(number) for number in largest]
    return FitBuffers(
        allocate_packing(int(model.largest[1])),
        allocate_events(blocks, np.diff(model.rows), np.diff(model.terms), errors),
        allocate_evaluation(model),
        allocate_newton(parameters),
        ProfileSlice(grid, coefficients, np.zeros(points)),
        allocate_continuation(model.bounds),
        np.zeros(parameters),
        np.zeros(parameters),
        np.zeros((2, parameters, parameters)),
        np.zeros(minima),
        np.zeros(minima),
        np.zeros(minima, dtype=np.int64),
    )


class Outcome(NamedTuple):
    """Results of T pseudo-experiments.

    Attributes:
        t, kappa, edm: (T,) test statistic, best-fit coordinate, larger estimated distance of the two minima.
        status: (T,).
        evaluations: (T,) of the likelihood, of any order of derivatives; slices do not count.
        rest, conditional: (T, P - 1) other coordinates of the global and the conditional fit.
    """

    t: np.ndarray
    kappa: np.ndarray
    edm: np.ndarray
    status: np.ndarray
    evaluations: np.ndarray
    rest: np.ndarray
    conditional: np.ndarray
