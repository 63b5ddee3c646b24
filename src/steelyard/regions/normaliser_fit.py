"""The form of the normaliser (:mod:`steelyard.model.normaliser`), fitted to reference events."""

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Normaliser, Systematics
from steelyard.model.interpolation import CODES, NAMES, code4, event_values, exponential
from steelyard.model.interpolation.code4 import code4_coefficients, non_positive
from steelyard.model.normaliser import sided_weights
from steelyard.regions.cumulants import NEGLIGIBLE, Cubic, third_order
from steelyard.regions.pair_surface_fit import with_surfaces

# Distance of the knots; 1 is a multiple of it. At shapes of 100 % the table is exact to 1e-7 halfway between the knots.
STEP = 0.125

# Events whose effects are held in float64 at a time. Few enough that BLAS does not share a sum out among threads, which
# takes ten times as long on a busy machine.
BLOCK = 8192

# Whether the third order helps is found on so many events, at so many points of one standard deviation.
TRIAL_EVENTS, TRIAL_POINTS = 20_000, 8

# Events that count where nobody says: the third order matters in units of -2 ln L.
EXPECTED = 1000.0


def build_normaliser(
    systematics: Systematics, log_g: np.ndarray, densities: np.ndarray, expected: np.ndarray | None = None
) -> Normaliser:
    r"""The normaliser of shape effects, from an integration sample.

    Args:
        systematics: nuisance parameters and terms; its own normaliser is not used.
        log_g: (n, T, 2) logarithms of the effects at ±1 of each term.
        densities: (n, C) density of each process on the events, :math:`w_{\mathrm{ref},i}\,r_c(x_i)`; the scale of a
            column is of no importance.
        expected: (C,) number of events of each process, which the third order is judged by; 1,000 by default.

    Raises:
        ModelError: an expectation is not positive, so that its logarithm does not exist.
    """
    terms = systematics.terms
    if not len(terms):
        return Normaliser.none()
    densities = np.asarray(densities, dtype=float)
    bounds = systematics.bounds[np.unique(terms[:, 1])]
    knots = STEP * np.arange(np.floor(bounds[:, 0].min() / STEP), np.ceil(bounds[:, 1].max() / STEP) + 1.0)
    kinds = [systematics.nuisances[k].interpolation for k in terms[:, 1]]
    expectations = np.zeros((len(terms), len(knots), 3))
    moments = np.zeros((len(terms), 7))
    for start in range(0, len(log_g), BLOCK):
        effects = np.moveaxis(log_g[start : start + BLOCK], 0, -1).astype(float)  # (T, 2, B), contiguous for each term
        weights = densities[start : start + BLOCK]
        for t, (process, _) in enumerate(terms):
            _add_outside(expectations[t], knots, *effects[t], weights[:, process])
            _add_inside(expectations[t], moments[t], kinds[t], knots, *effects[t], weights[:, process])
    total = np.array([column.sum() for column in densities.T])[terms[:, 0]]
    inside = np.abs(knots) < 1.0
    for t in np.flatnonzero([kind == "code4" for kind in kinds]):
        # Inside ±1 code 4 is a polynomial, whose expectation has the expectations of the coefficients.
        # Events that fall back to the exponential form are in the sums already.
        expectations[t, inside] += (total[t] - moments[t, 6]) * np.eye(1, 3)
        expectations[t, inside] += _polynomial(moments[t, :6], knots[inside])
    expectations[:, knots == 0.0, 0] = total[:, None]  # the nominal intensities have no rounding error of a sum
    table = _logarithm(expectations / total[:, None, None], systematics)
    expected = np.full(densities.shape[1], EXPECTED) if expected is None else np.asarray(expected, dtype=float)
    pairs, pair_factors, cubics = [], [], {}
    for process in np.unique(terms[:, 0]):
        chosen = np.flatnonzero(terms[:, 0] == process)
        if len(chosen) < 2:
            continue
        own = slice(chosen[0], chosen[-1] + 1)  # sorted terms: one process is one slice
        corners = _corners(log_g[:, own], densities[:, process])
        cubic = _cubic(systematics, own, log_g, densities[:, process], float(expected[process]))
        if cubic.rank:
            cubics[int(process)] = own, cubic
            corners = corners - cubic.at_corners()
            table[own] -= _alone(cubic, knots)
        first, second = np.triu_indices(len(chosen), 1)
        pairs.append(chosen[np.stack([first, second], axis=1)])
        sides = corners.reshape(2, len(chosen), 2, len(chosen))
        pair_factors.append(sides[:, first, :, second])
    form = Normaliser(
        knots,
        table,
        np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs]),
        np.concatenate([np.zeros((0, 2, 2)), *pair_factors]),
        *_stacked(cubics, len(terms), densities.shape[1]),
    )
    return with_surfaces(systematics, log_g, densities, expected, form)


