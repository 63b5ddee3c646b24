"""Profile fits of many pseudo-experiments: the conditional fit at the tested value, and the global one."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.blocks import (
    FIRST,
    Events,
    Packing,
    allocate_events,
    allocate_packing,
    blocks_of,
    pack_events,
)
from steelyard.likelihood.kernels.derivatives import constraint, expected_events
from steelyard.likelihood.kernels.intensities import set_point
from steelyard.likelihood.kernels.line import add_slice
from steelyard.likelihood.kernels.orders import GRADIENT
from steelyard.likelihood.kernels.precision import nearness_of, noise_of, tolerance_of, updating_pays
from steelyard.likelihood.kernels.process_factors import fill_factors
from steelyard.likelihood.minimise.continuation import (
    ARRIVED,
    EVALUATIONS,
    LOOK,
    POINTS,
    ContinuationState,
    accept_fit,
    allocate_continuation,
    continuation_step,
    start_continuation,
)
from steelyard.likelihood.minimise.minima import minima_along, minima_of, predict
from steelyard.likelihood.minimise.newton import (
    CONVERGED,
    EDM,
    INVALID_START,
    ITERATION,
    MINIMUM,
    ORDER,
    STATE,
    NewtonState,
    allocate_newton,
    copy,
    copy_square,
    ends_above,
    newton_step,
    start_newton,
)
from steelyard.likelihood.minimise.ridges import leads_back
from steelyard.likelihood.objective import Data, EvaluationBuffers, allocate_evaluation, evaluate
from steelyard.numerics.compilation import compiled, internal

# How a fit ended; the numbers of steelyard.inference.toy_fits.Status.
FINE, AT_BOUND, NO_VALID_START, NEGATIVE_AT_TEST, NOT_CONVERGED, TEST_NOT_CONVERGED = 0, 1, 2, 3, 4, 5

# A basin whose expected depth is this far above the deepest found is not searched.
MARGIN = 0.5

# A valley of a nuisance parameter is entered at this distance from zero on its side.
ENTRANCE = 1.0
# From a minimum, one such parameter at a time is taken to these values. Code 4 may turn once more inside ±1.
CROSSINGS = (-1.0, 1.0, -0.4, 0.4)
# A weak effect has its ridge, if any, near zero: looks from no further out.
NEAR_RIDGE = 0.5

# So much deeper is another valley, and not the same minimum again.
DEEPER = 1e-5


class ProfileSlice(NamedTuple):
    """A slice in kappa: coordinates (G,), f_c there (G, C), and -2 ln L (G,)."""

    grid: np.ndarray
    fractions: np.ndarray
    values: np.ndarray


class FitBuffers(NamedTuple):
    """Where one experiment after the other is fitted.

    Attributes:
        packing, events: work space for the events of one experiment.
        evaluation, search, line, path: the evaluations, the searches, the slice, the path.
        start, best: (1 + K,) where a search begins, the best point.
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


