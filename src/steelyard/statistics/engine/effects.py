"""What nuisance parameters do to whole processes: yield factors and normalisers, with derivatives."""

from typing import NamedTuple

import numpy as np

from steelyard.errors import ModelError
from steelyard.statistics.engine.compilation import compiled
from steelyard.statistics.engine.elementary import exp
from steelyard.statistics.engine.interpolation import (
    CODE4,
    EXPONENTIAL,
    LINEAR,
    TINY,
    WEIGHTS,
    interpolate,
    interpolation_weights,
)
from steelyard.statistics.engine.quintic import quintic
from steelyard.statistics.mixture import Mixture
from steelyard.statistics.systematics import Systematics

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
        pairs: (C, K, K) symmetric, the second-order corrections: ln N_c has half of alpha^T pairs_c alpha.
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


class Factors(NamedTuple):
    """What multiplies each process at one point, with logarithmic derivatives.

    Attributes:
        yields: (C,) G_c nu_c.
        yields_first, yields_second: (C, K) dG_c/dalpha_k and d2G_c/dalpha_k^2 over G_c.
        rates: (C,) G_c/N_c, what multiplies the rate of every event.
        rates_first: (C, K) its logarithmic derivative.
        rates_second: (C, K) its second derivative over itself.
        weights: (3, 8) room for interpolation weights.
        mixed, folded, crossed: (C, K), (C, K) and (K, K) room for
            :func:`~steelyard.statistics.engine.assembly.fill_hessian`.
    """

    yields: np.ndarray
    yields_first: np.ndarray
    yields_second: np.ndarray
    rates: np.ndarray
    rates_first: np.ndarray
    rates_second: np.ndarray
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
    pairs = np.asarray(normaliser.pairs, dtype=np.int64).reshape(-1, 2)
    corrections = np.zeros((processes, nuisances, nuisances))
    place = terms[pairs[:, 0], 0], terms[pairs[:, 0], 1], terms[pairs[:, 1], 1]
    np.add.at(corrections, place, np.asarray(normaliser.pair_factors, dtype=float))
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
        pairs=corrections + corrections.transpose(0, 2, 1),
    )


def allocate_factors(effects):
    """Room for :func:`fill_factors`."""
    processes, nuisances = effects.touched.shape
    return Factors(
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
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
        for k in range(nuisances):
            slope = 0.0
            for m in range(nuisances):
                slope += effects.pairs[c, k, m] * alpha[m]
            factors.rates[c] += 0.5 * alpha[k] * slope
            factors.rates_first[c, k] += slope
    for c in range(processes):
        factors.rates[c] = factors.yields[c] * exp(-factors.rates[c])
        factors.yields[c] *= effects.yields[c]
        for k in range(nuisances):
            first, second = factors.rates_first[c, k], factors.rates_second[c, k]
            of_yield = factors.yields_first[c, k]
            factors.rates_first[c, k] = of_yield - first
            factors.rates_second[c, k] = factors.yields_second[c, k] - 2.0 * of_yield * first + first * first - second
