"""Random analyses with nuisance parameters, and their likelihood written down once more, in plain numpy.

The interference model of :mod:`interference` with random shape effects that are smooth functions of x, random yield
factors and norm factors. The reference of the likelihood is slow and direct: code 4's polynomial is solved from its six
conditions for every event, normalisers are evaluated by the definition of their table, sums run over events.
"""

from dataclasses import dataclass, replace

import interference
import numpy as np

from steelyard.model.anchor import Anchor
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.mixture import Mixture

# The six conditions of code 4 on a_1 .. a_6: value, first and second derivative at +1 and -1.
_CONDITIONS = np.array(
    [
        [(1.0, i, i * (i - 1))[order] * side ** (i - order) for i in range(1, 7)]
        for side in (1.0, -1.0)
        for order in range(3)
    ]
)


def effect(kind: str, up: np.ndarray, down: np.ndarray, alpha: float) -> np.ndarray:
    """g(alpha) of effects with logarithms ``up`` and ``down`` at ±1."""
    if abs(alpha) >= 1.0:
        return np.exp(alpha * up if alpha > 0.0 else -alpha * down)
    if kind == "exponential":
        even = (15.0 * alpha**2 - 10.0 * alpha**4 + 3.0 * alpha**6) / 8.0
        return np.exp(0.5 * (up - down) * alpha + 0.5 * (up + down) * even)
    conditions = [np.exp(up) - 1.0, up * np.exp(up), up**2 * np.exp(up)]
    conditions += [np.exp(down) - 1.0, -down * np.exp(down), down**2 * np.exp(down)]
    shape = np.shape(up)
    a = np.linalg.solve(_CONDITIONS, np.reshape(conditions, (6, -1)))
    return 1.0 + (alpha ** np.arange(1, 7) @ a).reshape(shape)


def log_normaliser(systematics: Systematics, alpha: np.ndarray) -> np.ndarray:
    """ln N_c (C,): exact quintic Hermite interpolation of the table, by scipy, the pairs, and the third order."""
    from scipy.interpolate import BPoly

    result = np.zeros(len(systematics.log_yields))
    normaliser = systematics.normaliser
    for (process, nuisance), table in zip(systematics.terms, normaliser.table, strict=True):
        result[process] += BPoly.from_derivatives(normaliser.knots, table)(alpha[nuisance])
    sides = np.array([_sides(value) for value in alpha]).reshape(-1, 2)
    for (first, second), b in zip(normaliser.pairs, normaliser.pair_factors, strict=True):
        k, m = systematics.terms[first, 1], systematics.terms[second, 1]
        result[systematics.terms[first, 0]] += sides[k] @ b @ sides[m]
    for c, kappa in enumerate(normaliser.cumulants):
        own = systematics.terms[:, 0] == c
        z = sum((v.T @ sides[k] for v, k in zip(normaliser.directions[own], systematics.terms[own, 1], strict=True)))
        result[c] += np.einsum("ijl,i,j,l", kappa, z, z, z) / 6.0
    if normaliser.anchor is not None:
        anchor = normaliser.anchor
        for c in range(len(result)):
            step = (alpha - anchor.alpha) / np.sqrt(1.0 + (alpha - anchor.alpha) ** 2 / 4.0)
            result[c] += anchor.offset[c] + anchor.linear[c] @ step + 0.5 * step @ anchor.quadratic[c] @ step
    return result


def _sides(alpha: float) -> list[float]:
    """The weights of ln g+ and ln g- in the exponential interpolation: how it answers to either alone."""
    return [float(np.log(effect("exponential", np.float64(up), np.float64(1.0 - up), alpha))) for up in (1.0, 0.0)]


