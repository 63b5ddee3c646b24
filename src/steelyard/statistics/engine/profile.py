"""Profile fits of many pseudo-experiments: the conditional fit at the tested value, and the global one."""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.assembly import constraint, expected_events, fill_gradient
from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.effects import fill_factors
from steelyard.statistics.engine.events import allocate_events, blocks_of, pack_events
from steelyard.statistics.engine.moments import GRADIENT, HESSIAN, VALUE, set_point
from steelyard.statistics.engine.newton import (
    CONVERGED,
    EDM,
    INVALID_START,
    ITERATION,
    MINIMUM,
    ORDER,
    STATE,
    advance,
    allocate_search,
    begin,
)
from steelyard.statistics.engine.objective import Data, allocate_desk, evaluate
from steelyard.statistics.engine.precision import nearness_of, noise_of, tolerance_of, updating_pays
from steelyard.statistics.engine.slices import add_slice
from steelyard.statistics.engine.starts import minima_of, predict_profile

# How a fit ended; the numbers of steelyard.statistics.toy_fits.Status.
FINE, AT_BOUND, NO_VALID_START, NEGATIVE_AT_TEST, NOT_CONVERGED, TEST_NOT_CONVERGED = 0, 1, 2, 3, 4, 5

# A basin whose expected depth is this far above the deepest found is not searched.
MARGIN = 5.0


class Slice(NamedTuple):
    """A slice in kappa, (G,) points, and what it is expected to say of the profile.

    Attributes:
        grid: (G,) coordinates; ``fractions`` (G, 3, C) f_c and derivatives there.
        logs, processes, terms: sums over events, see :func:`add_slice`.
        values, gradients: (G,) and (G, 1 + K).
        profile, predicted: (G,) and (G, K), see :func:`predict_profile`.
        order: (G,) places of the minima.
    """

    grid: np.ndarray
    fractions: np.ndarray
    logs: np.ndarray
    processes: np.ndarray
    terms: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    profile: np.ndarray
    predicted: np.ndarray
    order: np.ndarray


class Outcome(NamedTuple):
    """Results of T pseudo-experiments.

    Attributes:
        t, kappa, edm: (T,) test statistic, best-fit coordinate, larger estimated distance of the two minima.
        status: (T,).
        evaluations: (T,) of the likelihood with its Hessian.
        alpha, conditional: (T, K) nuisance parameters of the global and the conditional fit.
    """

    t: np.ndarray
    kappa: np.ndarray
    edm: np.ndarray
    status: np.ndarray
    evaluations: np.ndarray
    alpha: np.ndarray
    conditional: np.ndarray


@compiled
def fit_experiments(effects, curves, rates, log_g, rows, offsets, observed, tested, grid, fractions, outcome):
    """Fit the experiments that ``offsets`` (T+1,) delimits in ``rows`` or, without these, in the events.

    Args:
        effects, curves: the model.
        rates, log_g: (n, C) and (n, T, 2) events.
        rows: (M,) numbers of events, or (0,).
        observed: (T, K) global observables.
        tested: coordinate of the tested value.
        grid, fractions: (G,) and (G, 3, C) points in which basins are searched.
        outcome: filled.
    """
    processes, nuisances = effects.touched.shape
    points, terms = len(grid), len(effects.nuisance)
    largest = 0
    for toy in range(len(offsets) - 1):
        largest = max(largest, offsets[toy + 1] - offsets[toy])
    events = allocate_events(blocks_of(largest), processes, terms)
    desk, search = allocate_desk(effects), allocate_search(1 + nuisances)
    line = Slice(
        grid,
        fractions,
        np.zeros(points),
        np.zeros((points, processes)),
        np.zeros((points, terms)),
        np.zeros(points),
        np.zeros((points, 1 + nuisances)),
        np.zeros(points),
        np.zeros((points, nuisances)),
        np.zeros(points, dtype=np.int64),
    )
    no_weights = np.zeros(0)
    for toy in range(len(offsets) - 1):
        blocks = pack_events(rates, log_g, no_weights, rows, offsets[toy], offsets[toy + 1], events)
        data = Data(effects, curves, events, observed[toy])
        _fit(data, blocks, tested, line, desk, search, outcome, toy)


