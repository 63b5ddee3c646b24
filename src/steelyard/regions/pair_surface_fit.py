"""Tables of pairs of large shapes (:mod:`steelyard.model.pair_surfaces`), fitted to reference events."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steelyard.model.effects import Normaliser, Systematics
from steelyard.model.interpolation import event_values
from steelyard.model.normaliser import log_normaliser, sided_weights

# Distance of the knots; ±1 are among them.
STEP = 0.5

# A pair is tabulated if its rest is more than this in -2 ln L where both parameters are at ±3; of very many the largest
# are.
WORTH, MOST = 0.5, 300

# Events that the expectations are taken over; what they fluctuate by is common to the pair and its form, and cancels.
EVENTS = 40_000


def with_surfaces(
    systematics: Systematics, log_g: np.ndarray, densities: np.ndarray, expected: np.ndarray, normaliser: Normaliser
) -> Normaliser:
    """The normaliser with a table for each pair of shapes that needs one.

    Args:
        systematics: nuisance parameters and terms.
        log_g: (n, T, 2) logarithms of the effects at ±1.
        densities: (n, C) of the processes on the events.
        expected: (C,) events of each process.
        normaliser: the form so far.
    """
    if not len(normaliser.pairs):
        return normaliser
    rows = slice(None)
    if len(log_g) > EVENTS:
        rows = np.sort(np.random.default_rng(0).choice(len(log_g), size=EVENTS, replace=False))
    log_g, densities = np.asarray(log_g[rows], dtype=float), densities[rows]
    systematics = systematics.with_effects(normaliser=normaliser)
    pairs, process = normaliser.pairs, systematics.terms[normaliser.pairs[:, 0], 0]
    worth = np.zeros(len(pairs))
    corners = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    for c in np.unique(process):
        chosen = np.flatnonzero(process == c)
        effects = _effects(systematics, log_g, np.unique(pairs[chosen]), corners)
        for number in chosen:
            rest = _rest(systematics, pairs[number], effects, densities[:, c], corners)
            worth[number] = 2.0 * expected[c] * np.abs(rest).max()
    kept = np.flatnonzero(worth > WORTH)
    kept = np.sort(kept[np.argsort(-worth[kept])][:MOST])
    if not len(kept):
        return normaliser
    low, high = min(normaliser.knots[0], -1.0), max(normaliser.knots[-1], 1.0)
    knots = STEP * np.arange(np.floor(low / STEP), np.ceil(high / STEP) + 1.0)
    effects = _effects(systematics, log_g, np.unique(pairs[kept]), knots)
    cells = [_cells(_rest(systematics, pairs[n], effects, densities[:, process[n]], knots), knots) for n in kept]
    return replace(normaliser, surface_pairs=pairs[kept], surface_knots=knots, surface_cells=np.array(cells))


def _effects(
    systematics: Systematics, log_g: np.ndarray, terms: Sequence[int], knots: np.ndarray
) -> dict[int, np.ndarray]:
    """g of some terms at the knots: (Q, n) each."""
    kinds = {t: systematics.nuisances[systematics.terms[t, 1]].interpolation for t in terms}
    return {int(t): event_values(kinds[t], log_g[:, t, 0], log_g[:, t, 1], knots) for t in terms}


def _rest(
    systematics: Systematics, pair: np.ndarray, effects: dict[int, np.ndarray], density: np.ndarray, knots: np.ndarray
) -> np.ndarray:
    """R of one pair at the knots (Q, Q); zero where an expectation is not positive."""
    one, other = effects[int(pair[0])], effects[int(pair[1])]
    joint = (one * (density / density.sum())) @ other.T
    if not (joint > 0.0).all():
        return np.zeros_like(joint)
    origin = int(np.flatnonzero(knots == 0.0)[0])
    together = np.log(joint)
    together = together - together[:, origin, None] - together[origin]
    together[origin], together[:, origin] = 0.0, 0.0
    ends = [int(np.flatnonzero(knots == side)[0]) for side in (1.0, -1.0)]
    sides = sided_weights(knots)[0]
    together -= sides @ together[np.ix_(ends, ends)] @ sides.T
    return together - _third_order(systematics, pair, knots)


def _third_order(systematics: Systematics, pair: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """What the form has for a pair beside the part that makes its corners exact: (Q, Q)."""
    normaliser, (process, k), m = systematics.normaliser, systematics.terms[pair[0]], systematics.terms[pair[1], 1]
    if not (len(normaliser.cumulants) and normaliser.cumulants[process].any()):
        return np.zeros((len(knots), len(knots)))
    inside = np.clip(knots, normaliser.knots[0], normaliser.knots[-1])
    points = np.zeros((len(knots), len(knots), len(systematics)))
    points[..., k], points[..., m] = inside[:, None], inside
    form = log_normaliser(systematics, points)[..., process]
    origin = int(np.flatnonzero(knots == 0.0)[0])
    form = form - form[:, origin, None] - form[origin] + form[origin, origin]
    ends = [int(np.flatnonzero(knots == side)[0]) for side in (1.0, -1.0)]
    sides = sided_weights(inside)[0]
    return form - sides @ form[np.ix_(ends, ends)] @ sides.T


def _cells(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Factors of the powers of the two places in a cell, of the bicubic spline through the knots: (Q−1, Q−1, 4, 4)."""
    from scipy.interpolate import CubicSpline  # a fifth of a second

    along = CubicSpline(knots, values, axis=0).c  # (4, Q−1, Q), highest power first
    both = CubicSpline(knots, along, axis=2).c  # (4, Q−1, 4, Q−1): second axis, then first
    scale = (knots[1] - knots[0]) ** np.arange(4.0)
    return np.ascontiguousarray(both[::-1, :, ::-1].transpose(3, 1, 2, 0) * scale[:, None] * scale)
