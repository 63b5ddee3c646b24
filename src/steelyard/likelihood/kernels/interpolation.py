r"""One effect at a point, from the interpolation weights that are formed once for all events.

The two ways in which an effect is evaluated: :mod:`steelyard.model.interpolation.weights`.
"""

from steelyard.model.interpolation import CODES, EXPONENTIAL, LINEAR
from steelyard.model.interpolation.positivity import falls_back
from steelyard.model.interpolation.weights import WEIGHTS
from steelyard.numerics.compilation import internal
from steelyard.numerics.elementary import exp

__all__ = ("EXPONENTIAL", "LINEAR", "TINY", "WEIGHTS", "interpolate", "interpolation_weights")

# Stands for a factor of exactly zero, so that its logarithmic derivatives exist; products with it are exact again. A
# float32 number times it is still one.
TINY = 1e-30


def _chained(number):
    """The codes from this number on, one test after the other: compiled code calls what it knows by name alone."""
    weights = CODES[number].weights
    if number == len(CODES) - 1:

        @internal
        def last(kind, alpha, result):
            return weights(alpha, result)

        return last
    following = _chained(number + 1)

    @internal
    def choose(kind, alpha, result):
        if kind == number:
            return weights(alpha, result)
        return following(kind, alpha, result)

    return choose


interpolation_weights = _chained(0)


@internal
def interpolate(logs, factors, polynomial, weights):
    """g, and its first two derivatives over g, from the weights (3, 8) of :func:`interpolation_weights`.

    Args:
        logs, factors: (2,) u and d, and their exponentials g+ and g-.
        polynomial: which of the two ways.
    """
    log_up, log_down, up, down = logs[0], logs[1], factors[0], factors[1]
    if not polynomial:
        first = weights[1, 0] * log_up + weights[1, 1] * log_down
        second = weights[2, 0] * log_up + weights[2, 1] * log_down
        return exp(weights[0, 0] * log_up + weights[0, 1] * log_down), first, second + first * first
    if falls_back(log_up, log_down):
        first = weights[1, 6] * log_up + weights[1, 7] * log_down
        second = weights[2, 6] * log_up + weights[2, 7] * log_down
        return exp(weights[0, 6] * log_up + weights[0, 7] * log_down), first, second + first * first
    g = 1.0 + _combine(weights[0], log_up, log_down, up, down)
    if abs(g) < TINY:
        g = TINY
    inverse = 1.0 / g
    first = _combine(weights[1], log_up, log_down, up, down) * inverse
    return g, first, _combine(weights[2], log_up, log_down, up, down) * inverse


@internal
def _combine(weights, log_up, log_down, up, down):
    return (
        weights[0] * (up - 1.0)
        + weights[1] * (down - 1.0)
        + up * log_up * (weights[2] + weights[4] * log_up)
        + down * log_down * (weights[3] + weights[5] * log_down)
    )
