r"""Newton's method within bounds, for functions with exact gradient and Hessian.

A step minimises the quadratic model over the parameters that are free to move, with those that would leave their
range set on its end, inside a trust region whose size follows from how well the model foretold the last step. Where
the Hessian is not positive it is shifted until it is. A step that raises the function, or at which it is infinite
(a negative density), is never taken.

The function is not called here: a search proposes a point and is told what is there. So it serves the compiled loop
over pseudo-experiments as well as a data set that many threads evaluate.
"""

from typing import NamedTuple

import numpy as np

from steelyard.statistics.engine.compilation import compiled

ITERATIONS = 60

RUNNING, CONVERGED, INVALID_START, STUCK, TOO_MANY_STEPS = 0, 1, 2, 3, 4

# Places in ``numbers``.
MINIMUM, PREDICTED, EDM, RADIUS, TOLERANCE, NOISE, REACH = 0, 1, 2, 3, 4, 5, 6
# Places in ``counts``.
STATE, ITERATION = 0, 1

# Relative shifts of the Hessian's diagonal: with more than the second it is not a minimum that has been found.
_FIRST_SHIFT, _LARGEST_SHIFT = 1e-7, 1e-2


class Search(NamedTuple):
    """The state of one minimisation over d parameters.

    Attributes:
        place, gradient, hessian: the best point so far, (d,), (d,), (d, d).
        trial: (d,) the point to be evaluated next.
        lower, upper: (d,) bounds.
        fixed: (d,) parameters that do not move.
        scale: (d,) natural sizes of a step.
        step, free, factor: room for the step, the free parameters' numbers, and their Hessian's Cholesky factor.
        numbers: value, predicted decrease of the next step, estimated distance to the minimum, trust radius in scales,
            tolerance of the distance, noise of the function, length of the last step in scales.
        counts: state and number of evaluations.
    """

    place: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    trial: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    fixed: np.ndarray
    scale: np.ndarray
    step: np.ndarray
    free: np.ndarray
    factor: np.ndarray
    numbers: np.ndarray
    counts: np.ndarray


@compiled
def allocate_search(size):
    """Room for a search over so many parameters."""
    return Search(
        np.zeros(size),
        np.zeros(size),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, dtype=np.bool_),
        np.ones(size),
        np.zeros(size),
        np.zeros(size, dtype=np.int64),
        np.zeros((size, size)),
        np.zeros(8),
        np.zeros(2, dtype=np.int64),
    )


@compiled
def begin(search, start, tolerance, noise):
    """Start at ``start`` (d,), moved into the bounds; ``lower``, ``upper``, ``fixed`` and ``scale`` are set already."""
    for i in range(len(start)):
        search.trial[i] = min(max(start[i], search.lower[i]), search.upper[i])
    search.numbers[MINIMUM] = np.inf
    search.numbers[PREDICTED] = search.numbers[EDM] = np.inf
    search.numbers[RADIUS] = 1.0
    search.numbers[TOLERANCE], search.numbers[NOISE] = tolerance, noise
    search.counts[STATE], search.counts[ITERATION] = RUNNING, 0


@compiled
def advance(search, value, gradient, hessian):
    """Tell the search what is at its trial point; true if there is a further one to evaluate.

    Args:
        search: changed.
        value: the function; ``inf`` where it is not allowed.
        gradient, hessian: not read where the value is infinite.
    """
    numbers, counts = search.numbers, search.counts
    first = counts[ITERATION] == 0
    counts[ITERATION] += 1
    if first and not np.isfinite(value):
        counts[STATE] = INVALID_START
        return False
    gain = numbers[MINIMUM] - value
    if np.isfinite(value) and (first or gain >= -numbers[NOISE]):
        if not first:
            _trust(numbers, gain)
        numbers[MINIMUM] = value
        search.place[:] = search.trial
        search.gradient[:] = gradient
        search.hessian[:] = hessian
    elif numbers[EDM] < 10.0 * numbers[NOISE] and np.isfinite(value):
        counts[STATE] = CONVERGED  # nearer than the function can tell
        return False
    else:
        numbers[RADIUS] = 0.25 * numbers[REACH]
        if numbers[RADIUS] < 1e-9:
            counts[STATE] = STUCK
            return False
    if counts[ITERATION] >= ITERATIONS:
        counts[STATE] = TOO_MANY_STEPS
        return False
    return _propose(search)


@compiled
def _trust(numbers, gain):
    ratio = gain / max(numbers[PREDICTED], 1e-300)
    if ratio < 0.25 and gain < -numbers[NOISE] + numbers[PREDICTED]:
        numbers[RADIUS] = max(0.5 * numbers[REACH], 1e-6)
    elif ratio > 0.75 and numbers[REACH] > 0.9 * numbers[RADIUS]:
        numbers[RADIUS] = min(2.0 * numbers[RADIUS], 8.0)


