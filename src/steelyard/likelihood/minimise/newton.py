r"""Newton's method within bounds, for functions with exact gradient and Hessian.

A step minimises the quadratic model over the parameters that are free to move, with those that would leave their
range set on its end, inside a trust region whose size follows from how well the model predicted the last step. Where
the Hessian is not positive it is shifted until it is; where nothing pulls, on a saddle, the search leaves along the
direction that curves down most. A step that raises the function, or at which it is infinite (a negative density), is
never taken.

Where the Hessian is dear, it is no longer evaluated near the minimum as long as it is positive and steps go as
predicted, but kept up to date with the gradients, by the formula of Broyden, Fletcher, Goldfarb and Shanno. Near the
minimum one more step is the last, of which the value is enough: it has to have fallen as predicted.

The function is not called here: a search proposes a point and is told what is there. So it serves the compiled loop
over pseudo-experiments as well as a data set that many threads evaluate.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN, VALUE
from steelyard.likelihood.minimise.trust_region import decrease_of, fall_along, solve_within_bounds
from steelyard.numerics.compilation import compiled, internal

ITERATIONS = 60

RUNNING, CONVERGED, INVALID_START, STUCK, TOO_MANY_STEPS = 0, 1, 2, 3, 4

# Places in ``numbers``.
MINIMUM, PREDICTED, EDM, RADIUS, TOLERANCE, NOISE, REACH, NEAR, SHIFT = 0, 1, 2, 3, 4, 5, 6, 7, 8
# Places in ``counts``.
STATE, ITERATION, ORDER, UPDATING = 0, 1, 2, 3

# With a larger relative shift of the Hessian's diagonal it is not a minimum that has been found.
_LARGEST_SHIFT = 2e-3

# A saddle is left by so much, in scales.
_AWAY = 0.25

# Where steps of at least this length, in scales, gain nothing, and shorter ones are not predicted to gain more than the
# noise, valleys on the sides of a ridge are less deep than the function can tell: it is as good as a minimum.
_FLAT = 1e-3

# Distance to the minimum before a step, in -2 ln L, from which the Hessian may be updated after it, if the step went as
# predicted.
_CLOSE = 20.0


class NewtonState(NamedTuple):
    """The state of one minimisation over d parameters.

    Attributes:
        place, gradient, hessian: the best point so far, (d,), (d,), (d, d).
        trial: (d,) the point to be evaluated next.
        lower, upper: (d,) bounds.
        fixed: (d,) parameters that do not move.
        scale: (d,) natural sizes of a step.
        step, free, factor, right: work space for the step, the free parameters' numbers, their Hessian's Cholesky
            factor, and the right-hand side of their equation.
        numbers: value, predicted decrease of the next step, estimated distance to the minimum, trust radius in scales,
            tolerance of the distance, noise of the function, length of the last step in scales, the distance from
            which one more step is the last, and the relative shift that the Hessian needed.
        counts: state, number of evaluations, order of derivatives that the next one needs, and whether the Hessian is
            updated rather than evaluated.
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
    right: np.ndarray
    numbers: np.ndarray
    counts: np.ndarray


def allocate_newton(size):
    """Buffers for a search over so many parameters."""
    return NewtonState(
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
        np.zeros(size),
        np.zeros(9),
        np.zeros(4, dtype=np.int64),
    )


@internal
def copy(source, target):
    """Copy numbers (d,). A loop compiles in a fraction of the time of an assignment of slices, here and below."""
    for i in range(len(source)):
        target[i] = source[i]


@internal
def copy_square(source, target):
    """Copy numbers (d, d)."""
    for i in range(len(source)):
        for j in range(len(source)):
            target[i, j] = source[i, j]


@internal
def _scale(step, factor):
    for i in range(len(step)):
        step[i] *= factor


@internal
def start_newton(search, start, tolerance, near, noise, updating):
    """Start at ``start`` (d,), moved into the bounds; ``lower``, ``upper``, ``fixed`` and ``scale`` are set already."""
    for i in range(len(start)):
        search.trial[i] = min(max(start[i], search.lower[i]), search.upper[i])
    search.numbers[MINIMUM] = np.inf
    search.numbers[PREDICTED] = search.numbers[EDM] = np.inf
    search.numbers[RADIUS] = 2.0
    search.numbers[TOLERANCE], search.numbers[NEAR], search.numbers[NOISE] = tolerance, near, noise
    search.counts[STATE], search.counts[ITERATION] = RUNNING, 0
    search.counts[ORDER], search.counts[UPDATING] = HESSIAN, updating


