"""Two Gaussians, a signal on a background, whose systematics fold: same-sided, equal, one-sided and other effects.

Densities are exact. The brute-force fits beside it begin scipy's L-BFGS-B at many places and take the lowest end: they
know nothing of valleys, paths or basins. The value that they minimise is the engine's, which has tests of its own.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

from steelyard.inference.fit import fit, scan
from steelyard.inference.impacts import impacts
from steelyard.inference.toy_fits import fit_toys
from steelyard.likelihood.kernels.orders import GRADIENT
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.search import Minimum, minimise
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Normaliser, Nuisance, Systematics
from steelyard.model.interpolation import event_values
from steelyard.model.mixture import Mixture
from steelyard.model.normaliser import log_normaliser
from steelyard.regions.normaliser_fit import build_normaliser

YIELDS = np.array([30.0, 300.0])
BOUNDS = (0.0, 5.0)
DISTANCE = 2.0
WIDTH = 10.0  # of the range in which x lies


def mixture(yields=YIELDS, bounds=BOUNDS) -> Mixture:
    """Mu S + B."""
    return Mixture(("S", "B"), Coefficients(("mu",), ("mu", "1"), {"mu": 1.0}), np.asarray(yields, float), bounds)


def densities(x: np.ndarray, distance: float = DISTANCE) -> np.ndarray:
    """(n, 2) of S and B."""
    return np.stack([norm.pdf(x, loc=0.5 * distance), norm.pdf(x, loc=-0.5 * distance)], axis=1)


def yields_only(*effects: tuple, **nuisance) -> Systematics:
    """One nuisance parameter for each ((S up, S down), (B up, B down))."""
    logs = np.log(np.asarray(effects, dtype=float)).transpose(1, 0, 2)
    members = tuple(Nuisance(f"n{k}", **nuisance) for k in range(len(effects)))
    return Systematics.of(members, logs, np.zeros(logs.shape[:2], dtype=bool), np.zeros((0, 2), dtype=np.int64))


def asimov(expected: tuple[float, float], systematics: Systematics, distance: float = DISTANCE, observed=None):
    """The likelihood of exactly so many events of S and B, on a grid."""
    x = np.linspace(-0.5 * WIDTH, 0.5 * WIDTH, 801)
    p = densities(x, distance)
    weights = (p @ np.asarray(expected)) * (x[1] - x[0])
    return Likelihood.of(mixture(), p * YIELDS, weights, systematics, None, observed)


KINDS = ("same-sided", "equal", "one-sided", "non-monotonic", "two-sided")


def random_analysis(
    seed: int, kind: str, nuisances: int = 0, size: float = 0.0, uniform: bool = False, together: bool = False
):
    """A random analysis of :mod:`random_models` whose effects are folded: the first of this kind, the others of any.

    Every second one is the Gaussians, the others interfere. Yields change by up to 40 %, shapes by up to 20 %; ``size``
    fixes that of the shapes. Of folded effects only the first has a shape, unless they are ``together``: two or three,
    all of which have shapes, with the product's own normaliser. ``uniform``: the first has no constraint but its
    bounds.
    """
    import random_models

    generator = np.random.default_rng([seed, 77])
    nuisances = nuisances or int(generator.integers(1, 4))
    shape = size or float(generator.choice([0.0, 0.05, 0.1, 0.2]))
    if together:
        nuisances, shape = max(nuisances, 2), shape or 0.1
    amount = float(generator.choice([0.02, 0.05, 0.1, 0.2, 0.4])) if not size else 0.02
    shapes = 0 if not shape else nuisances if together or kind == "two-sided" else 1
    base = random_models.analysis(shapes, seed, shape or 0.05, amount, norm_only=nuisances - shapes, events=1500)
    if seed % 2:
        base = _gaussian_base(base, generator)
    log_yields, log_g = base.systematics.log_yields.copy(), base.log_g.astype(float)
    for k in range(nuisances):
        chosen = kind if k == 0 or kind == "two-sided" else str(generator.choice(KINDS))
        share = {
            "same-sided": generator.uniform(0.2, 1.2),
            "equal": 1.0,
            "one-sided": 0.0,
            "non-monotonic": -generator.uniform(0.02, 0.2),
            "two-sided": None,
        }[chosen]
        if share is not None:
            log_yields[:, k, 1] = share * log_yields[:, k, 0]
            of_it = base.systematics.terms[:, 1] == k
            log_g[:, of_it, 1] = share * log_g[:, of_it, 0]
    if uniform:
        members = tuple(
            replace(nuisance, constraint="uniform" if k == 0 else nuisance.constraint)
            for k, nuisance in enumerate(base.systematics.nuisances)
        )
        base = replace(base, systematics=replace(base.systematics, nuisances=members))
    return _normalised(base, log_yields, log_g)


def _gaussian_base(base, generator):
    """The same effects, of the first two processes, on S and B."""
    x = (np.arange(len(base.intensities)) + 0.5) / len(base.intensities) * WIDTH - 0.5 * WIDTH
    yields = np.array([generator.uniform(20.0, 80.0), generator.uniform(100.0, 600.0)])
    intensities = densities(x, generator.uniform(1.0, 3.0)) * WIDTH * yields
    old = base.systematics
    kept = old.terms[:, 0] < 2
    systematics = old.with_effects(
        log_yields=old.log_yields[:2], factors=old.factors[:2], terms=old.terms[kept], normaliser=Normaliser.none()
    )
    weights = np.full(len(x), 1.0 / len(x))
    return type(base)(mixture(yields), systematics, intensities, base.log_g[:, kept], weights)


def _normalised(base, log_yields, log_g):
    """The analysis with other effects, their shapes normalised over each process."""
    terms = base.systematics.terms
    p = base.intensities * base.weights[:, None]
    p = p / p.sum(axis=0)
    if len(terms):
        log_g = log_g - np.log(np.einsum("nt,nts->ts", p[:, terms[:, 0]], np.exp(log_g)))
    log_g = log_g.astype(np.float32)
    bare = base.systematics.with_effects(log_yields=log_yields, normaliser=Normaliser.none(len(terms)))
    expected = np.abs(np.asarray(base.mixture.yields, dtype=float))
    return replace(
        base, systematics=bare.with_effects(normaliser=build_normaliser(bare, log_g, p, expected)), log_g=log_g
    )


def throw(analysis, seed: int, toys: int = 1):
    """Rows, offsets and global observables of toys of a truth that pulls: every process off by some 10 %."""
    generator = np.random.default_rng([seed, 78])
    mu = generator.uniform(0.0, 2.0)
    coefficients = analysis.mixture.coefficients_along(analysis.mixture.to_coordinate(mu))[0]
    scale = np.exp(generator.normal(0.0, 0.15, size=len(coefficients)))
    weights = np.clip(analysis.weights * (analysis.intensities @ (coefficients * scale)), 0.0, None)
    counts = generator.poisson(weights.sum(), size=toys)
    rows = generator.choice(len(weights), size=counts.sum(), p=weights / weights.sum())
    systematics = analysis.systematics
    pulls = generator.normal(size=(toys, len(systematics))) * systematics.constrained
    return rows, np.concatenate([[0], np.cumsum(counts)]), np.clip(systematics.nominal + pulls, *systematics.bounds.T)


def brute_force(likelihood: Likelihood, kappa: float | None, seed: int, starts: int = 24) -> float:
    """The lowest -2 ln L of many descents, at one coordinate or over all of them."""
    evaluator = likelihood.evaluator

    def function(place):
        here = evaluator.expand(place, GRADIENT)
        return (here.value, here.gradient) if np.isfinite(here.value) else (1e9, np.zeros(len(place)))

    bounds, places = _places(likelihood, kappa, seed, starts)
    ends = [minimize(function, place, jac=True, method="L-BFGS-B", bounds=bounds).fun for place in places]
    return float(min(ends))


def quick_force(likelihood: Likelihood, kappa: float | None, seed: int, starts: int = 24) -> Minimum:
    """The lowest minimum from the same places with the engine's Newton, at a fifth of the cost."""
    bounds, places = _places(likelihood, kappa, seed, starts)
    still = bounds[:, 0] == bounds[:, 1]
    found = [minimise(likelihood.evaluator, place, still) for place in places]
    return min(found, key=lambda minimum: minimum.value)


