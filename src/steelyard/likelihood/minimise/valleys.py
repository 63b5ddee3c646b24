r"""Nuisance parameters on whose two sides the likelihood may have a minimum each, and where to begin in each of them.

An effect that goes the same way at :math:`\alpha=+1` and -1 (yields ×1.09 and ×1.10), or one way only, reaches the same
prediction at two values of α. The likelihood then has two valleys in α, with a ridge near α = 0; between equal sides
α = 0 is even a stationary point. A search that goes downhill ends in the valley in which it begins. So the parameters
with such effects are found beforehand, from the effects, and every fit begins in each valley.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from steelyard.likelihood.minimise.experiment_loop import ENTRANCE
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Systematics
from steelyard.model.model import Model

# Two sides are opposite if their scalar product is below minus this share of the square of the larger one.
OPPOSITE = 0.25

# The even part e of an effect on nu events bends the likelihood into a ridge if 15/4 e sqrt(nu) times the residual, in
# standard deviations, exceeds 1 (the constraint) and what the odd parts add. Below this value of e sqrt(nu) it takes a
# residual of four.
LEAST = 0.06

# Of the curvature that the odd parts add, the share that is left when other parameters are fitted too.
LEFT = 0.25

# Below this value of e sqrt(nu) a ridge takes a residual of 1.8, which few data sets have: toys look for it first.
WEAK = 0.15

# Where something is folded, a two-sided shape of mean square s over nu events is bent enough to have minima of its own
# in one of the valleys if s/2 sqrt(nu), what its exponential is off a straight line, exceeds this.
BENT = 0.06

# So many parameters are tried in all combinations of their signs; of more, the largest, and the others one by one.
COMBINED = 3

# Events that are looked at for the shapes.
SAMPLE = 20_000


@dataclass(frozen=True, eq=False)
class Valleys:
    """Numbers of the nuisance parameters that need more than one search; none of them where none is folded.

    Attributes:
        folded: (m,) with two valleys, the one with the largest effect first.
        entered: (v,) those of them in each of whose valleys a toy fit begins.
        crossed: (c,) that are taken across their ridges from a minimum: the folded ones, then large two-sided shapes.
        weak: (c,) which of these a toy fit looks across first, and takes across only if there may be a ridge.
    """

    folded: np.ndarray
    entered: np.ndarray
    crossed: np.ndarray
    weak: np.ndarray


def find_valleys(model: Model, events: Sequence[RegionEvents]) -> Valleys:
    r"""The nuisance parameters with two valleys, and those that may turn in one of them.

    A yield effect counts with its logarithms :math:`(u,d)=(\ln G^+,\ln G^-)`, a shape with its mean squares over the
    process, :math:`\langle u^2\rangle, \langle d^2\rangle, \langle ud\rangle`. It is folded if
    :math:`\langle ud\rangle>-\frac14\max(\langle u^2\rangle,\langle d^2\rangle)`, which same-sided and one-sided
    effects are, and if its even part :math:`\frac12(u+d)` is not negligible against the statistical error of the
    process and against the odd parts, at α of one error of the constraint or, without any, at the bounds. A norm factor
    never is.

    Where something is folded, large two-sided shapes may have two minima in one of the valleys: of two processes of
    which one is pulled far down, the shapes compensate each other in two ways.

    Args:
        model: with K nuisance parameters.
        events: of each region; their weights are one each by default.
    """
    parameters = [nuisance.parameter for nuisance in model.nuisances]
    measured = np.array([parameter.constraint.measured for parameter in parameters], dtype=bool)
    errors = np.array([parameter.constraint.error for parameter in parameters], dtype=float)
    ends = np.array([parameter.bounds for parameter in parameters]).reshape(len(parameters), 2)
    even, odd, bent = (np.zeros(len(parameters)) for _ in range(3))
    names = [nuisance.name for nuisance in model.nuisances]
    for region, seen in zip(model.regions, events, strict=True):
        own = [names.index(name) for name in region.systematics.names]
        yields = np.abs(region.mixture.reach()) * np.asarray(region.mixture.yields)
        most, usual = yields.max(axis=0), np.median(yields, axis=0)
        for c, local, square, shape in _mean_squares(region.systematics, seen):
            k = own[local]
            up, down, both = square[0, 0], square[1, 1], square[0, 1]
            odd[k] += 0.25 * max(up + down - 2.0 * both, 0.0) * usual[c]
            if both > -OPPOSITE * max(up, down):
                even[k] = max(even[k], 0.5 * np.sqrt(max(up + down + 2.0 * both, 0.0) * most[c]))
            if shape:
                bent[k] = max(bent[k], 0.5 * max(up, down) * np.sqrt(most[c]))
    # Without a constraint nothing but its bounds keeps a parameter from where a small effect is large.
    even *= np.where(measured, errors, np.abs(ends).max(axis=1, initial=0.0))
    sizes = even / (1.0 + LEFT * odd)
    folded = _largest_first(sizes, LEAST)
    weak = (even < WEAK) & measured
    bent[folded] = 0.0
    crossed = np.concatenate([folded, _largest_first(bent, BENT)]) if len(folded) else folded
    return Valleys(folded, folded[~weak[folded]], crossed, (sizes > LEAST)[crossed] & weak[crossed])


def _largest_first(sizes: np.ndarray, least: float) -> np.ndarray:
    """Numbers of those above the least."""
    found = np.flatnonzero(sizes > least)
    return found[np.argsort(-sizes[found], kind="stable")]


def _mean_squares(systematics: Systematics, events: RegionEvents) -> Iterator[tuple[int, int, np.ndarray, bool]]:
    """Process, nuisance parameter and mean squares (2, 2) of the sides of each effect, and whether it is a shape."""
    intensities, log_g, weights = np.asarray(events.intensities), events.log_g, events.weights
    for c, k in np.ndindex(*systematics.log_yields.shape[:2]):
        yield c, k, np.outer(systematics.log_yields[c, k], systematics.log_yields[c, k]), False
    if not len(systematics.terms) or log_g is None or not len(intensities):
        return
    chosen = slice(None, None, -(-len(intensities) // SAMPLE))
    density = np.clip(np.asarray(intensities[chosen], dtype=float), 0.0, None)
    total = density.sum(axis=1)
    density = density / np.where(total > 0.0, total, 1.0)[:, None]
    if weights is not None:
        density = density * np.asarray(weights[chosen], dtype=float)[:, None]
    for t, (c, k) in enumerate(systematics.terms):
        norm = density[:, c].sum()
        if norm > 0.0:
            sides = np.asarray(log_g[chosen, t], dtype=float)
            yield c, k, (sides * density[:, c : c + 1]).T @ sides / norm, True


def valley_signs(folded: np.ndarray, nuisances: int) -> np.ndarray:
    """Sides (V, K) to begin on, ±1, and 0 where a parameter has none: all combinations of the largest of them.

    With nothing folded there is one row of zeros.
    """
    combined = folded[:COMBINED]
    signs = np.zeros((2 ** len(combined), nuisances))
    for row, sides in zip(signs, product((1.0, -1.0), repeat=len(combined)), strict=True):
        row[combined] = sides
    return signs


def enter(alpha: np.ndarray, sides: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Where a search in the valley ``sides`` (K,) begins that would begin at ``alpha`` (K,) otherwise.

    At :data:`ENTRANCE` from the nominal value, or at ``alpha`` if that is further out on the same side.
    """
    return np.clip(np.where(sides == 0.0, alpha, sides * np.maximum(sides * alpha, ENTRANCE)), *bounds.T)
