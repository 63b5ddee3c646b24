"""Analyses with two parameters in the coefficients, and their minima by scipy from many starts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from several_regions import mixture_of, normaliser_of, systematics_of

from steelyard.inference.toy_fits import RegionToys
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.model import Model
from steelyard.model.region import UnbinnedRegion

EVENTS = 8000

# Yields of two amplitudes that interfere.
SIGNAL, BACKGROUND = 80.0, 310.0

# Expressions, yields, parameters (nominal value and bounds), true values.
CASES = {
    "linear_and_root": (
        ("mu_ggF - sqrt(mu_ggF)", "sqrt(mu_ggF)", "1 - sqrt(mu_ggF)", "mu_EW", "1"),
        (SIGNAL, SIGNAL + BACKGROUND - np.sqrt(SIGNAL * BACKGROUND * 15.0) / 6.0, BACKGROUND, 60.0, 400.0),
        {"mu_ggF": (1.0, 0.0, 6.0), "mu_EW": (1.0, 0.0, 6.0)},
        {"mu_ggF": 0.9, "mu_EW": 1.5},
    ),
    # Its second process is smooth, as a learned ratio may be: two minima in one data set in thirty.
    "linear_and_smooth_root": (
        ("mu_ggF - sqrt(mu_ggF)", "sqrt(mu_ggF)", "1 - sqrt(mu_ggF)", "mu_EW", "1"),
        (40.0, 330.0, 310.0, 60.0, 200.0),
        {"mu_ggF": (1.0, 0.0, 6.0), "mu_EW": (1.0, 0.0, 6.0)},
        {"mu_ggF": 0.6, "mu_EW": 1.5},
    ),
    "three_samples": (
        ("1 - mu + (mu - sqrt(mu))/10", "(10*sqrt(mu) - mu)/9", "(mu - sqrt(mu))/90", "other", "1"),
        (100.0, 110.0, 340.0, 140.0, 50.0),
        {"mu": (1.0, 0.0, 4.0), "other": (1.0, 0.0, 4.0)},
        {"mu": 1.2, "other": 0.8},
    ),
    "effective_theory": (
        ("1", "c", "c**2", "mu", "1"),
        (200.0, 60.0, 40.0, 100.0, 100.0),
        {"c": (0.0, -3.0, 3.0), "mu": (1.0, 0.0, 4.0)},
        {"c": 0.7, "mu": 1.2},
    ),
    "functions": (
        ("exp(a/2)", "where(b < 1, b**2, 2*b - 1)", "1", "1 + a*b", "sin(b) + 2"),
        (100.0, 60.0, 140.0, 40.0, 50.0),
        {"a": (0.0, -3.0, 3.0), "b": (1.0, 0.0, 4.0)},
        {"a": 0.4, "b": 1.3},
    ),
    "root_of_a_product": (
        ("sqrt(one*two)", "one", "two", "1", "1"),
        (100.0, 60.0, 140.0, 40.0, 50.0),
        {"one": (1.0, 0.0, 4.0), "two": (1.0, 0.0, 4.0)},
        {"one": 0.3, "two": 1.2},
    ),
}

NORM = Nuisance("norm")
COUNTED = Nuisance("counted", "poisson", "linear", 1.0, (0.01, 5.0), 50.0)
SHAPE = Nuisance("shape")
SHAPED = ((1, "shape"), (3, "shape"))


def densities(x: np.ndarray) -> np.ndarray:
    """p_c(x) (n, 5) on [0, 1], none a sum of the others."""
    return np.stack([3.0 * x**2, np.exp(x) / (np.e - 1.0), np.ones_like(x), 2.0 - 2.0 * x, 6.0 * x * (1.0 - x)], axis=1)


def interfering(x: np.ndarray) -> np.ndarray:
    """The same where the second process is the first and the third with their interference, as in the yields."""
    signal, background = np.sqrt(5.0) * x**2, np.sqrt(3.0) * (1.0 - x)
    both = (np.sqrt(SIGNAL) * signal - np.sqrt(BACKGROUND) * background) ** 2
    both /= CASES["linear_and_root"][1][1]
    return np.stack([signal**2, both, background**2, 6.0 * x * (1.0 - x), np.ones_like(x)], axis=1)


@dataclass(frozen=True, eq=False)
class Analysis:
    """A model of one region and its reference events: intensities (n, C), effects (n, T, 2)."""

    model: Model
    intensities: np.ndarray
    log_g: np.ndarray | None
    truth: Mapping[str, float]

    def throw(self, toys: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, offsets and global observables of experiments at the true values."""
        generator = np.random.default_rng(seed)
        theta = [[self.truth[parameter.name] for parameter in self.model.theta]]
        expected = self.intensities @ self.model.coefficient_values(theta)[0][0]
        numbers = generator.poisson(expected.mean(), toys)
        rows = generator.choice(len(expected), size=numbers.sum(), p=expected / expected.sum())
        widths = np.array([nuisance.parameter.constraint.error for nuisance in self.model.nuisances])
        nominal = np.array([nuisance.nominal for nuisance in self.model.nuisances])
        observed = nominal + widths * generator.normal(size=(toys, len(nominal)))
        return rows, np.concatenate([[0], np.cumsum(numbers)]), observed

    def toys(self, rows: np.ndarray, offsets: np.ndarray) -> tuple[RegionToys, ...]:
        """For :func:`~steelyard.inference.toy_fits.fit_experiments`."""
        return (RegionToys(RegionEvents(self.intensities, None, self.log_g), offsets, rows),)

    def likelihood(self, rows: np.ndarray, observed: np.ndarray) -> Likelihood:
        """Of the events of one experiment."""
        effects = None if self.log_g is None else self.log_g[rows]
        return Likelihood(self.model, (RegionEvents(self.intensities[rows], None, effects),), observed)


