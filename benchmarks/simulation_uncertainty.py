"""Does sigma_MC cover what regenerated simulation and training do to the result of one data set?

    OMP_NUM_THREADS=1 python benchmarks/simulation_uncertainty.py --file uncertainty.jsonl [--recipes cheap ...]
    python benchmarks/simulation_uncertainty.py --file uncertainty.jsonl --report

Each regeneration draws new samples (training and reference), trains new networks, and fits one fixed, dense data set:
events at quasi-random places with the exact intensity of mu = 1 as weights, or for the embedded analysis a million
events of another seed with exact weights. Its line in the file holds t at some mu and mu_hat, learned and exact, and
the predicted uncertainty by source. In data sets of Poisson size that are drawn from the dense one, learned and exact t
are compared, and confidence sets with the true mu. What the file holds is not made again: stop and go on at will.

The report: for each mu and for mu_hat within its basin the mean and the scatter of learned - exact, the predicted
uncertainty without the noise, which dense data do not see, and its sources; their ratio, and width and rms of the pull,
with the 95 % chi2 range; R, the noise event by event, and its prediction; and the coverage of sets with and without the
uncertainty. Last measured: docs/precision.md.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

LEVELS = (0.6827, 0.9545)


@dataclass(frozen=True)
class Recipe:
    """A way to simulate and train.

    Attributes:
        problem: ``analytic``, or ``embedded``.
        events: of each process, or of the samples gg and qqZZ, both sides of the split.
        soft: labels.
        members, epochs, hidden, batch, rate: of the training.
        joint: one network for all processes.
        mu: where t is looked at.
        experiments: of Poisson size, drawn from the fixed data set, for coverage.
    """

    problem: str
    events: tuple[int, ...]
    soft: bool = False
    members: int = 2
    epochs: int = 5
    hidden: tuple[int, ...] = (24, 24)
    batch: int = 1024
    rate: float = 1e-2
    joint: bool = False
    mu: tuple[float, ...] = (0.0, 0.05, 0.25, 0.5, 1.5, 2.0)
    experiments: int = 0


RECIPES = {
    "cheap": Recipe("analytic", (60_000,) * 4),
    "cheap soft": Recipe("analytic", (40_000,) * 4, soft=True, epochs=6),
    "starved": Recipe("analytic", (8_000,) * 4, epochs=8, batch=512, experiments=200),
    "embedded": Recipe(  # as config/config.yaml has it
        "embedded", (800_000, 1_200_000), True, 4, joint=True, epochs=8, hidden=(64,) * 3, batch=2048, rate=5e-3
    ),
}


@dataclass(frozen=True)
class Line:
    """One regeneration: a line of the file; arrays along mu.

    ``noise`` is R and ``experiments`` the variance of learned minus exact t of the Poisson data sets; ``coverage`` has
    by construction and level how many of their sets contain the true mu, of ``sets`` sets.
    """

    recipe: str
    seed: int
    mu: list[float]
    t: list[float]
    exact: list[float]
    sigma_t: list[float]
    shift_t: list[float]
    sources: dict[str, list[float]]
    bias: list[float]
    hat: float
    exact_hat: float
    error: float | None
    sigma_hat: float | None
    hat_sources: dict[str, float]
    reason: str | None
    noise: list[float]
    experiments: list[float]
    coverage: dict[str, int]
    sets: int
    seconds: float
    settings: dict = field(default_factory=dict)


class Dense:
    """The fixed data set: weights (n,) of events with features, and log densities (n, 4), of one problem."""

    def __init__(self, recipe: Recipe) -> None:
        from scipy.stats import qmc
        from verdict_problems import PROCESSES, Embedded, Interference

        if recipe.problem == "embedded":
            self.problem = Embedded()
            samples = self.problem.draw((300_000, 300_000), 987_654, recipe.soft)
            place = dict(zip(PROCESSES, _at(1.0), strict=True))
            self.features = np.concatenate([sample.features for sample in samples])
            self.log_densities = self.problem.log_densities(np.concatenate([sample.observables for sample in samples]))
            self.weights = np.concatenate(
                [sum(place[name] * sample.column(name) for name in sample.info.processes) for sample in samples]
            )
        else:
            self.problem = Interference(contrast=0.4, squares=(60.0, 60.0, 400.0), smooth=400.0)
            places = qmc.Sobol(3, seed=1).random_base2(15)
            self.features = analytic_features(places).astype(np.float32)
            self.log_densities = self.problem.log_densities(places)
            self.weights = (np.exp(self.log_densities) * self.problem.yields) @ _at(1.0) / len(places)


def analytic_features(x: np.ndarray) -> np.ndarray:
    """What the networks of the analytic problem see: smooth functions, which small networks learn in seconds."""
    m, c, f = x.T
    circle = 2.0 * np.pi * f
    return np.stack(
        [2.0 * m - 1.0, 2.0 * c - 1.0, 2.0 * np.cos(np.pi * c), 2.0 * np.cos(circle), 2.0 * np.sin(circle)], 1
    )


def _at(mu: float) -> np.ndarray:
    from verdict_problems import COEFFICIENTS

    return COEFFICIENTS.at(COEFFICIENTS.coordinate.from_parameter(np.array([mu])))[0]


class Curves:
    """-2 ln L of weighted events along kappa = sqrt(mu), without nuisance parameters, and its minima."""

    kappa = np.linspace(0.0, 2.0, 101)

    def __init__(self, yields: np.ndarray, mu: tuple[float, ...]) -> None:
        from verdict_problems import COEFFICIENTS

        self.places = np.append(self.kappa, np.sqrt(mu))
        self.coefficients = COEFFICIENTS.at(self.places)
        self.expected = self.coefficients @ yields

    def values(self, logarithms: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """At all places (P,), from ln lambda (n, P) of events with weights (n,)."""
        return 2.0 * self.expected - 2.0 * weights @ logarithms

    def logarithms(self, intensities: np.ndarray) -> np.ndarray:
        """ln lambda (n, P) of intensities nu_c r_c (n, C); minus infinity where it is negative."""
        total = intensities @ self.coefficients.T
        return np.where(total > 0.0, np.log(np.maximum(total, 1e-300)), -np.inf)

    def fit(self, values: np.ndarray) -> tuple[np.ndarray, float, float | None, tuple[tuple[float, float], ...]]:
        """t at mu, mu_hat, its error (None on a bound) and all minima as (mu, value), of values (P,)."""
        grid, step = values[: len(self.kappa)], self.kappa[1]
        inner = np.flatnonzero((grid[1:-1] <= grid[:-2]) & (grid[1:-1] < grid[2:])) + 1
        found = []
        for i in inner:
            before, here, after = grid[i - 1 : i + 2]
            bend = before - 2.0 * here + after
            shift = 0.5 * (before - after) / bend
            found.append((here - 0.125 * (before - after) ** 2 / bend, self.kappa[i] + shift * step, bend / step**2))
        if grid[0] < grid[1]:
            found.append((grid[0], 0.0, 0.0))
        if grid[-1] < grid[-2]:
            found.append((grid[-1], self.kappa[-1], 0.0))
        least, kappa, second = min(found)
        error = float(2.0 * kappa * np.sqrt(2.0 / second)) if second > 0.0 else None
        basins = tuple((float(place**2), float(value)) for value, place, _ in sorted(found))
        return values[len(self.kappa) :] - least, float(kappa**2), error, basins


class Regeneration:
    """Newly simulated samples and newly trained networks, and what they say of the fixed data set."""

    def __init__(self, recipe: Recipe, seed: int, dense: Dense) -> None:
        from verdict_problems import BOUNDS, COEFFICIENTS, PROCESSES

        from steelyard.data.reference_events import oracle_log_ratios
        from steelyard.finite_simulation.influence import simulated_events
        from steelyard.finite_simulation.member_scatter import MemberRatios
        from steelyard.regions.unbinned import build_model

        reference, samples, events, log_r, members, raw = _trained(recipe, seed, dense)
        yields = dense.problem.yields
        self.model = build_model(dict(zip(PROCESSES, yields, strict=True)), COEFFICIENTS, BOUNDS, log_r, events)
        self.curves, self.weights = Curves(yields, recipe.mu), dense.weights
        self.exact = self.curves.logarithms(np.exp(oracle_log_ratios(dense.log_densities, reference)) * yields)
        self.learned = self.curves.logarithms(self.model.event_intensities(raw))
        self._simulated = simulated_events(samples, reference, events)
        self._members = MemberRatios(**members, validation_fraction=0.1)

    def predict(self, mu: tuple[float, ...], values: np.ndarray):
        """The uncertainty of t at mu, some of the curves' places, and of mu_hat, of -2 ln L (P,)."""
        from steelyard.finite_simulation.simulation_uncertainty import simulation_uncertainty
        from steelyard.inference.fit import Fit, Scan

        _, hat, error, basins = self.curves.fit(values)
        t = np.interp(np.sqrt(mu), self.curves.kappa, values[: len(self.curves.kappa)]) - basins[0][1]
        covariance = None if error is None else [[error**2]]
        fit = Fit(hat, basins[0][1], True, 0.0, error is None, basins, error, covariance=covariance)
        return simulation_uncertainty(self.model, Scan(np.array(mu), t, 0.0, fit), self._simulated, self._members)


