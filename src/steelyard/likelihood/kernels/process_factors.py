"""What nuisance parameters do to whole processes: yield factors and normalisers, with derivatives."""

from typing import NamedTuple

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.kernels.interpolation import (
    CODE4,
    EXPONENTIAL,
    LINEAR,
    TINY,
    WEIGHTS,
    interpolate,
    interpolation_weights,
)
from steelyard.likelihood.kernels.normalisers import Joint, add_joint, allocate_joint, prepare_joint
from steelyard.likelihood.kernels.quintic import quintic
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.numerics.compilation import compiled
from steelyard.numerics.elementary import exp

_KINDS = {"code4": CODE4, "exponential": EXPONENTIAL, "linear": LINEAR}


class Effects(NamedTuple):
    """:class:`Systematics` and the mixture's constants, as the compiled code takes them.

    C processes, K nuisance parameters, T shape terms, K_s nuisance parameters with shape terms.

    Attributes:
        yields: (C,) nu_c.
        bounds: (1 + K, 2) of the fit coordinate and the nuisance parameters.
        kinds: (K,) interpolation.
        constrained: (K,) whether there is a constraint term.
        nominal: (K,) values of the simulation.
        log_yields, yield_factors: (C, K, 2) logarithms of the yield factors at ±1, and these.
        touched: (C, K) whether the yield of the process depends on the nuisance parameter.
        nuisance: (T,) nuisance parameter of each term.
        first: (C + 1,) where the terms of each process begin.
        shape: (T,) place of the term's nuisance parameter among those with shape terms.
        shapes: (K_s,) those nuisance parameters.
        width: largest number of terms of a process.
        knots: (2,) lowest knot of the normaliser and their distance.
        table: (T, Q, 3) log normaliser and derivatives at the knots.
        pairs: (C, 2W, 2W) symmetric, of the sides of a process's m terms, the up sides first: ln N_c has half of
            h^T pairs_c h, in the first 2m rows and columns.
        ranks: (C,) directions of the third order.
        directions: (C, 2W, R) of the same sides.
        cumulants: (C, R (R + 1) / 2, R) float32, kappa_ijl for i <= j in the order of rows.
        around: (C, W) the anchor, in the nuisance parameters of the process's terms.
        offset, linear, quadratic: (C,), (C, W) and (C, W, W), its correction; ``anchored`` (C,) where there is one.
        surfaces: (S, 2) pairs with a table, by the numbers of their terms within the process; those of process c from
            ``surface_first[c]`` on, (C + 1,).
        surface_grid: (2,) lowest knot of the tables, and one over the distance of the knots.
        surface_cells: (S, Q - 1, Q - 1, 4, 4) factors of the powers of the places in a cell.
    """

    yields: np.ndarray
    bounds: np.ndarray
    kinds: np.ndarray
    constrained: np.ndarray
    nominal: np.ndarray
    log_yields: np.ndarray
    yield_factors: np.ndarray
    touched: np.ndarray
    nuisance: np.ndarray
    first: np.ndarray
    shape: np.ndarray
    shapes: np.ndarray
    width: int
    knots: np.ndarray
    table: np.ndarray
    pairs: np.ndarray
    ranks: np.ndarray
    directions: np.ndarray
    cumulants: np.ndarray
    around: np.ndarray
    offset: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray
    anchored: np.ndarray
    surfaces: np.ndarray
    surface_first: np.ndarray
    surface_grid: np.ndarray
    surface_cells: np.ndarray


class Factors(NamedTuple):
    """What multiplies each process at one point, with logarithmic derivatives.

    Attributes:
        yields: (C,) G_c nu_c.
        yields_first, yields_second: (C, K) dG_c/dalpha_k and d2G_c/dalpha_k^2 over G_c.
        rates: (C,) G_c/N_c, what multiplies the rate of every event.
        rates_first: (C, K) its logarithmic derivative.
        rates_second: (C, K) its second derivative over itself, without that of the normaliser's joint part.
        joint: :class:`~steelyard.likelihood.kernels.normalisers.Joint`, work space for the normaliser's joint part.
        curvatures: (C, W, W) the joint part's second derivatives in the nuisance parameters of the process's terms,
            upper triangle, filled by :func:`~steelyard.likelihood.kernels.normalisers.fill_curvatures`.
        weights: (3, 8) work space for interpolation weights.
        mixed, folded, crossed: (C, K), (C, K) and (K, K) room for
            :func:`~steelyard.likelihood.kernels.derivatives.fill_hessian`.
    """

    yields: np.ndarray
    yields_first: np.ndarray
    yields_second: np.ndarray
    rates: np.ndarray
    rates_first: np.ndarray
    rates_second: np.ndarray
    joint: Joint
    curvatures: np.ndarray
    weights: np.ndarray
    mixed: np.ndarray
    folded: np.ndarray
    crossed: np.ndarray