@compiled
def _fit(data, blocks, tested, line, desk, search, outcome, toy):
    effects = data.effects
    nuisances = len(effects.nominal)
    outcome.evaluations[toy] = 0
    low, high = effects.bounds[0, 0], effects.bounds[0, 1]
    start, best = np.empty(1 + nuisances), np.empty(1 + nuisances)
    best[:] = np.nan
    base = np.empty(nuisances)
    search.lower[:] = effects.bounds[:, 0]
    search.upper[:] = effects.bounds[:, 1]
    search.scale[:] = 2.0
    search.scale[0] = 0.25 * (high - low)

    # At the tested value.
    search.fixed[0] = True
    at_test, test_converged, edm = np.inf, False, 0.0
    for attempt in range(2):
        start[0] = tested
        for k in range(nuisances):
            start[1 + k] = data.observed[k] if effects.constrained[k] and attempt == 0 else effects.nominal[k]
        outcome.evaluations[toy] += _minimise(data, blocks, start, desk, search)
        if search.counts[STATE] != INVALID_START:
            at_test, edm = search.numbers[MINIMUM], search.numbers[EDM]
            test_converged = search.counts[STATE] == CONVERGED
            best[:] = search.place
            break
    search.fixed[0] = False
    valid_at_test = np.isfinite(at_test)
    outcome.conditional[toy] = best[1:]
    minimum, converged = at_test, test_converged

    # Basins along the slice through the conditional fit.
    found = 0
    for attempt in range(2):
        for k in range(nuisances):
            if valid_at_test:
                base[k] = best[1 + k]
            elif attempt == 0 and effects.constrained[k]:
                base[k] = min(max(data.observed[k], effects.bounds[1 + k, 0]), effects.bounds[1 + k, 1])
            else:
                base[k] = effects.nominal[k]
        _fill_slice(data, blocks, base, desk, line)
        if nuisances and not valid_at_test:
            start[0], start[1:] = line.grid[np.argmin(line.values)], base
            if np.isfinite(evaluate(data, blocks, start, HESSIAN, desk)):
                search.hessian[:] = desk.hessian
        predict_profile(line.values, line.gradients, search.hessian, base, effects.bounds, line.profile, line.predicted)
        found = minima_of(line.profile, line.order)
        if found or valid_at_test:
            break
    edm_global = np.inf
    refined = False
    for index in range(found):
        j = line.order[index]
        if refined and line.profile[j] > minimum + MARGIN:
            continue
        if nuisances == 0:  # nothing else moves: the minimum lies between the neighbours
            search.lower[0], search.upper[0] = line.grid[max(j - 1, 0)], line.grid[min(j + 1, len(line.grid) - 1)]
            search.scale[0] = search.upper[0] - search.lower[0]
        start[0], start[1:] = line.grid[j], line.predicted[j]
        outcome.evaluations[toy] += _minimise(data, blocks, start, desk, search)
        if search.counts[STATE] == INVALID_START:
            start[1:] = base
            outcome.evaluations[toy] += _minimise(data, blocks, start, desk, search)
        if search.numbers[MINIMUM] < minimum or (not refined and search.numbers[MINIMUM] <= minimum):
            minimum, converged, refined = search.numbers[MINIMUM], search.counts[STATE] == CONVERGED, True
            edm_global = search.numbers[EDM]
            best[:] = search.place
    search.lower[0], search.upper[0] = low, high
    if nuisances and valid_at_test and not refined:
        # The expected basins lie above the conditional fit: go down from there.
        start[:] = best
        outcome.evaluations[toy] += _minimise(data, blocks, start, desk, search)
        minimum, converged = min(minimum, search.numbers[MINIMUM]), search.counts[STATE] == CONVERGED
        edm_global = search.numbers[EDM]
        best[:] = search.place
    outcome.kappa[toy] = best[0]
    outcome.alpha[toy] = best[1:]
    outcome.edm[toy] = max(edm, edm_global) if np.isfinite(edm_global) else edm
    outcome.t[toy] = np.nan
    if not np.isfinite(minimum):
        outcome.status[toy] = NO_VALID_START
    elif not valid_at_test:
        outcome.status[toy] = NEGATIVE_AT_TEST
    elif not converged:
        outcome.status[toy] = NOT_CONVERGED
    elif not test_converged:
        outcome.status[toy] = TEST_NOT_CONVERGED
    else:
        outcome.status[toy] = AT_BOUND if best[0] == low or best[0] == high else FINE
        outcome.t[toy] = max(at_test - minimum, 0.0)


@compiled
def _minimise(data, blocks, start, desk, search):
    """Search from ``start``; returns the number of evaluations."""
    effects = data.effects
    begin(search, start, tolerance_of(effects), nearness_of(effects), noise_of(effects), updating_pays(effects))
    running = True
    while running:
        value = evaluate(data, blocks, search.trial, search.counts[ORDER], desk)
        running = advance(search, value, desk.gradient, desk.hessian)
    return search.counts[ITERATION]


@compiled
def _fill_slice(data, blocks, alpha, desk, line):
    """Values and, with nuisance parameters, gradients along the grid."""
    effects, factors, room = data.effects, desk.factors, desk.room
    order = GRADIENT if len(alpha) else VALUE
    fill_factors(effects, alpha, factors)
    set_point(effects, alpha, room)
    line.logs[:] = 0.0
    line.processes[:] = 0.0
    line.terms[:] = 0.0
    values = np.ascontiguousarray(line.fractions[:, 0])
    add_slice(
        effects, data.events, 0, blocks, values, factors.rates, order, room, line.logs, line.processes, line.terms
    )
    shift = constraint(effects, alpha, data.observed)
    for point in range(len(line.grid)):
        fractions = line.fractions[point]
        line.values[point] = 2.0 * (expected_events(fractions[0], factors) - line.logs[point]) + shift
        if order == GRADIENT and np.isfinite(line.values[point]):
            fill_gradient(
                effects,
                fractions,
                factors,
                alpha,
                data.observed,
                line.processes[point],
                line.terms[point],
                line.gradients[point],
            )
