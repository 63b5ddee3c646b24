"""What the constraints add to -2 ln L, for compiled code: every kind that there is, by its number."""

from steelyard.model.constraints import CONSTRAINTS
from steelyard.numerics.compilation import internal


def _chained(number):
    """The kinds from this number on, one test after the other: compiled code calls what it knows by name alone."""
    own = internal(CONSTRAINTS[number].penalty)
    if number == len(CONSTRAINTS) - 1:

        @internal
        def last(kind, value, observable, scale):
            return own(value, observable, scale)

        return last
    following = _chained(number + 1)

    @internal
    def choose(kind, value, observable, scale):
        if kind == number:
            return own(value, observable, scale)
        return following(kind, value, observable, scale)

    return choose


penalty = _chained(0)