def minus_two_log_likelihood(
    mixture: Mixture,
    intensities: np.ndarray,
    weights: np.ndarray,
    systematics: Systematics,
    log_g: np.ndarray,
    observed: np.ndarray,
    kappa: float,
    alpha: np.ndarray,
) -> float:
    """The likelihood by its formula, float64."""
    coefficients = mixture.coefficients_along(kappa)[0]
    yields = np.ones(len(coefficients))
    for c in range(len(coefficients)):
        for k, nuisance in enumerate(systematics.nuisances):
            if nuisance.interpolation == "linear":
                yields[c] *= alpha[k] if systematics.factors[c, k] else 1.0
            else:
                yields[c] *= effect(nuisance.interpolation, *systematics.log_yields[c, k], alpha[k])
    intensity = intensities * (yields * np.exp(-log_normaliser(systematics, alpha)))
    for t, (c, k) in enumerate(systematics.terms):
        up, down = log_g[:, t].astype(float).T
        intensity[:, c] *= effect(systematics.nuisances[k].interpolation, up, down, alpha[k])
    intensity = intensity @ coefficients
    pulls = (alpha - observed)[systematics.constrained]
    return 2.0 * coefficients @ (yields * mixture.yields) - 2.0 * weights @ np.log(intensity) + pulls @ pulls


