"""Profile fits of many pseudo-experiments: the conditional fit at the tested value, and the global one."""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.assembly import constraint, expected_events, fill_gradient
from steelyard.statistics.engine.compilation import compiled, internal
from steelyard.statistics.engine.effects import fill_factors
from steelyard.statistics.engine.events import (
    FIRST,
    Events,
    Packing,
    allocate_events,
    allocate_packing,
    blocks_of,
    pack_events,
)
from steelyard.statistics.engine.moments import GRADIENT, HESSIAN, VALUE, clear, set_point
from steelyard.statistics.engine.newton import (
    CONVERGED,
    EDM,
    INVALID_START,
    ITERATION,
    MINIMUM,
    ORDER,
    STATE,
    Search,
    advance,
    allocate_search,
    begin,
    copy,
    copy_square,
    ends_above,
)
from steelyard.statistics.engine.objective import Data, Desk, allocate_desk, evaluate
from steelyard.statistics.engine.precision import nearness_of, noise_of, tolerance_of, updating_pays
from steelyard.statistics.engine.slices import Sums, add_slice, allocate_sums
from steelyard.statistics.engine.starts import minima_of, predict_profile

# How a fit ended; the numbers of steelyard.statistics.toy_fits.Status.
FINE, AT_BOUND, NO_VALID_START, NEGATIVE_AT_TEST, NOT_CONVERGED, TEST_NOT_CONVERGED = 0, 1, 2, 3, 4, 5

# A basin whose expected depth is this far above the deepest found is not searched.
MARGIN = 5.0

# A basin that lies so far from what was expected of it makes the expectation doubtful, in -2 ln L.
DOUBT = 0.3


class Slice(NamedTuple):
    """A slice in kappa, (G,) points, and what it is expected to say of the profile.

    Attributes:
        grid: (G,) coordinates; ``fractions`` (G, 3, C) f_c and derivatives there, ``values_of`` (G, C) f_c alone.
        sums: over events.
        values, gradients: (G,) and (G, 1 + K).
        profile, predicted: (G,) and (G, K), see :func:`predict_profile`.
        order: (G,) places of the minima.
    """

    grid: np.ndarray
    fractions: np.ndarray
    values_of: np.ndarray
    sums: Sums
    values: np.ndarray
    gradients: np.ndarray
    profile: np.ndarray
    predicted: np.ndarray
    order: np.ndarray


class Bench(NamedTuple):
    """Where one experiment after the other is fitted.

    Attributes:
        packing, events: room for the events of one experiment.
        desk, search, line: the evaluations, the searches, the slice.
        start, best, base: (1 + K,), (1 + K,) and (K,) where a search begins, the best point, the slice's place.
        no_weights: (0,).
    """

    packing: Packing
    events: Events
    desk: Desk
    search: Search
    line: Slice
    start: np.ndarray
    best: np.ndarray
    base: np.ndarray
    no_weights: np.ndarray