@compiled
def _propose(search):
    """Choose the next trial point; false if the search is over."""
    size, numbers = len(search.place), search.numbers
    place, gradient, step = search.place, search.gradient, search.step
    number = 0
    for i in range(size):
        outwards = (place[i] <= search.lower[i] and gradient[i] > 0.0) or (
            place[i] >= search.upper[i] and gradient[i] < 0.0
        )
        step[i] = 0.0
        if not (search.fixed[i] or outwards):
            search.free[number] = i
            number += 1
    moving = number
    shift = _solve_within_bounds(search, number)
    predicted = _predicted(search)
    if predicted <= 0.0 and moving:
        predicted = _descend(search)
    search.numbers[EDM] = predicted
    if predicted < numbers[TOLERANCE]:
        # With a large shift this is a hill or a saddle with a vanishing slope.
        search.counts[STATE] = CONVERGED if shift <= _LARGEST_SHIFT else STUCK
        return False
    reach = 0.0
    for i in range(size):
        reach = max(reach, abs(step[i]) / search.scale[i])
    if reach > numbers[RADIUS]:
        step *= numbers[RADIUS] / reach
        reach = numbers[RADIUS]
        predicted = _predicted(search)
    numbers[REACH], numbers[PREDICTED] = reach, predicted
    for i in range(size):
        search.trial[i] = min(max(place[i] + step[i], search.lower[i]), search.upper[i])
    return True


@compiled
def _descend(search):
    """Fill the step along the scaled slope instead, as far as bounds and curvature allow; returns its decrease.

    Parameters on the ends of their ranges can make a Newton step raise the model; this one cannot.
    """
    place, gradient, step = search.place, search.gradient, search.step
    top = 1e-12
    for i in range(len(step)):
        top = max(top, abs(search.hessian[i, i]))
    for i in range(len(step)):
        step[i] = 0.0
        if not search.fixed[i]:
            end = place[i] - gradient[i] / max(abs(search.hessian[i, i]), 1e-3 * top)
            step[i] = min(max(end, search.lower[i]), search.upper[i]) - place[i]
    slope, curvature = 0.0, 0.0
    for i in range(len(step)):
        slope += gradient[i] * step[i]
        for j in range(len(step)):
            curvature += step[i] * search.hessian[i, j] * step[j]
    if curvature > -slope:
        step *= -slope / curvature
    return _predicted(search)


@compiled
def _predicted(search):
    """Decrease of the quadratic model by the step."""
    total = 0.0
    for i in range(len(search.step)):
        if search.step[i] != 0.0:
            along = 0.0
            for j in range(len(search.step)):
                along += search.hessian[i, j] * search.step[j]
            total += search.step[i] * (search.gradient[i] + 0.5 * along)
    return -total


@compiled
def _solve_within_bounds(search, number):
    """Fill the step over the first ``number`` free parameters; returns the shift of the Hessian.

    Parameters that the Newton step would carry out of their range are set on its end, and the others minimise what
    then remains of the model.
    """
    place, step, free = search.place, search.step, search.free
    largest = 0.0
    while True:
        shift = _solve(search, number)
        largest = max(largest, shift)
        kept = 0
        for index in range(number):
            i = free[index]
            end = place[i] + step[i]
            if end < search.lower[i]:
                step[i] = search.lower[i] - place[i]
            elif end > search.upper[i]:
                step[i] = search.upper[i] - place[i]
            else:
                free[kept] = i
                kept += 1
        if kept == number:
            return largest
        number = kept


@compiled
def _solve(search, number):
    """Newton's step of the free parameters, given the steps of all others; returns the relative shift needed."""
    free, step, factor = search.free, search.step, search.factor
    size = len(step)
    if number == 0:
        return 0.0
    shift, top = 0.0, 0.0
    for index in range(number):
        top = max(top, abs(search.hessian[free[index], free[index]]))
    while not _cholesky(search, number, shift, top):
        shift = _FIRST_SHIFT if shift == 0.0 else 10.0 * shift
        if shift > 1e12:  # not a number somewhere: do not move
            for index in range(number):
                step[free[index]] = 0.0
            return shift
    # The free parameters' own steps do not enter the right-hand side.
    for index in range(number):
        step[free[index]] = 0.0
    right = np.empty(number)
    for index in range(number):
        i = free[index]
        total = -search.gradient[i]
        for j in range(size):
            if step[j] != 0.0:
                total -= search.hessian[i, j] * step[j]
        right[index] = total
    back_substitute(factor, right, number)
    for index in range(number):
        step[free[index]] = right[index]
    return shift


@compiled
def _cholesky(search, number, shift, top):
    """Lower factor of the free parameters' Hessian with its diagonal shifted; false if it is not positive."""
    free, factor = search.free, search.factor
    for row in range(number):
        i = free[row]
        for column in range(row + 1):
            total = search.hessian[i, free[column]]
            if row == column:
                size = max(abs(total), 1e-3 * top, 1e-12)
                total += shift * size
            for inner in range(column):
                total -= factor[row, inner] * factor[column, inner]
            if row == column:
                if not total > 1e-13 * size:
                    return False
                factor[row, row] = np.sqrt(total)
            else:
                factor[row, column] = total / factor[column, column]
    return True


@compiled
def back_substitute(factor, right, number):
    """Solve L L^T x = right in place."""
    for row in range(number):
        total = right[row]
        for column in range(row):
            total -= factor[row, column] * right[column]
        right[row] = total / factor[row, row]
    for row in range(number - 1, -1, -1):
        total = right[row]
        for column in range(row + 1, number):
            total -= factor[column, row] * right[column]
        right[row] = total / factor[row, row]
