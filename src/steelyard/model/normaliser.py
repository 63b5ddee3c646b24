r"""The normaliser N_c(α) = E_{p_c}[Π_t g_t(x|α)] in a form that costs nothing per event.

Interpolated and multiplied effects are not normalised, even where each is at ±1. ln N_c (docs/theory.md 6) is the sum
of what each shape does alone, of what each pair does beyond that, and of what three do beyond pairs,

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

*Three*: third cumulants in the directions that matter (:mod:`steelyard.regions.cumulants`), without what they say of
one shape and, at the corners, of two, which is known exactly. In the stored form their value stands for itself, and
the table and the pair factors hold what is missing to the exact numbers: n_t and B less the third order of one and two
shapes. They are taken where they bring the form closer to the joint expectation at random points.

:mod:`steelyard.regions.normaliser_fit` makes it from events. Pairs of large shapes
have a table of what that leaves (:mod:`steelyard.model.pair_surfaces`). What is left then is measured by
:mod:`steelyard.diagnostics.model.normaliser_accuracy`; beyond it goes :mod:`steelyard.likelihood.integration`, and a
fit uses that through :mod:`steelyard.inference.anchoring`.
"""

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Systematics
from steelyard.model.pair_surfaces import surface_derivatives


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
        if len(normaliser.surface_pairs):
            rest = surface_derivatives(normaliser, alpha[..., systematics.terms[:, 1]])[0]
            result += rest @ owner[normaliser.surface_pairs[:, 0]]
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
        if len(normaliser.surface_pairs):
            (k, u), process = nuisance[normaliser.surface_pairs].T, terms[normaliser.surface_pairs[:, 0], 0]
            _, by_first, by_second, first, mixed, second = surface_derivatives(normaliser, alpha[nuisance])
            for place, found in (((process, k), by_first), ((process, u), by_second)):
                np.add.at(gradient, place, found)
            for place, found in (((k, k), first), ((k, u), mixed), ((u, k), mixed), ((u, u), second)):
                np.add.at(hessian, (process, *place), found)
        hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
    if normaliser.anchor is not None:
        anchor = normaliser.anchor
        step, slope, curvature = anchor.distance(alpha)
        outer = anchor.linear + anchor.quadratic @ step
        gradient += outer * slope
        hessian += np.outer(slope, slope) * anchor.quadratic
        hessian[:, np.arange(len(alpha)), np.arange(len(alpha))] += outer * curvature
    return log_normaliser(systematics, alpha), gradient, hessian


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