def allocate_fits(effects, grid, fractions, largest):
    """Buffers for experiments of at most ``largest`` events, with a slice along ``grid`` (G,) and f_c there (G, C)."""
    processes, nuisances = effects.touched.shape
    points, terms = len(grid), len(effects.nuisance)
    minima = max(points, 2 * POINTS)
    return FitBuffers(
        allocate_packing(terms),
        allocate_events(blocks_of(largest), processes, terms),
        allocate_evaluation(effects),
        allocate_newton(1 + nuisances),
        ProfileSlice(grid, fractions, np.zeros(points)),
        allocate_continuation(effects.bounds),
        np.zeros(1 + nuisances),
        np.zeros(1 + nuisances),
        np.zeros((2, 1 + nuisances, 1 + nuisances)),
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
def fit_experiments(
    effects,
    curves,
    rates,
    log_g,
    weights,
    rows,
    offsets,
    binned,
    observed,
    tested,
    sides,
    crossed,
    weak,
    fits,
    outcome,
):
    """Fit the experiments that ``offsets`` (T+1,) delimits in ``rows`` or, without these, in the events.

    Args:
        effects, curves: the model.
        rates, log_g: (n, C) and (n, T, 2) events.
        weights: (M,) counts of bins, or (0,) for events.
        rows: (M,) numbers of events, or (0,).
        binned: the events are bins.
        observed: (T, K) global observables.
        tested: coordinate of the tested value.
        sides: (V, K) valleys of the nuisance parameters in which to begin, of
            :func:`~steelyard.likelihood.minimise.valleys.valley_signs`; one row of zeros for one.
        crossed, weak: (m,) nuisance parameters that are taken across their ridges, and which of them only where
            there may be one (:class:`~steelyard.likelihood.minimise.valleys.Valleys`).
        fits: work space.
        outcome: filled.
    """
    # The steps of a fit stand in this loop, not in a function of their own: all that they call would be compiled twice.
    evaluation, search, line, path, start, best = (
        fits.evaluation,
        fits.search,
        fits.line,
        fits.path,
        fits.start,
        fits.best,
    )
    minima, expected, order, hessians = fits.minima, fits.expected, fits.order, fits.hessians
    nuisances = len(effects.nominal)
    low, high = effects.bounds[0, 0], effects.bounds[0, 1]
    for toy in range(len(offsets) - 1):
        begin_at, end_at = offsets[toy], offsets[toy + 1]
        size = np.float64(end_at - begin_at)
        for index in range(begin_at, end_at if binned else begin_at):  # rounding of a bin counts for all its events
            size += weights[index] * weights[index] - 1.0
        blocks = pack_events(rates, log_g, weights, rows, begin_at, end_at, binned, fits.packing, fits.events)
        data = Data(effects, curves, fits.events, observed[toy])
        _open(effects, search)
        evaluations = 0
        at_test, edm, test_converged, minimum, converged = np.inf, 0.0, False, np.inf, False
        edm_global, refined = np.inf, False
        for i in range(1 + nuisances):
            best[i] = np.nan
        copy(best[1:], outcome.conditional[toy])

        for valley in range(len(sides)):
            # At the tested value, from the global observables or from the nominal point. If the tested value is
            # forbidden at both, where the slice through them is lowest: the profile has to be known somewhere.
            known, found = False, 0
            for attempt in range(4):
                for k in range(nuisances):
                    nearest = data.observed[k] if effects.constrained[k] and attempt % 2 == 0 else effects.nominal[k]
                    side = sides[valley, k]
                    if side != 0.0:
                        nearest = side * max(side * nearest, ENTRANCE)
                    start[1 + k] = min(max(nearest, effects.bounds[1 + k, 0]), effects.bounds[1 + k, 1])
                start[0] = tested
                if attempt >= 2 or nuisances == 0:
                    _fill_slice(data, blocks, start[1:], evaluation, line)
                if attempt >= 2:
                    lowest = np.argmin(line.values)
                    if not line.values[lowest] < np.inf:
                        continue
                    start[0] = line.grid[lowest]
                search.fixed[0] = True
                evaluations += _minimise(data, blocks, start, evaluation, search, np.inf, size)
                search.fixed[0] = False
                known = search.counts[STATE] != INVALID_START
                if known and attempt < 2 and search.numbers[MINIMUM] < at_test:
                    at_test, edm = search.numbers[MINIMUM], search.numbers[EDM]
                    test_converged = search.counts[STATE] == CONVERGED
                    copy(search.place[1:], outcome.conditional[toy])
                    copy_square(search.hessian, hessians[1])
                    if at_test < minimum:
                        minimum, converged, refined = at_test, test_converged, False
                        copy(search.place, best)
                        copy_square(search.hessian, hessians[0])
                if known:
                    break

            # Basins of the profile: without nuisance parameters along the slice, with them along the path.
            if nuisances == 0:
                found = minima_of(line.grid, line.values, minima, expected, order)
            elif known:
                wanted = start_continuation(
                    path, search.place, search.numbers[MINIMUM], search.gradient, search.hessian
                )
                search.fixed[0] = True
                while wanted != ARRIVED:
                    if wanted == LOOK:
                        wanted = continuation_step(
                            path, evaluate(data, blocks, path.trial, GRADIENT, evaluation), evaluation.gradient
                        )
                    else:
                        evaluations += _minimise(data, blocks, path.trial, evaluation, search, np.inf, size)
                        wanted = accept_fit(
                            path, search.place, search.numbers[MINIMUM], search.gradient, search.hessian
                        )
                search.fixed[0] = False
                evaluations += path.counts[EVALUATIONS]
                found = minima_along(path, minima, expected, order)

            # Down into each of them, the most promising first. If all lies above the conditional fit, from there.
            for index in range(found + 1):
                if index == found:
                    if refined or not at_test < np.inf:
                        continue
                    copy(best, start)
                else:
                    j = order[index]
                    if refined and expected[j] > minimum + MARGIN:
                        break
                    start[0] = minima[j]
                    if nuisances:
                        predict(path, minima[j], start[1:])
                    else:  # nothing else moves: the minimum lies between the neighbours on the grid
                        step = line.grid[1] - line.grid[0]
                        search.lower[0], search.upper[0] = max(minima[j] - step, low), min(minima[j] + step, high)
                        search.scale[0] = search.upper[0] - search.lower[0]
                evaluations += _minimise(data, blocks, start, evaluation, search, minimum, size)
                reached = search.numbers[MINIMUM]
                if reached < minimum or (not refined and (index == found or reached == minimum)):
                    minimum, converged, refined = min(reached, minimum), search.counts[STATE] == CONVERGED, True
                    edm_global = search.numbers[EDM]
                    copy(search.place, best)
                    copy_square(search.hessian, hessians[0])

        # Where there are valleys: from the best fits over the ridges, one parameter at a time, and from the global to
        # the conditional one, as long as any of it leads deeper. Weak effects are looked across first.
        crossings, looking = len(CROSSINGS) * len(crossed), len(sides) == 1
        left = 1 + 2 * crossings if crossings and minimum < np.inf else 0
        turn = 0
        while left > 0:
            at = turn % (1 + 2 * crossings)
            held = at > crossings or at == 0
            left -= 1
            turn += 1
            if held and not at_test < np.inf:
                continue
            if held and at > 0:
                start[0] = tested
                copy(outcome.conditional[toy], start[1:])
            else:
                copy(best, start)
                start[0] = tested if held else start[0]
            k, other, look = 0, 0.0, False
            if at > 0:
                index = (at - 1) % crossings // len(CROSSINGS)
                k, look = crossed[index], weak[index]
                other = CROSSINGS[(at - 1) % len(CROSSINGS)]
                start[1 + k] = min(max(other, effects.bounds[1 + k, 0]), effects.bounds[1 + k, 1])
            search.fixed[0] = held
            if looking:
                back = not look or abs(other) > NEAR_RIDGE
                if not back:
                    evaluations += 1
                    value = evaluate(data, blocks, start, GRADIENT, evaluation)
                    copy(best, search.trial)
                    if held:
                        search.trial[0] = tested
                        copy(outcome.conditional[toy], search.trial[1:])
                    back = value < np.inf and leads_back(
                        search, search.trial, hessians[1 if held else 0], start, evaluation.gradient, 1 + k
                    )
                search.fixed[0] = False
                if not back:
                    looking, left, turn = False, 1 + 2 * crossings, 0
                continue
            evaluations += _minimise(data, blocks, start, evaluation, search, at_test if held else minimum, size)
            search.fixed[0] = False
            reached = search.numbers[MINIMUM]
            if held and reached < at_test - DEEPER:
                at_test, edm, left = reached, search.numbers[EDM], 2 * crossings
                test_converged = search.counts[STATE] == CONVERGED
                copy(search.place[1:], outcome.conditional[toy])
            if reached < minimum - DEEPER:
                minimum, edm_global, left = reached, search.numbers[EDM], 2 * crossings
                converged = search.counts[STATE] == CONVERGED
                copy(search.place, best)

        valid_at_test = at_test < np.inf
        outcome.evaluations[toy] = evaluations
        outcome.kappa[toy] = best[0]
        copy(best[1:], outcome.alpha[toy])
        outcome.edm[toy] = max(edm, edm_global) if edm_global < np.inf else edm
        outcome.t[toy] = np.nan
        if not minimum < np.inf:
            outcome.status[toy] = NO_VALID_START
        elif not valid_at_test:
            outcome.status[toy] = NEGATIVE_AT_TEST
        elif not converged:
            outcome.status[toy] = NOT_CONVERGED
        elif not test_converged:
            outcome.status[toy] = TEST_NOT_CONVERGED
        else:
            outcome.status[toy] = AT_BOUND if best[0] == low or best[0] == high else FINE
            outcome.t[toy] = max(at_test - minimum, 0.0) if best[0] != tested else 0.0


@internal
def _open(effects, search):
    """Give a search the whole ranges of all parameters."""
    for i in range(len(search.scale)):
        search.lower[i], search.upper[i] = effects.bounds[i, 0], effects.bounds[i, 1]
        search.scale[i] = 2.0
    search.scale[0] = 0.25 * (search.upper[0] - search.lower[0])


@internal
def _minimise(data, blocks, start, evaluation, search, ceiling, events):
    """Search from ``start``, until it is clear that it ends above ``ceiling``; returns the number of evaluations."""
    effects = data.effects
    tolerance, noise = tolerance_of(effects, events), noise_of(effects, events)
    start_newton(search, start, tolerance, nearness_of(effects), noise, updating_pays(effects))
    running = True
    while running:
        value = evaluate(data, blocks, search.trial, search.counts[ORDER], evaluation)
        running = newton_step(search, value, evaluation.gradient, evaluation.hessian) and not ends_above(
            search, ceiling
        )
    return search.counts[ITERATION]


@internal
def _fill_slice(data, blocks, alpha, evaluation, line):
    """-2 ln L along the grid."""
    effects, factors, values = data.effects, evaluation.factors, line.values
    fill_factors(effects, alpha, factors)
    set_point(effects, alpha, evaluation.buffers)
    for point in range(len(values)):
        values[point] = 0.0
    add_slice(effects, data.events, FIRST, blocks, line.fractions, factors.rates, evaluation.buffers, values)
    shift = constraint(effects, alpha, data.observed)
    for point in range(len(values)):
        values[point] = 2.0 * (expected_events(line.fractions[point], factors) - values[point]) + shift
