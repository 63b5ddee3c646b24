r"""The profile likelihood, followed in kappa from one conditional fit to both ends of the range.

The likelihood of an interfering signal can have two minima in kappa, and how deep each is depends on what the nuisance
parameters make of it. So the profile :math:`P(\kappa)=\min_\alpha[-2\ln L(\kappa,\alpha)]` is followed: from the known
:math:`\hat\alpha` at one kappa, the next one is predicted, and one gradient there says how far it was off,

.. math:: \hat\alpha \approx \alpha - W g_\alpha, \quad P \approx -2\ln L - \tfrac12 g_\alpha^T W g_\alpha, \quad
          \frac{dP}{d\kappa} \approx g_\kappa + \frac{d\hat\alpha}{d\kappa}\cdot g_\alpha

with W the inverse Hessian in alpha (:mod:`~steelyard.likelihood.minimise.bfgs`), at first that of the known
conditional fit, and the direction of the path from its last three points. Where the correction is not small it is
taken, and the point is looked at again; W learns from how the gradient changed. Where some corrections are not enough,
the path asks for a conditional fit. Values and slopes give the profile between the points as a cubic, and so its
minima (:mod:`~steelyard.likelihood.minimise.minima`).

As in :mod:`~steelyard.likelihood.minimise.newton`, the function is not called here: the path says what it wants to know
(``LOOK``: value and gradient at its trial point, for :func:`continuation_step`; ``FIT``: the conditional fit from
there, for :func:`accept_fit`), until it has ``ARRIVED``.
"""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.minimise.bfgs import bfgs_update, invert, scalar
from steelyard.likelihood.minimise.newton import copy, copy_square
from steelyard.numerics.compilation import compiled, internal

# Points at most, on both sides of the first.
POINTS = 128
MIDDLE = POINTS // 2

# Steps to the range. Where the profile lies D units above the lowest point seen, they are longer by sqrt(1 + D/2): so
# far it takes the profile to come down again.
STEPS = 12
_DEPTH = 2.0

# A point this near to the end, in steps, is the end: so short a step would give no direction.
_NEAR = 1e-6

# A correction of the profile up to this, and this part of its height above the lowest point, is believed; a larger part
# where that is far above.
_SMALL, _PART, _FAR = 0.1, 0.05, 50.0
_CORRECTIONS = 4

# What a path wants.
ARRIVED, LOOK, FIT = 0, 1, 2

# Places in ``counts``: the ends of the points in use, direction, attempts at the present point, evaluations in all.
FIRST, LAST, DIRECTION, ATTEMPT, EVALUATIONS = 0, 1, 2, 3, 4
# Places in ``numbers``: the lowest point seen, the step, and value and slope in kappa at the base.
LOWEST, STEP, VALUE, SLOPE = 0, 1, 2, 3

# An attempt without a base: from the last point, the predicted alpha having been forbidden.
_PLAIN = -1


class ContinuationState(NamedTuple):
    """Points of the profile likelihood with K nuisance parameters, in the order of kappa.

    Attributes:
        kappa, value, slope: (N,) coordinate, P and dP/dkappa.
        rest, tangent: (N, P - 1) conditional fits and their derivatives in kappa.
        trial: (P,) the point to be evaluated next.
        base, gradient: (P - 1,) the best alpha at the present kappa, and the gradient in alpha there.
        step: (P - 1,) its correction.
        inverse, first_inverse, factor: (P - 1, P - 1) W, that of the first point, and buffers.
        rise, along: (P - 1,) buffers.
        bounds: (P, 2).
        fixed: (P - 1,) nuisance parameters that do not move.
        numbers, counts: see above.
    """

    kappa: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    rest: np.ndarray
    tangent: np.ndarray
    trial: np.ndarray
    base: np.ndarray
    gradient: np.ndarray
    step: np.ndarray
    inverse: np.ndarray
    first_inverse: np.ndarray
    factor: np.ndarray
    rise: np.ndarray
    along: np.ndarray
    bounds: np.ndarray
    fixed: np.ndarray
    numbers: np.ndarray
    counts: np.ndarray