def make(name: str, seed: int, dense: Dense) -> Line:
    """Simulate, train, and predict, once."""
    begin, recipe = time.process_time(), RECIPES[name]
    regeneration = Regeneration(recipe, seed, dense)
    curves = regeneration.curves
    true_t, true_hat, _, _ = curves.fit(curves.values(regeneration.exact, dense.weights))
    values = curves.values(regeneration.learned, dense.weights)
    t, hat, error, _ = curves.fit(values)
    result = regeneration.predict(recipe.mu, values)
    noise, spread, coverage = _experiments(recipe, seed, regeneration, true_hat)
    return Line(
        recipe=name,
        seed=seed,
        mu=list(recipe.mu),
        t=t.tolist(),
        exact=true_t.tolist(),
        sigma_t=result.sigma_t.tolist(),
        shift_t=result.shift_t.tolist(),
        sources={source: values.tolist() for source, values in result.sources.items()},
        bias=result.bias.tolist(),
        hat=hat,
        exact_hat=true_hat,
        error=error,
        sigma_hat=result.sigma_hat,
        hat_sources=result.hat_sources,
        reason=result.reason,
        noise=noise,
        experiments=spread,
        coverage=coverage,
        sets=recipe.experiments,
        seconds=time.process_time() - begin,
        settings=asdict(recipe),
    )


