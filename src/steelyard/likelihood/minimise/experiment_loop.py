"""Profile fits of many pseudo-experiments: the conditional fit at the tested value, and the global one."""

import numpy as np

from steelyard.likelihood.kernels.blocks import (
    FIRST,
    WEIGHTS,
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
    MIDDLE,
    accept_fit,
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
    copy,
    copy_square,
    ends_above,
    newton_step,
    start_newton,
)
from steelyard.likelihood.minimise.ridges import leads_back
from steelyard.likelihood.objective import Data, evaluate
from steelyard.model.coefficient_forms import fill_coefficients
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


@compiled
def fit_experiments(model, source, offsets, observed, auxiliary, tested, sides, starts, crossed, weak, fits, outcome):
    """Fit T experiments: of each region the events or rows that ``offsets`` (H, T + 1) delimits.

    Args:
        model: :class:`~steelyard.likelihood.compile.CompiledModel`.
        source: events of all regions (:class:`~steelyard.likelihood.kernels.blocks.Source`).
        observed: (T, K) global observables.
        auxiliary: (T, E) measurements of the factors of bins with template errors; (T, 0) for ones.
        tested: coordinate of the tested value.
        sides: (V, K) valleys of the nuisance parameters in which to begin, of
            :func:`~steelyard.likelihood.minimise.valleys.valley_signs`; one row of zeros for one.
        starts: (V, M) where to begin in the further coordinates, of
            :func:`~steelyard.likelihood.minimise.basins.further_starts`, and 1 where the path begins at the lowest
            point of the slice through these values, for 0 at the tested value.
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
    thetas, others = len(model.middle), len(model.bounds) - 1
    nuisances = len(model.nominal)
    low, high = model.bounds[0, 0], model.bounds[0, 1]
    for toy in range(offsets.shape[1] - 1):
        size, blocks = 0.0, FIRST
        for region in range(len(model.binned)):
            begin_at, end_at = offsets[region, toy], offsets[region, toy + 1]
            size += np.float64(end_at - begin_at)
            first_count = source.starts[region, WEIGHTS]
            for index in range(begin_at, end_at if model.binned[region] else begin_at):
                # rounding of a bin counts for all its events
                size += source.weights[first_count + index] * source.weights[first_count + index] - 1.0
            blocks = pack_events(
                source,
                auxiliary[toy],
                region,
                begin_at,
                end_at,
                model.binned[region],
                model.rows,
                model.terms,
                fits.packing,
                blocks,
                fits.events,
            )
        data = Data(model, fits.events, observed[toy])
        _open(model, search)
        evaluations = 0
        at_test, edm, test_converged, minimum, converged = np.inf, 0.0, False, np.inf, False
        edm_global, refined = np.inf, False
        for i in range(1 + others):
            best[i] = np.nan
        copy(best[1:], outcome.conditional[toy])

        for valley in range(len(sides)):
            # At the tested value, from the global observables or from the nominal point. If the tested value is
            # forbidden at both, where the slice through them is lowest: the profile has to be known somewhere.
            known, found = False, 0
            for attempt in range(4):
                if attempt < 2 and starts[valley, thetas - 1] > 0.0:
                    continue  # not at the tested value
                for p in range(1, thetas):
                    given = starts[valley, p - 1]
                    start[p] = given if given == given else model.middle[p]  # no number: the nominal value
                for k in range(nuisances):
                    nearest = data.observed[k] if model.measured[k] and attempt % 2 == 0 else model.nominal[k]
                    side = sides[valley, k]
                    if side != 0.0:
                        nearest = side * max(side * nearest, ENTRANCE)
                    at = thetas + k
                    start[at] = min(max(nearest, model.bounds[at, 0]), model.bounds[at, 1])
                start[0] = tested
                if attempt >= 2 or others == 0:
                    _fill_slice(data, blocks, start, evaluation, line)
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
            if others == 0:
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
                    if thetas > 1 and known:
                        # A basin of a further coordinate may end within a step of the path: from where that began.
                        start[0] = path.kappa[MIDDLE]
                        copy(path.rest[MIDDLE], start[1:])
                    elif refined or not at_test < np.inf:
                        continue
                    else:
                        copy(best, start)
                else:
                    j = order[index]
                    if refined and expected[j] > minimum + MARGIN:
                        continue
                    start[0] = minima[j]
                    if others:
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
                start[thetas + k] = min(max(other, model.bounds[thetas + k, 0]), model.bounds[thetas + k, 1])
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
                        search, search.trial, hessians[1 if held else 0], start, evaluation.gradient, thetas + k
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
        copy(best[1:], outcome.rest[toy])
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
def _open(model, search):
    """Give a search the whole ranges of all parameters."""
    for i in range(len(search.scale)):
        search.lower[i], search.upper[i] = model.bounds[i, 0], model.bounds[i, 1]
        search.scale[i] = 2.0
    for i in range(len(model.middle)):
        search.scale[i] = 0.25 * (search.upper[i] - search.lower[i])


@internal
def _minimise(data, blocks, start, evaluation, search, ceiling, events):
    """Search from ``start``, until it is clear that it ends above ``ceiling``; returns the number of evaluations."""
    model = data.model
    tolerance, noise = tolerance_of(model, events), noise_of(model, events)
    start_newton(search, start, tolerance, nearness_of(model), noise, updating_pays(model))
    running = True
    while running:
        value = evaluate(data, blocks, search.trial, search.counts[ORDER], evaluation)
        running = newton_step(search, value, evaluation.gradient, evaluation.hessian) and not ends_above(
            search, ceiling
        )
    return search.counts[ITERATION]


@internal
def _fill_slice(data, blocks, place, evaluation, line):
    """-2 ln L along the grid of the first coordinate, through a place (P,) whose own first one is not used."""
    model, factors, values = data.model, evaluation.factors, line.values
    thetas = len(model.middle)
    if thetas > 1:
        first = place[0]
        for point in range(len(values)):
            place[0] = line.grid[point]
            fill_coefficients(model.form, place, evaluation.tape, evaluation.coefficients)
            copy(evaluation.coefficients[0], line.coefficients[point])
        place[0] = first
    alpha = place[thetas:]
    fill_factors(model, alpha, factors)
    set_point(model, alpha, evaluation.buffers)
    for point in range(len(values)):
        values[point] = 0.0
    add_slice(model, data.events, FIRST, blocks, line.coefficients, factors.events, evaluation.buffers, values)
    shift = constraint(model, alpha, data.observed)
    for point in range(len(values)):
        values[point] = 2.0 * (expected_events(line.coefficients[point], factors) - values[point]) + shift