def joint_value(analysis, likelihood: Likelihood, kappa: float, alpha: np.ndarray) -> float:
    """-2 ln L with the joint expectation for N_c instead of the form that fits of toys use, summed out in numpy."""
    systematics, log_g = analysis.systematics, analysis.log_g.astype(float)
    product = analysis.intensities * analysis.weights[:, None]
    product = product / product.sum(axis=0)
    for t, (c, k) in enumerate(systematics.terms):
        kind = systematics.nuisances[k].interpolation
        product[:, c] *= event_values(kind, log_g[:, t, 0], log_g[:, t, 1], alpha[k : k + 1])[0]
    off = np.exp(log_normaliser(systematics, alpha[None])[0]) / product.sum(axis=0)
    events = (replace(likelihood.events[0], intensities=likelihood.intensities * off),)
    return float(replace(likelihood, events=events).value(kappa, alpha)[0])


def _places(likelihood: Likelihood, kappa: float | None, seed: int, starts: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Bounds (1 + K, 2), and random places within them."""
    bounds = likelihood.evaluator.model.bounds.copy()
    if kappa is not None:
        bounds[0] = kappa
    generator, places = np.random.default_rng([seed, 79]), []
    for start in range(starts):
        place = np.append(generator.uniform(*bounds[0]), generator.normal(0.0, 2.0, size=len(bounds) - 1))
        if start % 2:
            place[1:] = generator.choice([-1.0, -0.3, 0.3, 1.0], size=len(bounds) - 1)
        places.append(np.clip(place, *bounds.T))
    return bounds, places


@dataclass(frozen=True)
class Miss:
    """A fit that is shallower than brute force, by ``size`` in -2 ln L; ``what`` was fitted."""

    seed: int
    kind: str
    what: str
    size: float


def compare(
    seed: int,
    kind: str,
    size: float = 0.0,
    singles: bool = True,
    starts: int = 24,
    uniform: bool = False,
    together: bool = False,
) -> list[Miss]:
    """All that is shallower than brute force by more than 1e-3, in one data set of one random model.

    The fits of the impacts are represented by the first nuisance parameter's, which must end where the complete fit of
    the moved global observable does. Not with interference: an impact does not change the basin of the coordinate.
    """
    analysis = random_analysis(seed, kind, size=size, uniform=uniform, together=together)
    rows, offsets, observed = throw(analysis, seed)
    model, systematics, log_g = analysis.mixture, analysis.systematics, analysis.log_g
    tested = float(np.random.default_rng([seed, 80]).uniform(0.1, 2.0))
    likelihood = Likelihood.of(model, analysis.intensities[rows], None, systematics, log_g[rows], observed[0])
    toy = fit_toys(model, analysis.intensities, offsets, tested, systematics, log_g, observed, rows)
    place = float(model.to_coordinate(tested))
    deepest, at_test = brute_force(likelihood, None, seed, starts), brute_force(likelihood, place, seed, starts)
    found = []
    if toy.status[0] > 1:
        found.append(Miss(seed, kind, "toy status", float(toy.status[0])))
    else:
        hat = float(model.to_coordinate(toy.hat[0]))
        found.append(Miss(seed, kind, "toy", likelihood.value(hat, toy.alpha[0])[0] - deepest))
        found.append(Miss(seed, kind, "toy at test", likelihood.value(place, toy.conditional[0])[0] - at_test))
    if singles:
        single, held = fit(likelihood), fit(likelihood, {"mu": tested})
        along = scan(likelihood, np.append(np.linspace(0.0, 3.0, 13), tested))
        found.append(Miss(seed, kind, "fit", single.minimum - deepest))
        found.append(Miss(seed, kind, "fit at test", held.minimum - at_test))
        found.append(Miss(seed, kind, "scan", along.t[-1] + along.fit.minimum - at_test))
        found.append(Miss(seed, kind, "valid", 1.0 if not single.valid else 0.0))
        if systematics.constrained[0] and seed % 2:
            name = systematics.names[0]
            shifts = next(impact for impact in impacts(likelihood, single).impacts if impact.name == name)
            for shift, sign in ((shifts.up, 1.0), (shifts.down, -1.0)):
                moved = replace(likelihood, global_observables=observed[0] + sign * np.eye(len(systematics))[0])
                there = fit(moved, {"mu": float(np.clip(single.hat + shift, *model.bounds))}).minimum
                found.append(Miss(seed, kind, "impact", there - brute_force(moved, None, seed, starts)))
    return [miss for miss in found if not miss.size <= 1e-3]


@dataclass(frozen=True, eq=False)
class Toys:
    """Toys of one model: how much shallower their fits are than brute force, at best fit and at the tested value.

    Attributes:
        shallower: (T, 2) in -2 ln L, negative where the brute force is the shallower one.
        t, exact: (T,) the test statistic of the fits, and of the deeper of fit and brute force.
        failed: number of toys without a result, which are left out.
        unreal: number of toys for which brute force is deeper only where the normaliser's form is far off, and not with
            the joint expectation: no miss.
    """

    shallower: np.ndarray
    t: np.ndarray
    exact: np.ndarray
    failed: int
    unreal: int


def compare_toys(analysis, seed: int, toys: int, pulled: bool, starts: int = 24) -> Toys:
    """Toys at the nominal model, or ``pulled`` with intensities off by 15 %, tested there, against brute force."""
    generator = np.random.default_rng([seed, 81])
    tested = float(generator.uniform(0.1, 2.0))
    thrown = throw(analysis, seed, toys) if pulled else analysis.throw(tested, toys, generator)
    rows, offsets, observed = thrown
    model, systematics, log_g = analysis.mixture, analysis.systematics, analysis.log_g
    fits = fit_toys(model, analysis.intensities, offsets, tested, systematics, log_g, observed, rows)
    place, good = float(model.to_coordinate(tested)), np.flatnonzero(fits.status <= 1)
    shallower, exact, unreal = np.zeros((len(good), 2)), np.zeros(len(good)), set()
    for index, toy in enumerate(good):
        own = rows[offsets[toy] : offsets[toy + 1]]
        likelihood = Likelihood.of(model, analysis.intensities[own], None, systematics, log_g[own], observed[toy])
        ends = ((float(model.to_coordinate(fits.hat[toy])), fits.alpha[toy]), (place, fits.conditional[toy]))
        mine, force = np.zeros(2), np.zeros(2)
        for which, (end, kappa) in enumerate(zip(ends, (None, place), strict=True)):
            found = quick_force(likelihood, kappa, 1000 * seed + int(toy), starts)
            mine[which], force[which] = likelihood.value(*end)[0], found.value
            if found.value < mine[which] - 1e-3:
                real = joint_value(analysis, likelihood, found.place[0], found.place[1:])
                if real > joint_value(analysis, likelihood, *end):
                    force[which] = mine[which]
                    unreal.add(int(toy))
        force[0] = min(force[0], force[1])
        shallower[index] = mine - force
        exact[index] = min(mine[1], force[1]) - min(mine[0], force[0])
    return Toys(shallower, fits.t[good], exact, toys - len(good), len(unreal))
