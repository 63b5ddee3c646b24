"""Whether there may be another valley on the other side of a minimum, at the price of one gradient."""

from steelyard.likelihood.minimise.newton import copy, copy_square
from steelyard.likelihood.minimise.trust_region import solve_within_bounds
from steelyard.numerics.compilation import compiled

# From a point across, Newton's step with the minimum's Hessian leads all the way back if there is no other valley. With
# an even effect whose ridge is about to appear, the share of the way vanishes.
_SHARE = 0.35

# A point nearer than this is at the minimum, not across.
_NEAR = 0.05


@compiled
def leads_back(search, place, hessian, start, gradient, number):
    """Whether the likelihood falls from ``start`` towards a minimum about as a parabola would.

    Args:
        search: buffers, and which parameters are fixed.
        place, hessian: (d,) and (d, d) of the minimum.
        start, gradient: (d,) the point, which differs from the minimum in one parameter, and the gradient there.
        number: of that parameter.
    """
    way = place[number] - start[number]
    if abs(way) < _NEAR:
        return True
    copy(start, search.place)
    copy(gradient, search.gradient)
    copy_square(hessian, search.hessian)
    moving = 0
    for i in range(len(start)):
        search.step[i] = 0.0
        if not search.fixed[i]:
            search.free[moving] = i
            moving += 1
    shift = solve_within_bounds(search, moving)
    return shift == 0.0 and search.step[number] / way > _SHARE