@compiled
def newton_step(search, value, gradient, hessian):
    """Tell the search what is at its trial point; true if there is a further one to evaluate.

    Args:
        search: changed.
        value: the function; ``inf`` where it is not allowed.
        gradient, hessian: not read where the value is infinite, nor beyond the order that was asked for.
    """
    numbers, counts = search.numbers, search.counts
    if counts[ORDER] == VALUE:
        return _finish(search, value)
    first = counts[ITERATION] == 0
    counts[ITERATION] += 1
    if first and not value < np.inf:
        counts[STATE] = INVALID_START
        return False
    gain = numbers[MINIMUM] - value
    if value < np.inf and (first or gain >= -numbers[NOISE]):
        as_predicted = not first and _trust(numbers, gain) and numbers[EDM] < _CLOSE
        if counts[ORDER] == GRADIENT:
            _update(search, gradient)
        else:
            copy_square(hessian, search.hessian)
        counts[ORDER] = GRADIENT if counts[UPDATING] and as_predicted else HESSIAN
        numbers[MINIMUM] = value
        copy(search.trial, search.place)
        copy(gradient, search.gradient)
    elif numbers[EDM] < 10.0 * numbers[NOISE] and value < np.inf:
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


@internal
def ends_above(search, ceiling):
    """Whether the search will end above a value: within two units of a minimum, of which the model is sure by half."""
    numbers = search.numbers
    near = numbers[SHIFT] == 0.0 and numbers[EDM] < 2.0
    return near and numbers[MINIMUM] - 2.0 * numbers[EDM] > ceiling + 0.1


@internal
def _finish(search, value):
    """Take the last step if the function fell as predicted; else its point is looked at with derivatives."""
    numbers, counts = search.numbers, search.counts
    counts[ITERATION] += 1
    counts[ORDER] = HESSIAN
    missing = abs(numbers[MINIMUM] - value - numbers[PREDICTED])
    if not missing <= 0.1 * numbers[PREDICTED] + numbers[NOISE]:
        return True
    copy(search.trial, search.place)
    numbers[MINIMUM], numbers[EDM] = value, missing
    counts[STATE] = CONVERGED
    return False


@internal
def _trust(numbers, gain):
    """Adapt the trust radius; returns whether the step went as predicted."""
    ratio = gain / max(numbers[PREDICTED], 1e-300)
    near = abs(gain - numbers[PREDICTED]) < numbers[NOISE]
    if ratio < 0.25 and not near:
        numbers[RADIUS] = max(0.5 * numbers[REACH], 1e-6)
    elif ratio > 0.75 and numbers[REACH] > 0.9 * numbers[RADIUS]:
        numbers[RADIUS] = min(2.0 * numbers[RADIUS], 8.0)
    return near or abs(ratio - 1.0) < 0.2


@internal
def _update(search, gradient):
    """Change the Hessian so that it explains the change of the gradient, unless the curvature is not positive."""
    size, hessian, step = len(search.place), search.hessian, search.step
    along = search.right
    bent, found = 0.0, 0.0
    for i in range(size):
        step[i] = search.trial[i] - search.place[i]
    for i in range(size):
        along[i] = 0.0
        for j in range(size):
            along[i] += hessian[i, j] * step[j]
        bent += step[i] * along[i]
        found += step[i] * (gradient[i] - search.gradient[i])
    if not (bent > 0.0 and found > 0.1 * bent):
        return
    for i in range(size):
        rise = gradient[i] - search.gradient[i]
        for j in range(size):
            hessian[i, j] += rise * (gradient[j] - search.gradient[j]) / found - along[i] * along[j] / bent


@internal
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
    shift = solve_within_bounds(search, number)
    predicted = decrease_of(search)
    if predicted <= 0.0 and moving:
        predicted = _descend(search)
    search.numbers[EDM], search.numbers[SHIFT] = predicted, shift
    if predicted < numbers[TOLERANCE]:
        if shift <= _LARGEST_SHIFT:
            search.counts[STATE] = CONVERGED
            return False
        # A hill or a saddle with a vanishing slope.
        predicted = fall_along(search, min(_AWAY, numbers[RADIUS]))
        numbers[EDM] = predicted
        if not predicted > 10.0 * numbers[NOISE]:
            search.counts[STATE] = CONVERGED if numbers[RADIUS] > _FLAT else STUCK
            return False
    reach = 0.0
    for i in range(size):
        reach = max(reach, abs(step[i]) / search.scale[i])
    if reach > numbers[RADIUS]:
        _scale(step, numbers[RADIUS] / reach)
        reach = numbers[RADIUS]
        predicted = decrease_of(search)
    numbers[REACH], numbers[PREDICTED] = reach, predicted
    if shift > 0.0:  # a Hessian that is not positive stays so for long when it is only updated
        search.counts[ORDER] = HESSIAN
    if predicted < numbers[NEAR] and shift == 0.0:
        search.counts[ORDER] = VALUE
    for i in range(size):
        search.trial[i] = min(max(place[i] + step[i], search.lower[i]), search.upper[i])
    return True


@internal
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
        _scale(step, -slope / curvature)
    return decrease_of(search)