def allocate_continuation(bounds):
    """Buffers for a path between bounds (P, 2)."""
    nuisances = len(bounds) - 1
    return ContinuationState(
        np.zeros(POINTS),
        np.zeros(POINTS),
        np.zeros(POINTS),
        np.zeros((POINTS, nuisances)),
        np.zeros((POINTS, nuisances)),
        np.zeros(1 + nuisances),
        np.zeros(nuisances),
        np.zeros(nuisances),
        np.zeros(nuisances),
        np.zeros((nuisances, nuisances)),
        np.zeros((nuisances, nuisances)),
        np.zeros((nuisances, nuisances)),
        np.zeros(nuisances),
        np.zeros(nuisances),
        np.ascontiguousarray(bounds, dtype=float),
        np.zeros(nuisances, dtype=np.bool_),
        np.zeros(4),
        np.zeros(5, dtype=np.int64),
    )


@compiled
def start_continuation(path, place, value, gradient, hessian):
    """Begin at a conditional fit (P,) with this value and these derivatives; returns what the path wants."""
    counts, numbers = path.counts, path.numbers
    counts[FIRST], counts[LAST], counts[DIRECTION], counts[EVALUATIONS] = MIDDLE, MIDDLE, -1, 0
    numbers[LOWEST], numbers[STEP] = value, (path.bounds[0, 1] - path.bounds[0, 0]) / STEPS
    path.kappa[MIDDLE], path.value[MIDDLE], path.slope[MIDDLE] = place[0], value, gradient[0]
    copy(place[1:], path.rest[MIDDLE])
    invert(hessian, path.fixed, path.factor, path.inverse)
    copy_square(path.inverse, path.first_inverse)
    for k in range(len(path.base)):
        path.along[k] = 0.0 if path.fixed[k] else hessian[0, 1 + k]
    for k in range(len(path.base)):
        path.tangent[MIDDLE, k] = -scalar(path.inverse[k], path.along)
    return _propose(path)


@compiled
def continuation_step(path, value, gradient):
    """Tell the path value (``inf`` where forbidden) and gradient (P,) at its trial point; returns what it wants."""
    counts, numbers, nuisances = path.counts, path.numbers, len(path.base)
    counts[EVALUATIONS] += 1
    if not value < np.inf:
        return _retreat(path)
    if counts[ATTEMPT] > 0:
        for k in range(nuisances):
            path.rise[k] = 0.0 if path.fixed[k] else gradient[1 + k] - path.gradient[k]
        bfgs_update(path.step, path.rise, path.along, path.inverse)
        if value > numbers[VALUE]:
            return _shorten(path)
    copy(path.trial[1:], path.base)
    numbers[VALUE], numbers[SLOPE] = value, gradient[0]
    for k in range(nuisances):
        path.gradient[k] = 0.0 if path.fixed[k] else gradient[1 + k]
    gain = 0.0
    for k in range(nuisances):
        newton = scalar(path.inverse[k], path.gradient)
        gain += 0.5 * path.gradient[k] * newton
        path.step[k] = min(max(path.base[k] - newton, path.bounds[1 + k, 0]), path.bounds[1 + k, 1]) - path.base[k]
    height = max(value - gain - numbers[LOWEST], 0.0)
    if gain <= _SMALL + _PART * height * max(height / _FAR, 1.0):
        return _keep(path, value - gain)
    return _correct(path)


@compiled
def accept_fit(path, place, value, gradient, hessian):
    """Tell the path the conditional fit from its trial point; returns what it wants."""
    if not value < np.inf:
        return _keep(path, np.inf)
    copy(place[1:], path.base)
    path.numbers[SLOPE] = gradient[0]
    for k in range(len(path.base)):
        path.step[k], path.gradient[k] = 0.0, 0.0
    invert(hessian, path.fixed, path.factor, path.inverse)
    return _keep(path, value)


@internal
def _correct(path):
    """Look where the correction leads; after some of them ask for a fit from the last point, unless far above."""
    counts, numbers = path.counts, path.numbers
    counts[ATTEMPT] = max(counts[ATTEMPT], 0) + 1
    if counts[ATTEMPT] > _CORRECTIONS:
        if numbers[VALUE] - numbers[LOWEST] > _FAR:
            return _keep(path, numbers[VALUE])
        copy(path.rest[_end(path)], path.trial[1:])
        return FIT
    for k in range(len(path.base)):
        path.trial[1 + k] = path.base[k] + path.step[k]
    return LOOK


