r"""The normaliser N_c(α) = E_{p_c}[Π_t g_t(x|α)] in a form that costs nothing per event.

Interpolated and multiplied effects are not normalised, even where each is at ±1 (DESIGN 1.6). ln N_c is the sum of what
each shape does alone, of what each pair does beyond that, and of what three do beyond pairs,

.. math:: \ln N_c(\alpha) = \sum_{t\in c} n_t(\alpha_{k(t)})
          + \sum_{(t,u)\in c}\sum_{s,s'=\pm} B_{tu}^{ss'}\,h_s(\alpha_{k(t)})\,h_{s'}(\alpha_{k(u)})
          + \text{third order}.

*Alone*: n_t and its first two derivatives are exact expectations at equidistant knots, among them ±1, where the third
derivative of code 4 jumps. The quintic polynomial that has these six numbers at the ends of an interval of width h is
off by h⁶|n⁽⁶⁾|/46080 at most.

*Pairs*: h₊ and h₋ are the weights of the two sides in the exponential interpolation,
ln g = h₊ ln g⁺ + h₋ ln g⁻: smooth, (1, 0) at α = 1 and (0, 1) at α = −1. Each quadrant has a factor of its own,

.. math:: B_{tu}^{ss'} = \ln E[g_t^sg_u^{s'}] - \ln E[g_t^s] - \ln E[g_u^{s'}],

one matrix product of the ±1σ effects. So the four corners are exact, and a side without effect has none.

*Three*: third cumulants in the directions that matter (:mod:`steelyard.statistics.cumulants`), without what they say of
one shape and, at the corners, of two, which is known exactly. In the stored form their value stands for itself, and
the table and the pair factors hold what is missing to the exact numbers: n_t and B less the third order of one and two
shapes. They are taken where they bring the form closer to the joint expectation at random points.

What this form leaves is measured by :mod:`steelyard.statistics.normaliser_accuracy`; beyond it goes
:mod:`steelyard.statistics.expectations`, and a fit uses it through :mod:`steelyard.statistics.anchoring`.
"""

import numpy as np

from steelyard.errors import ModelError
from steelyard.statistics.cumulants import NEGLIGIBLE, Cubic, third_order
from steelyard.statistics.interpolation import code4_coefficients, event_values, exponential, non_positive
from steelyard.statistics.systematics import Interpolation, Normaliser, Systematics

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
    expectations[:, knots == 0.0, 0] = total[:, None]  # the nominal rates have no rounding error of a sum
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
    return Normaliser(
        knots,
        table,
        np.concatenate([np.zeros((0, 2), dtype=np.int64), *pairs]),
        np.concatenate([np.zeros((0, 2, 2)), *pair_factors]),
        *_stacked(cubics, len(terms), densities.shape[1]),
    )


def sided_weights(alpha: np.ndarray) -> np.ndarray:
    r"""h₊ and h₋ of the exponential interpolation with their first two derivatives: (...) to (3, ..., 2).

    .. math:: h_\pm(\alpha) = \tfrac12(E\pm\alpha), \quad E = (15\alpha^2-10\alpha^4+3\alpha^6)/8
              \quad (|\alpha|<1), \qquad E = |\alpha| \text{ beyond.}
    """
    alpha = np.asarray(alpha, dtype=float)
    x, outside = np.clip(alpha, -1.0, 1.0), np.abs(alpha) >= 1.0
    square = x**2
    even = np.where(outside, np.abs(alpha), square * (15.0 - square * (10.0 - 3.0 * square)) / 8.0)
    first = np.where(outside, np.sign(alpha), x * (15.0 - square * (20.0 - 9.0 * square)) / 4.0)
    second = np.where(outside, 0.0, 15.0 * (1.0 - square) * (1.0 - 3.0 * square) / 4.0)
    sides = np.array([1.0, -1.0])
    return 0.5 * np.stack(
        [
            even[..., None] + sides * alpha[..., None],
            first[..., None] + sides,
            second[..., None] + 0.0 * sides,
        ]
    )