def prepare_effects(mixture: Mixture, systematics: Systematics) -> Effects:
    """The effects as the compiled code takes them.

    Raises:
        ModelError: shapes that do not fit, terms out of order, or a norm factor with a shape effect.
    """
    processes, nuisances = len(mixture.processes), len(systematics)
    kinds = np.array([_KINDS[nuisance.interpolation] for nuisance in systematics.nuisances], dtype=np.int64)
    terms = np.asarray(systematics.terms, dtype=np.int64).reshape(-1, 2)
    log_yields = np.ascontiguousarray(systematics.log_yields, dtype=float)
    factors = np.asarray(systematics.factors, dtype=bool)
    if log_yields.shape != (processes, nuisances, 2) or factors.shape != (processes, nuisances):
        raise ModelError(
            f"the yield factors have shapes {log_yields.shape} and {factors.shape}, and there are {processes} "
            f"processes and {nuisances} nuisance parameters"
        )
    order = [tuple(term) for term in terms]
    if order != sorted(set(order)):
        raise ModelError("the shape terms are not sorted by process and nuisance parameter, each once")
    if any(kinds[nuisance] == LINEAR for _, nuisance in order):
        raise ModelError("a norm factor has a shape effect")
    linear = kinds == LINEAR
    normaliser = systematics.normaliser
    table = np.ascontiguousarray(normaliser.table, dtype=float)
    if len(table) != len(terms):
        table = np.zeros((len(terms), 2, 3))  # no normaliser: N_c = 1
    used = np.unique(terms[:, 1])
    knots = np.asarray(normaliser.knots, dtype=float)
    return Effects(
        yields=np.ascontiguousarray(mixture.yields, dtype=float),
        bounds=np.concatenate([[mixture.coordinate_bounds], systematics.bounds]).astype(float),
        kinds=kinds,
        constrained=systematics.constrained,
        nominal=systematics.nominal,
        log_yields=log_yields,
        yield_factors=np.exp(log_yields),
        touched=np.where(linear, factors, (log_yields != 0.0).any(axis=2)),
        nuisance=np.ascontiguousarray(terms[:, 1]),
        first=np.searchsorted(terms[:, 0], np.arange(processes + 1)),
        shape=np.searchsorted(used, terms[:, 1]),
        shapes=used,
        width=int(np.bincount(terms[:, 0], minlength=1).max()),
        knots=np.array([knots[0], knots[1] - knots[0]]),
        table=table,
        **prepare_joint(systematics, terms, processes),
    )


def allocate_factors(effects):
    """BlockBuffers for :func:`fill_factors`."""
    processes, nuisances = effects.touched.shape
    return Factors(
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        allocate_joint(effects),
        np.zeros((processes, effects.width, effects.width)),
        np.zeros((3, WEIGHTS)),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        np.zeros((nuisances, nuisances)),
    )


@compiled
def fill_factors(effects, alpha, factors):
    """Evaluate yield factors and normalisers at ``alpha`` (K,)."""
    processes, nuisances = effects.touched.shape
    weights = factors.weights
    for c in range(processes):
        factors.yields[c] = 1.0
        factors.rates[c] = 0.0  # log N_c until the end
    for k in range(nuisances):
        linear = effects.kinds[k] == LINEAR
        polynomial = not linear and interpolation_weights(effects.kinds[k], alpha[k], weights)
        for c in range(processes):
            factors.yields_first[c, k] = factors.yields_second[c, k] = 0.0
            factors.rates_first[c, k] = factors.rates_second[c, k] = 0.0
            if effects.touched[c, k]:
                if linear:
                    g = alpha[k] if abs(alpha[k]) > TINY else TINY
                    first, second = 1.0 / g, 0.0
                else:
                    logs, both = effects.log_yields[c, k], effects.yield_factors[c, k]
                    g, first, second = interpolate(logs, both, polynomial, weights)
                factors.yields[c] *= g
                factors.yields_first[c, k], factors.yields_second[c, k] = first, second
    # rates_first and rates_second hold the derivatives of log N_c until the end.
    for c in range(processes):
        for t in range(effects.first[c], effects.first[c + 1]):
            k = effects.nuisance[t]
            value, first, second = quintic(effects.table[t], effects.knots[0], effects.knots[1], alpha[k])
            factors.rates[c] += value
            factors.rates_first[c, k] += first
            factors.rates_second[c, k] += second
        if effects.first[c + 1] - effects.first[c] > 1 or effects.anchored[c]:
            factors.rates[c] += add_joint(
                effects, c, alpha, weights, factors.joint, factors.rates_first[c], factors.rates_second[c]
            )
    for c in range(processes):
        factors.rates[c] = factors.yields[c] * exp(-factors.rates[c])
        factors.yields[c] *= effects.yields[c]
        for k in range(nuisances):
            first, second = factors.rates_first[c, k], factors.rates_second[c, k]
            of_yield = factors.yields_first[c, k]
            factors.rates_first[c, k] = of_yield - first
            factors.rates_second[c, k] = factors.yields_second[c, k] - 2.0 * of_yield * first + first * first - second