def _add_outside(sums: np.ndarray, knots: np.ndarray, up: np.ndarray, down: np.ndarray, weights: np.ndarray) -> None:
    """Add Σ w g, Σ w g', Σ w g'' at the knots beyond ±1, where both forms are exp(α u) or exp(−α d)."""
    for side, slope in ((1.0, up), (-1.0, down)):
        beyond = np.flatnonzero(side * knots >= 1.0)[:: int(side)]  # from ±1 outwards, each knot a factor further
        factor, values = np.exp(STEP * slope), weights * np.exp(slope)
        square = slope**2
        for q in beyond:
            sums[q] += values.sum(), side * (values @ slope), values @ square
            values *= factor


def _add_inside(
    sums: np.ndarray,
    moments: np.ndarray,
    kind: str,
    knots: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Add Σ w g and its derivatives at the knots within ±1, or for code 4 Σ w a₁ … Σ w a₆.

    Events on which code 4 falls back are summed at the knots, and their Σ w is the last of the moments.
    """
    inside = CODES[NAMES.index(kind)]
    if inside is code4:
        inside = exponential
        fallen = non_positive(up, down)
        if not fallen.any():
            moments[:6] += code4_coefficients(up, down) @ weights
            return
        moments[:6] += code4_coefficients(up[~fallen], down[~fallen]) @ weights[~fallen]
        up, down, weights = up[fallen], down[fallen], weights[fallen]
        moments[6] += weights.sum()
    for q in np.flatnonzero(np.abs(knots) < 1.0):
        sums[q] += [values @ weights for values in inside.derivatives(up, down, knots[q])]


def _polynomial(coefficients: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Σ_i a_i α^i and its first two derivatives: (6,), (Q,) to (Q, 3)."""
    family = np.polynomial.Polynomial(np.concatenate([[0.0], coefficients]))
    return np.stack([family(alpha), family.deriv(1)(alpha), family.deriv(2)(alpha)], axis=-1)


def _logarithm(expectations: np.ndarray, systematics: Systematics) -> np.ndarray:
    """Value and derivatives of the logarithm, (T, Q, 3) to the same."""
    value, first, second = np.moveaxis(expectations, -1, 0)
    bad = np.flatnonzero((~(value > 0.0) | ~np.isfinite(expectations).all(axis=-1)).any(axis=1))
    if len(bad):
        names = ", ".join(f"{systematics.names[k]} on process number {c + 1}" for c, k in systematics.terms[bad])
        raise ModelError(
            f"the expectation of the shape effect of {names} is not a positive number everywhere within the bounds: "
            "use `interpolation: exponential`, or narrower bounds"
        )
    slope = first / value
    return np.stack([np.log(value), slope, second / value - slope**2], axis=-1)


def _corners(log_g: np.ndarray, density: np.ndarray) -> np.ndarray:
    """B of every two sides of m effects (n, m, 2) of one process: (2m, 2m), up sides first."""
    size = 2 * log_g.shape[1]
    joint, single = np.zeros((size, size)), np.zeros(size)
    for start in range(0, len(log_g), BLOCK):
        block = log_g[start : start + BLOCK]
        effects = np.exp(np.concatenate([block[..., 0], block[..., 1]], axis=1), dtype=float)
        weighted = effects * density[start : start + BLOCK, None]
        joint += weighted.T @ effects
        single += weighted.sum(axis=0)
    alone = np.log(single / density.sum())
    return np.log(joint / density.sum()) - alone[:, None] - alone


def _cubic(systematics: Systematics, own: slice, log_g: np.ndarray, density: np.ndarray, expected: float) -> Cubic:
    """The third order of a process, without directions where the form is no better with it.

    A trial on a part of the events knows of these events alone, on both sides of the comparison.
    """
    effects, none = log_g[:, own], Cubic(np.zeros((2 * (own.stop - own.start), 0)), np.zeros((0, 0, 0)))
    every = max(len(log_g) // TRIAL_EVENTS, 1)
    some, weights = effects[::every], density[::every] / density[::every].sum()
    trial = third_order(some, weights, expected)
    if not trial.rank:
        return none
    nuisances = [systematics.nuisances[k] for k in systematics.terms[own, 1]]
    low, high = np.array([nuisance.bounds for nuisance in nuisances]).T
    alpha = np.clip(np.random.default_rng(0).normal(size=(TRIAL_POINTS, len(nuisances))), low, high)
    product, left = np.ones((TRIAL_POINTS, len(some))), np.zeros(TRIAL_POINTS)
    for t, nuisance in enumerate(nuisances):
        values = event_values(nuisance.interpolation, some[:, t, 0], some[:, t, 1], alpha[:, t])
        product *= values
        left -= np.log(values @ weights)
    left += np.log(product @ weights)
    sides = sided_weights(alpha)[0].transpose(0, 2, 1)  # (P, 2, m)
    corners, beyond = _corners(some, weights), trial.value(sides.reshape(TRIAL_POINTS, -1))
    for part, sign in ((corners, 1.0), (trial.at_corners(), -1.0)):
        blocks = part.reshape(2, len(nuisances), 2, len(nuisances)).copy()
        blocks[:, np.arange(len(nuisances)), :, np.arange(len(nuisances))] = 0.0
        pairs = 0.5 * np.einsum("pst,stru,pru->p", sides, blocks, sides, optimize=True)
        if sign > 0.0:
            left = left - pairs
        else:
            beyond = beyond - pairs
    beyond -= sum(_alone_at(trial, t, sided_weights(alpha[:, t]))[0] for t in range(len(nuisances)))
    size, with_cubic = (2.0 * expected * np.sqrt(np.mean(rest**2)) for rest in (left, left - beyond))
    if size < NEGLIGIBLE or with_cubic > size:
        return none
    return trial if every == 1 else third_order(effects, density / density.sum(), expected)


def _alone(cubic: Cubic, knots: np.ndarray) -> np.ndarray:
    """The third order of each term alone at knots, with derivatives: (m, Q, 3)."""
    weights = sided_weights(knots)
    terms = len(cubic.directions) // 2
    return np.stack([np.stack(_alone_at(cubic, t, weights), axis=-1) for t in range(terms)])


def _alone_at(cubic: Cubic, t: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sides = cubic.directions[t :: len(cubic.directions) // 2]
    kappa = np.einsum("ai,bj,cl,ijl->abc", sides, sides, sides, cubic.cumulants, optimize=True)
    value, slope, curvature = weights

    def fold(*parts: np.ndarray) -> np.ndarray:
        return np.einsum("abc,qa,qb,qc->q", kappa, *parts)

    second = fold(value, slope, slope) + 0.5 * fold(value, value, curvature)
    return fold(value, value, value) / 6.0, 0.5 * fold(value, value, slope), second


def _stacked(cubics: dict[int, tuple[slice, Cubic]], terms: int, processes: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, 2, R) and cumulants (C, R, R, R) of all processes."""
    rank = max((cubic.rank for _, cubic in cubics.values()), default=0)
    directions, cumulants = np.zeros((terms, 2, rank)), np.zeros((processes, rank, rank, rank))
    for process, (own, cubic) in cubics.items():
        r = cubic.rank
        directions[own, :, :r] = cubic.directions.reshape(2, -1, r).transpose(1, 0, 2)
        cumulants[process, :r, :r, :r] = cubic.cumulants
    return directions, cumulants