def analysis(name: str, systematic: bool, free: int = 0) -> Analysis:
    """One of :data:`CASES`, with or without nuisance parameters."""
    expressions, yields, parameters, truth = CASES[name]
    mixture = mixture_of(expressions, np.array(yields), parameters, free)
    x = (np.arange(EVENTS) + 0.5) / EVENTS
    p = interfering(x) if name == "linear_and_root" else densities(x)
    if name == "linear_and_smooth_root":
        p[:, 1] = (1.0 + 0.5 * x) / 1.25
    systematics, log_g = Systematics.none(5), None
    if systematic:
        norm = np.outer([1.0, 0.7, -0.4, 0.8, -1.1], [0.05, -0.04])
        systematics = systematics_of(5, (NORM, COUNTED, SHAPE), {"norm": norm}, {"counted": [4]}, SHAPED)
        wave = 0.06 * np.sin(3.0 * x)
        log_g = np.stack([np.stack([wave, -0.9 * wave], axis=1)] * 2, axis=1)
        for t, (c, _) in enumerate(SHAPED):
            log_g[:, t] -= np.log(p[:, c] @ np.exp(log_g[:, t]) / p[:, c].sum())
        systematics = systematics.with_effects(normaliser=normaliser_of(systematics, log_g, p))
    model = Model((UnbinnedRegion("region", mixture, systematics),))
    return Analysis(model, p * mixture.yields, log_g, truth)


def lowest(likelihood: Likelihood, held: Mapping[str, float], tries: int, seed: int) -> float:
    """The least -2 ln L with some parameters held, by scipy's L-BFGS-B from so many starts."""
    generator, parameters = np.random.default_rng(seed), likelihood.parameters
    thetas = len(likelihood.model.theta)
    bounds = np.array([parameter.to_coordinate(parameter.bounds) for parameter in parameters])
    for name, value in held.items():
        bounds[parameters.index(name)] = parameters[name].to_coordinate(value)

    def function(place: np.ndarray) -> tuple[float, np.ndarray]:
        here = likelihood.evaluator.expand(place)
        return (here.value, here.gradient) if np.isfinite(here.value) else (1e9, np.zeros(len(place)))

    best = np.inf
    for attempt in range(tries):
        start = generator.uniform(*bounds.T)
        start[thetas:] = likelihood.global_observables + generator.normal(scale=0.1, size=len(start) - thetas)
        if attempt % 2:
            start[:thetas] = bounds[:thetas][np.arange(thetas), generator.integers(0, 2, thetas)]
        options = {"ftol": 1e-13, "gtol": 1e-6, "maxiter": 500}
        found = minimize(
            function, np.clip(start, *bounds.T), jac=True, bounds=bounds, method="L-BFGS-B", options=options
        )
        best = min(best, float(found.fun))
    return best