def allocate_bench(effects, grid, fractions, largest):
    """Room for experiments of at most ``largest`` events, with basins searched at ``grid`` (G,) (G, 3, C)."""
    processes, nuisances = effects.touched.shape
    points, terms = len(grid), len(effects.nuisance)
    return Bench(
        allocate_packing(terms),
        allocate_events(blocks_of(largest), processes, terms),
        allocate_desk(effects),
        allocate_search(1 + nuisances),
        Slice(
            grid,
            fractions,
            np.ascontiguousarray(fractions[:, 0]),
            allocate_sums(effects, points),
            np.zeros(points),
            np.zeros((points, 1 + nuisances)),
            np.zeros(points),
            np.zeros((points, nuisances)),
            np.zeros(points, dtype=np.int64),
        ),
        np.zeros(1 + nuisances),
        np.zeros(1 + nuisances),
        np.zeros(nuisances),
        np.zeros(0),
    )


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
def fit_experiments(effects, curves, rates, log_g, rows, offsets, observed, tested, bench, outcome):
    """Fit the experiments that ``offsets`` (T+1,) delimits in ``rows`` or, without these, in the events.

    Args:
        effects, curves: the model.
        rates, log_g: (n, C) and (n, T, 2) events.
        rows: (M,) numbers of events, or (0,).
        observed: (T, K) global observables.
        tested: coordinate of the tested value.
        bench: room to work in.
        outcome: filled.
    """
    # The steps of a fit stand in this loop, not in a function of their own: all that they call would be compiled twice.
    desk, search, line, start, best, base = bench.desk, bench.search, bench.line, bench.start, bench.best, bench.base
    nuisances = len(effects.nominal)
    low, high = effects.bounds[0, 0], effects.bounds[0, 1]
    for toy in range(len(offsets) - 1):
        begin_at, end_at = offsets[toy], offsets[toy + 1]
        blocks = pack_events(rates, log_g, bench.no_weights, rows, begin_at, end_at, bench.packing, bench.events)
        data = Data(effects, curves, bench.events, observed[toy])
        _open(effects, search)
        evaluations = 0

        # At the tested value, from the global observables or from the nominal point.
        search.fixed[0] = True
        at_test, test_converged, edm = np.inf, False, 0.0
        for attempt in range(2):
            start[0] = tested
            for k in range(nuisances):
                start[1 + k] = data.observed[k] if effects.constrained[k] and attempt == 0 else effects.nominal[k]
            evaluations += _minimise(data, blocks, start, desk, search, np.inf)
            if search.counts[STATE] != INVALID_START:
                at_test, edm = search.numbers[MINIMUM], search.numbers[EDM]
                test_converged = search.counts[STATE] == CONVERGED
                break
        search.fixed[0] = False
        valid_at_test = np.isfinite(at_test)
        for i in range(1 + nuisances):
            best[i] = search.place[i] if valid_at_test else np.nan
        copy(best[1:], outcome.conditional[toy])
        minimum, converged = at_test, test_converged

        # Basins along the slice through the conditional fit. Where shapes are large, what it says of the profile can be
        # wrong, which the basins that were searched show: then once more along the slice through the best fit.
        edm_global, refined, doubtful = np.inf, False, False
        for look in range(2):
            if look == 1 and not doubtful:
                break
            found = 0
            for attempt in range(2):
                for k in range(nuisances):
                    if look == 1 or valid_at_test:
                        base[k] = best[1 + k]
                    elif attempt == 0 and effects.constrained[k]:
                        base[k] = min(max(data.observed[k], effects.bounds[1 + k, 0]), effects.bounds[1 + k, 1])
                    else:
                        base[k] = effects.nominal[k]
                _fill_slice(data, blocks, base, desk, line)
                if nuisances and (look == 1 or not valid_at_test):
                    start[0] = best[0] if look == 1 else line.grid[np.argmin(line.values)]
                    copy(base, start[1:])
                    if np.isfinite(evaluate(data, blocks, start, HESSIAN, desk)):
                        copy_square(desk.hessian, search.hessian)
                predict_profile(
                    line.values,
                    line.gradients,
                    search.hessian,
                    base,
                    effects.bounds,
                    line.profile,
                    line.predicted,
                    search.factor,
                    search.right,
                )
                found = minima_of(line.profile, line.order)
                if found or valid_at_test:
                    break

            # Down into each of them, the most promising first. Then from the lowest point of the slice, if it is below
            # all that was found: what is expected of the profile may hide a basin. If everything lies above the
            # conditional fit, from there.
            lowest = np.argmin(line.values)
            for index in range(found + 2):
                if index >= found and nuisances == 0:
                    continue
                expected = np.nan
                if index == found:
                    if not line.values[lowest] < minimum - 1e-4:
                        continue
                    start[0] = line.grid[lowest]
                    copy(base, start[1:])
                elif index == found + 1:
                    if not valid_at_test or refined:
                        continue
                    copy(best, start)
                else:
                    j = line.order[index]
                    expected = line.profile[j]
                    if refined and expected > minimum + MARGIN:
                        continue
                    if look == 1 and abs(line.grid[j] - best[0]) <= line.grid[1] - line.grid[0]:
                        continue  # the best fit's own basin
                    if nuisances == 0:  # nothing else moves: the minimum lies between the neighbours
                        search.lower[0], search.upper[0] = (
                            line.grid[max(j - 1, 0)],
                            line.grid[min(j + 1, len(line.grid) - 1)],
                        )
                        search.scale[0] = search.upper[0] - search.lower[0]
                    start[0] = line.grid[j]
                    copy(line.predicted[j], start[1:])
                evaluations += _minimise(data, blocks, start, desk, search, minimum)
                if search.counts[STATE] == INVALID_START:
                    copy(base, start[1:])
                    evaluations += _minimise(data, blocks, start, desk, search, minimum)
                reached = search.numbers[MINIMUM]
                if nuisances and index < found and not abs(reached - expected) < DOUBT:
                    doubtful = True
                if reached < minimum or (not refined and (index > found or reached == minimum)):
                    minimum, converged, refined = min(reached, minimum), search.counts[STATE] == CONVERGED, True
                    edm_global = search.numbers[EDM]
                    copy(search.place, best)

        outcome.evaluations[toy] = evaluations
        outcome.kappa[toy] = best[0]
        copy(best[1:], outcome.alpha[toy])
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


@internal
def _open(effects, search):
    """Give a search the whole ranges of all parameters."""
    for i in range(len(search.scale)):
        search.lower[i], search.upper[i] = effects.bounds[i, 0], effects.bounds[i, 1]
        search.scale[i] = 2.0
    search.scale[0] = 0.25 * (search.upper[0] - search.lower[0])


@internal
def _minimise(data, blocks, start, desk, search, ceiling):
    """Search from ``start``, until it is clear that it ends above ``ceiling``; returns the number of evaluations."""
    effects = data.effects
    begin(search, start, tolerance_of(effects), nearness_of(effects), noise_of(effects), updating_pays(effects))
    running = True
    while running:
        value = evaluate(data, blocks, search.trial, search.counts[ORDER], desk)
        running = advance(search, value, desk.gradient, desk.hessian) and not ends_above(search, ceiling)
    return search.counts[ITERATION]


@internal
def _fill_slice(data, blocks, alpha, desk, line):
    """Values and, with nuisance parameters, gradients along the grid."""
    effects, factors, room = data.effects, desk.factors, desk.room
    order = GRADIENT if len(alpha) else VALUE
    fill_factors(effects, alpha, factors)
    set_point(effects, alpha, room)
    sums = line.sums
    for point in range(len(line.grid)):
        sums.logs[point] = 0.0
    clear(sums.processes)
    clear(sums.terms)
    add_slice(effects, data.events, FIRST, blocks, line.values_of, factors.rates, order, room, sums)
    shift = constraint(effects, alpha, data.observed)
    for point in range(len(line.grid)):
        fractions = line.fractions[point]
        line.values[point] = 2.0 * (expected_events(fractions[0], factors) - sums.logs[point]) + shift
        if order == GRADIENT and np.isfinite(line.values[point]):
            fill_gradient(
                effects,
                fractions,
                factors,
                alpha,
                data.observed,
                sums.processes[point],
                sums.terms[point],
                line.gradients[point],
            )