# Best fits at which shift_t of the true mu is predicted, between which it is interpolated.
HATS = np.array([0.04, 0.16, 0.36, 0.64, 1.0, 1.44, 1.96, 2.56, 3.24])


def _experiments(recipe: Recipe, seed: int, regeneration: Regeneration, true_hat: float):
    """R along mu, the variance of learned minus exact t of Poisson data sets, and how many sets contain mu = 1.

    Critical values are those of the learned likelihood's own toys at mu = 1, as in an analysis.
    """
    curves, weights, learned = regeneration.curves, regeneration.weights, regeneration.learned
    at_hat, one = (int(np.argmin(np.abs(curves.kappa - np.sqrt(mu)))) for mu in (true_hat, 1.0))
    u = [table[:, len(curves.kappa) :] - table[:, [at_hat]] for table in (learned, regeneration.exact)]
    moved = u[0] - u[1]
    noise = (weights @ moved**2).tolist()
    if not recipe.experiments:
        return noise, [], {}
    rng, expected = np.random.default_rng([seed, 1]), weights.sum()
    reweighted = weights[:, None] * np.exp(learned - regeneration.exact[:, [one]])  # as the learned likelihood has them

    def fitted(density: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cumulative, t, hats, shifts = np.cumsum(density) / density.sum(), [], [], []
        for _ in range(number):
            rows = np.searchsorted(cumulative, rng.random(rng.poisson(expected)))
            rows = np.minimum(rows, len(weights) - 1)
            values = curves.values(learned[rows], np.ones(len(rows)))
            _, hat, _, basins = curves.fit(values)
            t.append(max(float(values[one]) - basins[0][1], 0.0))
            hats.append(hat)
            shifts.append(moved[rows].sum(axis=0))
        return np.array(t), np.array(hats), np.array(shifts)

    t, hats, shifts = fitted(weights, recipe.experiments)
    toys, of_toys, _ = fitted(reweighted[:, one], 2 * recipe.experiments)
    sigma = []
    for hat in HATS:
        place = int(np.argmin(np.abs(curves.kappa - np.sqrt(hat))))
        sigma.append(regeneration.predict((1.0,), curves.values(learned, reweighted[:, place])).shift_t[0])
    own, smear = (np.interp(items, HATS, sigma) for items in (hats, of_toys))
    counts = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        inflated = np.where(t > 0.0, t / (1.0 + own**2 / (4.0 * t)), 0.0)
    smeared = toys + smear * rng.normal(size=len(toys))
    for level in LEVELS:
        critical, convolved = (float(np.quantile(values, level)) for values in (toys, smeared))
        counts[f"none {level:g}"] = int(np.sum(t <= critical))
        counts[f"inflate {level:g}"] = int(np.sum(inflated <= critical))
        counts[f"convolve {level:g}"] = int(np.sum(t <= convolved))
    return noise, (4.0 * shifts.var(axis=0)).tolist(), counts


def _trained(recipe: Recipe, seed: int, dense: Dense):
    """Reference, samples, reference events, log r of these (n, C), members, and log r of the dense data (m, C)."""
    from trainings import trained
    from verdict_problems import PROCESSES

    from steelyard.data.identifiers import Split
    from steelyard.data.reference import mix_reference
    from steelyard.data.reference_events import reference_events
    from steelyard.finite_simulation.member_ratios import EVENTS
    from steelyard.ratios.ensembles import combine, mean_log_ratio, of_process
    from steelyard.ratios.evaluation import member_log_ratios
    from steelyard.ratios.hypotheses import joint_samples, ratio_samples
    from steelyard.seeds import seed_for

    split = Split("held_out", 0.5, 5)
    samples = dense.problem.draw(recipe.events, seed, recipe.soft)
    if recipe.problem == "analytic":
        samples = [_with_features(sample) for sample in samples]
    labels = {sample.info.name: "soft" if recipe.soft else "hard" for sample in samples}
    rules = [SimpleNamespace(process=process, weight=0.25) for process in PROCESSES]
    reference = mix_reference(samples, PROCESSES, rules, split, labels)
    events = reference_events(samples, reference)
    number = len(events.weights)
    rows = np.sort(np.random.default_rng(seed).choice(number, min(number, EVENTS), replace=False))
    features = events.gather([sample.features for sample in samples])
    members = {}
    for group in ("joint",) if recipe.joint else PROCESSES:
        members[group] = trained(
            joint_samples(samples, reference, PROCESSES) if recipe.joint else ratio_samples(samples, reference, group),
            group,
            samples[0].info.features,
            split,
            recipe,
            lambda member, group=group: seed_for(seed, "simulation_uncertainty", process=group, member=member),
        )
    if recipe.joint:
        mixture = reference.weights
        members = {name: [of_process(member, name, mixture) for member in members["joint"]] for name in PROCESSES}
    ensembles = [combine(members[name], "ratio", split) for name in PROCESSES]
    log_r, of_members, raw = [], [], []
    for ensemble in ensembles:
        for values, into in ((features, log_r), (dense.features, raw)):
            single = member_log_ratios(ensemble, values)
            into.append(mean_log_ratio(single, np.ones(single.shape, dtype=bool), "ratio"))
            if into is log_r:
                of_members.append(single[:, rows])
    found = {"rows": rows, "log_r": tuple(of_members), "networks": tuple(ensemble.networks for ensemble in ensembles)}
    return reference, samples, events, np.stack(log_r, 1), found, np.stack(raw, 1)


def _with_features(sample):
    features = analytic_features(sample.observables.astype(float)).astype(np.float32)
    info = replace(sample.info, features=tuple(map(str, range(features.shape[1]))))
    return replace(sample, info=info, features=features)


def report(lines: list[Line]) -> str:
    """Scatter against prediction, and coverage, of each recipe."""
    text = []
    for name in RECIPES:
        own = [line for line in lines if line.recipe == name]
        if len(own) < 2:
            continue
        text.append(
            f"{name}: {len(own)} regenerations, {np.mean([line.seconds for line in own]):.1f} CPU s each; widths of "
            f"the pull within [{_chi(len(own), 0.025):.2f}, {_chi(len(own), 0.975):.2f}] at 95 %"
        )
        title = "".join(f"{source:>10}" for source in own[0].sources)
        text.append(f"{'':8}  exact    mean +- err  scatter    shift{title}   ratio  width    rms      R  predicted")
        for place, mu in enumerate(own[0].mu):
            error = np.array([line.t[place] - line.exact[place] for line in own])
            first = np.array([line.shift_t[place] for line in own])
            text.append(
                f"t({mu:g})".ljust(8)
                + f" {own[0].exact[place]:6.2f} {_numbers(error, first)}"
                + "".join(f"{_root([line.sources[s][place] for line in own]):10.3f}" for s in own[0].sources)
                + f"  {_width(error, first)}"
                + f" {np.mean([line.noise[place] for line in own]):6.3f}"
                + f" {np.mean([0.25 * line.sources['noise'][place] ** 2 for line in own]):6.3f}"
            )
        known = [line for line in own if line.sigma_hat is not None]
        if len(known) > 1:
            error = np.array([line.hat - line.exact_hat for line in known])
            first = np.array([_dense_hat(line) for line in known])
            text.append(
                "mu_hat".ljust(8)
                + f" {known[0].exact_hat:6.2f} {_numbers(error, first)}"
                + "".join(f"{_root([line.hat_sources[s] for line in known]):10.3f}" for s in own[0].sources)
                + f"  {_width(error, first)}   ({len(known)} with an uncertainty of mu_hat)"
            )
        text += _coverage(own)
    return "\n".join(text)


def _dense_hat(line: Line) -> float:
    return float(np.sqrt(line.sigma_hat**2 - line.hat_sources["noise"] ** 2))


def _numbers(error: np.ndarray, sigma: np.ndarray) -> str:
    spread = error.std(ddof=1)
    return f"{error.mean():+7.3f} {spread / np.sqrt(len(error)):6.3f} {spread:8.3f} {_root(sigma):8.3f}"


def _root(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _width(error: np.ndarray, sigma: np.ndarray) -> str:
    """Scatter over the predicted one; width and rms of the pulls, each with its own prediction."""
    pulls = error / sigma
    return f"{error.std(ddof=1) / _root(sigma):6.2f} {pulls.std(ddof=1):6.2f} {_root(pulls):6.2f}"


def _chi(number: int, probability: float) -> float:
    from scipy.stats import chi2

    return float(np.sqrt(chi2.ppf(probability, number - 1) / (number - 1)))


def _coverage(own: list[Line]) -> list[str]:
    text = []
    for way in own[0].coverage if own[0].sets else ():
        shares = np.array([line.coverage[way] / line.sets for line in own])
        text.append(
            f"  sets that contain mu = 1, {way}: {shares.mean():.3f} +- {shares.std(ddof=1) / len(own) ** 0.5:.3f}"
        )
    return text


def read(path: Path) -> list[Line]:
    """The regenerations of a file."""
    return [Line(**json.loads(row)) for row in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Make what is not there yet and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=Path("uncertainty.jsonl"))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["cheap"])
    parser.add_argument("--number", type=int, default=100, help="regenerations of each recipe")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--report", action="store_true", help="print the tables of what is there, and train nothing")
    given = parser.parse_args()
    if not given.report:
        import logging

        import torch

        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        done = {(line.recipe, line.seed) for line in read(given.file)}
        for name in given.recipes:
            dense = Dense(RECIPES[name])
            for seed in range(given.first, given.first + given.number):
                if (name, seed) in done:
                    continue
                line = make(name, seed, dense)
                with given.file.open("a") as stream:
                    stream.write(json.dumps(asdict(line)) + "\n")
                print(f"{name}, seed {seed}: mu_hat {line.hat:.3f}, {line.seconds:.1f} CPU s", flush=True)
    print(report(read(given.file)))


if __name__ == "__main__":
    main()