def log_normaliser(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    """ln N_c at points α: (..., K) to (..., C).

    Raises:
        ModelError: a nuisance parameter with a shape effect is outside of the table, which covers its bounds.
    """
    alpha, normaliser = np.asarray(alpha, dtype=float), systematics.normaliser
    result = np.zeros((*alpha.shape[:-1], len(systematics.log_yields)))
    if len(normaliser.table):
        own, owner = _own_terms(systematics, alpha)[0], _processes(systematics.terms, result.shape[-1])
        sides = sided_weights(alpha[..., systematics.terms[:, 1]])[0]
        first, second = normaliser.pairs.T
        joint = np.einsum(
            "...ps,pst,...pt->...p", sides[..., first, :], normaliser.pair_factors, sides[..., second, :], optimize=True
        )
        result += own @ owner + joint @ owner[first]
        for process, chosen in _with_cumulants(systematics):
            z = np.einsum("...ts,tsr->...r", sides[..., chosen, :], normaliser.directions[chosen])
            folded = np.tensordot(z, normaliser.cumulants[process], (-1, 0))
            result[..., process] += np.einsum("...i,...ij,...j->...", z, folded, z) / 6.0
    if normaliser.anchor is not None:
        anchor = normaliser.anchor
        step = anchor.distance(alpha)[0]
        result += anchor.offset + step @ anchor.linear.T
        result += 0.5 * np.einsum("...k,ckl,...l->...c", step, anchor.quadratic, step, optimize=True)
    return result


def log_normaliser_derivatives(
    systematics: Systematics, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln N_c at one point (K,), (C,), with its gradient (C, K) and its Hessian (C, K, K).

    Raises:
        ModelError: see :func:`log_normaliser`.
    """
    alpha, terms, normaliser = systematics.point(alpha), systematics.terms, systematics.normaliser
    shape = systematics.log_yields.shape[:2]
    gradient, hessian = np.zeros(shape), np.zeros((*shape, shape[1]))
    if len(normaliser.table):
        _, first, second = _own_terms(systematics, alpha)
        process, nuisance = terms.T
        gradient[process, nuisance] = first
        hessian[process, nuisance, nuisance] = second
        value, slope, curvature = sided_weights(alpha[nuisance])
        one, other = normaliser.pairs.T
        (k, u), process = nuisance[normaliser.pairs].T, process[one]
        of_first = np.einsum("pst,pt->ps", normaliser.pair_factors, value[other])
        of_second = np.einsum("pst,ps->pt", normaliser.pair_factors, value[one])
        np.add.at(gradient, (process, k), (of_first * slope[one]).sum(axis=1))
        np.add.at(gradient, (process, u), (of_second * slope[other]).sum(axis=1))
        np.add.at(hessian, (process, k, k), (of_first * curvature[one]).sum(axis=1))
        np.add.at(hessian, (process, u, u), (of_second * curvature[other]).sum(axis=1))
        mixed = np.einsum("ps,pst,pt->p", slope[one], normaliser.pair_factors, slope[other])
        hessian[process, k, u] = hessian[process, u, k] = mixed
        for process, chosen in _with_cumulants(systematics):
            directions, nuisances = normaliser.directions[chosen], nuisance[chosen]
            z = np.einsum("ts,tsr->r", value[chosen], directions)
            folded = normaliser.cumulants[process] @ z
            outer = directions @ (0.5 * folded @ z)
            moved = np.einsum("ts,tsr->tr", slope[chosen], directions)
            gradient[process, nuisances] += (outer * slope[chosen]).sum(axis=1)
            hessian[process][np.ix_(nuisances, nuisances)] += moved @ folded @ moved.T
            hessian[process, nuisances, nuisances] += (outer * curvature[chosen]).sum(axis=1)
        hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
    if normaliser.anchor is not None:
        anchor = normaliser.anchor
        step, slope, curvature = anchor.distance(alpha)
        outer = anchor.linear + anchor.quadratic @ step
        gradient += outer * slope
        hessian += np.outer(slope, slope) * anchor.quadratic
        hessian[:, np.arange(len(alpha)), np.arange(len(alpha))] += outer * curvature
    return log_normaliser(systematics, alpha), gradient, hessian


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
    kind: Interpolation,
    knots: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Add Σ w g and its derivatives at the knots within ±1, or for code 4 Σ w a₁ … Σ w a₆.

    Events on which code 4 falls back are summed at the knots, and their Σ w is the last of the moments.
    """
    if kind == "code4":
        fallen = non_positive(up, down)
        if not fallen.any():
            moments[:6] += code4_coefficients(up, down) @ weights
            return
        moments[:6] += code4_coefficients(up[~fallen], down[~fallen]) @ weights[~fallen]
        up, down, weights = up[fallen], down[fallen], weights[fallen]
        moments[6] += weights.sum()
    for q in np.flatnonzero(np.abs(knots) < 1.0):
        sums[q] += [values @ weights for values in exponential(up, down, knots[q])]


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


def _with_cumulants(systematics: Systematics) -> list[tuple[int, np.ndarray]]:
    """Processes with a third order, and their terms."""
    cumulants = systematics.normaliser.cumulants
    chosen = [c for c in range(len(cumulants)) if cumulants[c].any()]
    return [(c, np.flatnonzero(systematics.terms[:, 0] == c)) for c in chosen]


def _processes(terms: np.ndarray, processes: int) -> np.ndarray:
    """(T, C) 1 where a term is of a process."""
    return (terms[:, :1] == np.arange(processes)).astype(float)


def _own_terms(systematics: Systematics, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n_t and its first two derivatives, each (..., T), by quintic interpolation at α (..., K)."""
    knots, table, nuisance = systematics.normaliser.knots, systematics.normaliser.table, systematics.terms[:, 1]
    place = alpha[..., nuisance]
    outside = np.unique(nuisance[((place < knots[0]) | (place > knots[-1])).reshape(-1, len(nuisance)).any(axis=0)])
    if len(outside):
        names = ", ".join(systematics.names[k] for k in outside)
        raise ModelError(
            f"nuisance parameter {names} is outside of [{knots[0]:g}, {knots[-1]:g}], for which the shapes were "
            "normalised; widen its bounds and build the model again"
        )
    width = knots[1] - knots[0]
    left = np.clip(np.floor((place - knots[0]) / width).astype(np.int64), 0, len(knots) - 2)
    at = (place - knots[left]) / width
    number = np.arange(len(table))
    low, high = table[number, left], table[number, left + 1]
    scale = width ** np.arange(3.0)
    ends = np.concatenate([low * scale, high * scale], axis=-1)  # value, slope, curvature in units of the interval
    result = []
    for order in range(3):
        powers = np.stack([_power(at, degree, order) for degree in range(6)], axis=-1)
        result.append(np.einsum("...p,pe,...e->...", powers, _QUINTIC, ends) / width**order)
    return result[0], result[1], result[2]


def _power(at: np.ndarray, degree: int, order: int) -> np.ndarray:
    """The derivative of this order of at^degree."""
    factor = np.prod(np.arange(degree - order + 1, degree + 1)) if order <= degree else 0.0
    return factor * at ** max(degree - order, 0)


# Row p, column e: the factor of s^p in the polynomial of fifth order on [0, 1] that has 1 as one of (value, slope,
# curvature at 0; value, slope, curvature at 1) and 0 as the other five; their conditions, inverted.
_QUINTIC = np.linalg.inv(
    [[_power(np.float64(end), degree, order) for degree in range(6)] for end in (0.0, 1.0) for order in range(3)]
)