@internal
def _shorten(path):
    """The correction led upwards, or where it is forbidden: a quarter of it."""
    for k in range(len(path.step)):
        path.step[k] *= 0.25
    return _correct(path)


@internal
def _retreat(path):
    """The trial point is forbidden: less of the correction, or the last point's alpha, or no value here at all."""
    counts = path.counts
    if counts[ATTEMPT] > 0:
        return _shorten(path)
    at = _end(path)
    if counts[ATTEMPT] == 0:
        counts[ATTEMPT] = _PLAIN
        copy(path.rest[at], path.trial[1:])
        return LOOK
    copy(path.rest[at], path.base)
    for k in range(len(path.step)):
        path.step[k] = 0.0
    return _keep(path, np.inf)


@internal
def _keep(path, value):
    """Add the base with its correction to the points, and propose the next one."""
    counts = path.counts
    if counts[DIRECTION] < 0:
        counts[FIRST] -= 1
    else:
        counts[LAST] += 1
    place = _end(path)
    path.kappa[place], path.value[place] = path.trial[0], value
    for k in range(len(path.base)):
        path.rest[place, k] = path.base[k] + path.step[k]
    _turn(path, place)
    path.slope[place] = path.numbers[SLOPE] + scalar(path.tangent[place], path.gradient)
    path.numbers[LOWEST] = min(path.numbers[LOWEST], value)
    return _propose(path)


@internal
def _propose(path):
    """Choose the next point, on the other side when the end of one is reached."""
    counts, numbers, bounds = path.counts, path.numbers, path.bounds
    counts[ATTEMPT] = 0
    for _ in range(2):
        up = counts[DIRECTION] > 0
        at = _end(path)
        end = bounds[0, 1] if up else bounds[0, 0]
        left = abs(end - path.kappa[at])
        if left > _NEAR * numbers[STEP] and 0 < at < POINTS - 1:
            height = path.value[at] - numbers[LOWEST]
            step = numbers[STEP]
            if 0.0 < height < np.inf:
                step *= np.sqrt(1.0 + height / _DEPTH)
            if left < 1.3 * step:
                _place(path, at, end)
            else:
                step = min(step, 0.5 * left) if left < 2.0 * step else step
                _place(path, at, path.kappa[at] + counts[DIRECTION] * step)
            return LOOK
        if up:
            break
        counts[DIRECTION] = 1
        copy_square(path.first_inverse, path.inverse)
    return ARRIVED


@internal
def _end(path):
    """Place of the newest point on this side."""
    return path.counts[FIRST] if path.counts[DIRECTION] < 0 else path.counts[LAST]


@internal
def _turn(path, place):
    """Fill the direction of the path at its newest point: of the parabola through the last three."""
    one = place - path.counts[DIRECTION]
    two = one - path.counts[DIRECTION]
    size, before = path.kappa[place] - path.kappa[one], path.kappa[one] - path.kappa[two]
    for k in range(len(path.base)):
        secant = (path.rest[place, k] - path.rest[one, k]) / size
        if one == MIDDLE:
            bend = secant - path.tangent[one, k]
        else:
            bend = (secant - (path.rest[one, k] - path.rest[two, k]) / before) * size / (size + before)
        path.tangent[place, k] = secant + bend


@internal
def _place(path, at, kappa):
    """Predict the conditional fit: the parabola through the last two points with the direction at the last."""
    before, ahead = at - path.counts[DIRECTION], kappa - path.kappa[at]
    for k in range(len(path.base)):
        slope = path.tangent[at, k]
        if at != MIDDLE:
            back = path.kappa[before] - path.kappa[at]
            slope += ahead * ((path.rest[before, k] - path.rest[at, k]) / back - slope) / back
        path.trial[1 + k] = min(max(path.rest[at, k] + slope * ahead, path.bounds[1 + k, 0]), path.bounds[1 + k, 1])
    path.trial[0] = kappa
