r"""The normaliser N_c(α) = E_{p_c}[Π_t g_t(x|α)] in a form that costs nothing per event.

Interpolated and multiplied effects are not normalised, even where each is at ±1 (DESIGN 1.6). With cumulants of the
shapes under p_c, ln N_c is the sum of what each shape does alone and of what they do together,

.. math:: \ln N_c(\alpha) = \sum_{t\in c} n_t(\alpha_{k(t)}) + \sum_{(t,u)\in c} b_{tu}\,\alpha_{k(t)}\alpha_{k(u)}
          + O(\alpha^3), \qquad n_t = \ln E_{p_c}[g_t],

where the remainder holds products of three or more *different* shapes, and of two in which one is squared.

*Alone*: n_t and its first two derivatives are exact expectations at equidistant knots, among them ±1, where the third
derivative of code 4 jumps. The quintic polynomial that has these six numbers at the ends of an interval of width h is
off by h⁶|n⁽⁶⁾|/46080 at most.

*Together*: b minimises Σ (L − b α_k α_l)² over the four corners α_k, α_l = ±1 of L = ln E[g_t g_u] − n_t − n_u, so

.. math:: b_{tu} = \tfrac14\,[L(+,+) - L(+,-) - L(-,+) + L(-,-)],

which is Cov(∂g_t, ∂g_u) up to terms of the fourth order in the sizes of the shapes, and needs the ±1σ effects only: one
matrix product. Measured, the two do not differ beyond 1 % of what either leaves.

What this form leaves is measured by :mod:`steelyard.statistics.normaliser_accuracy`; beyond it goes
:mod:`steelyard.statistics.expectations`.
"""

import numpy as np

from steelyard.errors import ModelError
from steelyard.statistics.interpolation import code4_coefficients, exponential, non_positive
from steelyard.statistics.systematics import Interpolation, Normaliser, Systematics

# Distance of the knots; 1 is a multiple of it. At shapes of 100 % the table is exact to 1e-7 halfway between the knots.
STEP = 0.125

# Events whose effects are held in float64 at a time. Few enough that BLAS does not share a sum out among threads, which
# takes ten times as long on a busy machine.
BLOCK = 8192


def build_normaliser(systematics: Systematics, log_g: np.ndarray, densities: np.ndarray) -> Normaliser:
    r"""The normaliser of shape effects, from an integration sample.

    Args:
        systematics: nuisance parameters and terms; its own normaliser is not used.
        log_g: (n, T, 2) logarithms of the effects at ±1 of each term.
        densities: (n, C) density of each process on the events, :math:`w_{\mathrm{ref},i}\,r_c(x_i)`; the scale of a
            column is of no importance.

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
    pairs, pair_factors = _pairs(terms, log_g, densities)
    return Normaliser(knots, table, pairs, pair_factors)


def log_normaliser(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    """ln N_c at points α: (..., K) to (..., C).

    Raises:
        ModelError: a nuisance parameter with a shape effect is outside of the table, which covers its bounds.
    """
    alpha = np.asarray(alpha, dtype=float)
    result = np.zeros((*alpha.shape[:-1], len(systematics.log_yields)))
    if len(systematics.normaliser.table):
        own, owner = _own_terms(systematics, alpha)[0], _processes(systematics.terms, result.shape[-1])
        place = alpha[..., systematics.terms[:, 1]]
        pairs, pair_factors = systematics.normaliser.pairs, systematics.normaliser.pair_factors
        joint = pair_factors * place[..., pairs[:, 0]] * place[..., pairs[:, 1]]
        result += own @ owner + joint @ owner[pairs[:, 0]]
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
        process, (k, u) = process[normaliser.pairs[:, 0]], nuisance[normaliser.pairs].T
        np.add.at(gradient, (process, k), normaliser.pair_factors * alpha[u])
        np.add.at(gradient, (process, u), normaliser.pair_factors * alpha[k])
        hessian[process, k, u] = hessian[process, u, k] = normaliser.pair_factors
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


def _pairs(terms: np.ndarray, log_g: np.ndarray, densities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs, factors = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0)]
    for process in np.unique(terms[:, 0]):
        chosen = np.flatnonzero(terms[:, 0] == process)
        number = len(chosen)
        if number < 2:
            continue
        joint, single = np.zeros((2 * number, 2 * number)), np.zeros(2 * number)
        for start in range(0, len(log_g), BLOCK):
            block = log_g[start : start + BLOCK, chosen[0] : chosen[-1] + 1]  # sorted terms: one process is one slice
            effects = np.exp(np.concatenate([block[..., 0], block[..., 1]], axis=1), dtype=float)
            weighted = effects * densities[start : start + BLOCK, process, None]
            joint += weighted.T @ effects
            single += weighted.sum(axis=0)
        alone = np.log(single / densities[:, process].sum())
        log_joint = np.log(joint / densities[:, process].sum()) - alone[:, None] - alone
        up, down = slice(0, number), slice(number, None)
        corners = log_joint[up, up] - log_joint[up, down] - log_joint[down, up] + log_joint[down, down]
        first, second = np.triu_indices(number, 1)
        pairs.append(chosen[np.stack([first, second], axis=1)])
        factors.append(0.25 * corners[first, second])
    return np.concatenate(pairs), np.concatenate(factors)


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