@dataclass(frozen=True, eq=False)
class Analysis:
    """A mixture with nuisance parameters and its reference events: ``intensities`` (n, C), ``log_g`` (n, T, 2)."""

    mixture: Mixture
    systematics: Systematics
    intensities: np.ndarray
    log_g: np.ndarray
    weights: np.ndarray

    def asimov_weights(self, mu: float) -> np.ndarray:
        """(n,) expected events at nominal nuisance parameters."""
        return self.weights * (self.intensities @ self.mixture.coefficients_along(self.mixture.to_coordinate(mu))[0])

    def throw(self, mu: float, toys: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Rows, offsets and global observables of pseudo-experiments."""
        weights = self.asimov_weights(mu)
        counts = generator.poisson(weights.sum(), size=toys)
        rows = generator.choice(len(weights), size=counts.sum(), p=weights / weights.sum())
        nuisances = self.systematics
        pulls = generator.normal(size=(toys, len(nuisances))) * nuisances.constrained
        observed = np.clip(nuisances.nominal + pulls, *nuisances.bounds.T)
        return rows, np.concatenate([[0], np.cumsum(counts)]), observed


def analysis(
    nuisances: int,
    seed: int,
    shape: float = 0.05,
    norm: float = 0.02,
    norm_only: int = 0,
    factors: int = 0,
    kinds: tuple[str, ...] = ("code4", "exponential"),
    events: int = 4000,
    common: float = 0.9,
) -> Analysis:
    """A random analysis.

    Args:
        nuisances: number with shape and norm effects on all processes.
        seed: of everything random.
        shape, norm: size of the effects.
        norm_only: further nuisance parameters without shape effects.
        factors: norm factors, on the last process.
        kinds: interpolations to choose from.
        events: of the reference.
        common: share of an effect that the interfering processes have in common.
    """
    generator = np.random.default_rng(seed)
    base = interference.model(events)
    mixture, x = base.mixture, (np.arange(events) + 0.5) / events
    processes, number = len(mixture.processes), nuisances + norm_only + factors
    members = []
    for k in range(number):
        if k >= nuisances + norm_only:
            members.append(
                Nuisance(f"factor{k}", constraint="free", interpolation="linear", nominal=1.0, bounds=(0, 5))
            )
        else:
            members.append(Nuisance(f"nuisance{k}", interpolation=str(generator.choice(kinds))))
    share = np.append(np.full(processes - 1, common), 0.0)[:, None]
    size = norm * (share * generator.normal(size=number) + (1.0 - share) * generator.normal(size=(processes, number)))
    log_yields = size[..., None] * [1.0, -1.0] + generator.normal(scale=0.1 * norm, size=(processes, number, 2))
    linear = np.arange(number) >= nuisances + norm_only
    log_yields[:, linear] = 0.0
    mask = np.zeros((processes, number), dtype=bool)
    mask[-1, linear] = True
    terms = np.array([(c, k) for c in range(processes) for k in range(nuisances)], dtype=np.int64).reshape(-1, 2)
    log_g = np.zeros((events, len(terms), 2))
    together = [[_wave(x, generator) for _ in range(2)] for _ in range(nuisances)]
    for t, (c, k) in enumerate(terms):
        share = common if c < processes - 1 else 0.0
        up, down = (share * both + (1.0 - share) * _wave(x, generator) for both in together[k])
        log_g[:, t, 0], log_g[:, t, 1] = shape * up, shape * (0.1 * down - up)
    bare = Systematics.of(tuple(members), log_yields, mask, terms)
    densities = base.densities / base.densities.sum(axis=0)
    if len(terms):
        means = np.einsum("nc,nts->cts", densities, np.exp(log_g))[terms[:, 0], np.arange(len(terms))]
        log_g = log_g - np.log(means)
    log_g = log_g.astype(np.float32)
    systematics = bare.with_effects(normaliser=normaliser_of(bare, log_g, densities))
    return Analysis(mixture, systematics, base.intensities, log_g, base.weights)


def with_third_order_and_anchor(analysis: Analysis, seed: int, rank: int = 3) -> Analysis:
    """The same with a random third order, of another rank for the first process, and a random anchor."""
    generator, systematics = np.random.default_rng(seed), analysis.systematics
    (terms, processes), nuisances = (len(systematics.terms), len(systematics.log_yields)), len(systematics)
    directions = 0.4 * generator.normal(size=(terms, 2, rank))
    cumulants = generator.normal(scale=0.02, size=(processes, rank, rank, rank))
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    cumulants = sum(cumulants.transpose(0, *(1 + i for i in order)) for order in orders)
    cumulants[0, -1] = cumulants[0, :, -1] = cumulants[0, :, :, -1] = 0.0
    quadratic = generator.normal(scale=0.01, size=(processes, nuisances, nuisances))
    shaped = np.zeros((processes, nuisances))
    shaped[systematics.terms[:, 0], systematics.terms[:, 1]] = 1.0
    anchor = Anchor(
        generator.normal(scale=0.5, size=nuisances),
        generator.normal(scale=0.01, size=processes),
        shaped * generator.normal(scale=0.01, size=(processes, nuisances)),
        shaped[:, :, None] * shaped[:, None, :] * (quadratic + quadratic.transpose(0, 2, 1)),
    )
    normaliser = replace(systematics.normaliser, directions=directions, cumulants=cumulants, anchor=anchor)
    return replace(analysis, systematics=systematics.with_effects(normaliser=normaliser))


def _wave(x: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random smooth function with a mean square of one."""
    modes = np.arange(1, 9)
    return np.cos(np.pi * np.outer(x, modes)) @ generator.normal(scale=0.5, size=len(modes))


def normaliser_of(systematics: Systematics, log_g: np.ndarray, densities: np.ndarray) -> Normaliser:
    """Exact values at knots with derivatives by differences, and pairs at the corners. No finer than the tests need."""
    knots, h = np.linspace(-5.0, 5.0, 41), 1e-3
    table = np.zeros((len(systematics.terms), len(knots), 3))
    for t, (c, k) in enumerate(systematics.terms):
        up, down = log_g[:, t].astype(float).T
        kind = systematics.nuisances[k].interpolation
        value = [
            np.log([densities[:, c] @ effect(kind, up, down, knot + shift) for knot in knots]) for shift in (0, h, -h)
        ]
        table[t] = np.stack([value[0], (value[1] - value[2]) / (2 * h), (value[1] + value[2] - 2 * value[0]) / h**2], 1)
    pairs = [
        (t, u)
        for t in range(len(systematics.terms))
        for u in range(t + 1, len(systematics.terms))
        if systematics.terms[t, 0] == systematics.terms[u, 0]
    ]
    factors = []
    for t, u in pairs:
        p, g = densities[:, systematics.terms[t, 0]], np.exp(log_g[:, [t, u]].astype(float))
        alone = np.log(p @ g[:, 0])[:, None] + np.log(p @ g[:, 1])
        factors.append(np.log((g[:, 0] * p[:, None]).T @ g[:, 1]) - alone)
    return Normaliser(knots, table, np.array(pairs, dtype=np.int64).reshape(-1, 2), np.reshape(factors, (-1, 2, 2)))
