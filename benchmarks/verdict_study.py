"""Is the predicted error of t(mu) right, and is the verdict? Deliberately different trainings of two known problems.

    OMP_NUM_THREADS=1 python benchmarks/verdict_study.py --file study.jsonl --processes 16 [--device cpu]
    python benchmarks/verdict_study.py --file study.jsonl --report    (judges by the present code, trains nothing)

Each training is a newly simulated sample and newly trained networks of one of the recipes below, in the embedded
analysis or in the analytic problem of verdict_problems.py. Its line in the file holds the learned and the exact t(mu),
normalised on the same reference events, the predicted error, and the verdict of the check. What the file holds is not
made again: stop and go on at will. The recipes differ in the number of events, epochs, members and units, in the labels
and in the reference; the trainings of one recipe are regenerations, whose rms error is what its sigma_t should be.

The report: rms of (learned - exact)/sigma_t at 0, at the second minimum and at twice the nominal mu; and the verdict
against the true error, as a fraction of the allowance max(0.15, 10 % of t), at its worst over these points and all with
t <= 9. Last measured: docs/checks.md.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ALLOWED = 0.15, 0.1
REACH = 9.0
SECOND_MINIMUM = {"embedded": 0.25, "analytic": 0.1}


@dataclass(frozen=True)
class Recipe:
    """A deliberately good or bad way to simulate and train.

    Attributes:
        problem: ``embedded`` or ``analytic``.
        events: of the samples, both sides of the split: gg and qqZZ, or those drawn of each process.
        soft: labels; hard ones otherwise.
        scale: of the yields of the analytic problem.
        reference: weights of the processes in the reference.
        members, epochs, hidden, batch, rate, bootstrap: of the training.
        method: of the split.
    """

    problem: str
    events: tuple[int, ...]
    soft: bool = True
    scale: float = 1.0
    reference: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)
    members: int = 2
    epochs: int = 8
    hidden: tuple[int, ...] = (64, 64, 64)
    batch: int = 2048
    rate: float = 5e-3
    bootstrap: bool = False
    method: str = "held_out"


@dataclass(frozen=True)
class Line:
    """One training: a line of the file; arrays along mu."""

    recipe: str
    seed: int
    problem: str
    mu: list[float]
    t: list[float]
    exact: list[float]
    sigma_t: list[float]
    bias: list[float]
    bias_error: list[float]
    sample: list[float]
    noise: list[float]
    members: list[float] | None
    status: str
    quotient: float
    seconds: float
    population: list[float] | None = None
    settings: dict = field(default_factory=dict)
    measured: list[dict | None] = field(default_factory=list)


SMALL = (32, 32)
RECIPES = {
    # The embedded analysis: (gg, qqZZ) events, labels as configured first.
    "embedded": Recipe("embedded", (200_000, 200_000)),
    "embedded large": Recipe("embedded", (600_000, 600_000)),
    "embedded few": Recipe("embedded", (40_000, 40_000)),
    "embedded one epoch": Recipe("embedded", (200_000, 200_000), epochs=1, members=1),
    "embedded long": Recipe("embedded", (60_000, 60_000), epochs=30, members=1),
    "embedded bad reference": Recipe("embedded", (150_000, 150_000), reference=(0.94, 0.02, 0.02, 0.02)),
    "embedded hard": Recipe("embedded", (200_000, 200_000), soft=False),
    "embedded hard few": Recipe("embedded", (80_000, 80_000), soft=False, epochs=6),
    # The analytic problem, events of each process: 80,500 expected, hard labels ...
    "default": Recipe("analytic", (200_000,) * 4, soft=False, rate=2e-3),
    "few": Recipe("analytic", (40_000,) * 4, soft=False, hidden=SMALL, batch=1024),
    "short": Recipe("analytic", (100_000,) * 4, soft=False, hidden=SMALL, epochs=2),
    "long": Recipe("analytic", (80_000,) * 4, soft=False, epochs=25, members=1),
    "bootstrap": Recipe("analytic", (80_000,) * 4, soft=False, hidden=SMALL, members=4, bootstrap=True),
    "bad reference": Recipe("analytic", (150_000,) * 4, soft=False, hidden=SMALL, reference=(0.97, 0.01, 0.01, 0.01)),
    "cross-fitted": Recipe("analytic", (50_000,) * 4, soft=False, hidden=SMALL, members=5, method="cross_fit"),
    # ... 10,060 expected ...
    "small": Recipe("analytic", (150_000,) * 4, soft=False, scale=0.125, hidden=SMALL),
    "small large": Recipe(
        "analytic", (800_000,) * 4, soft=False, scale=0.125, hidden=SMALL, batch=8192, rate=1e-2, epochs=4
    ),
    # ... and the weights of S, SBI and B on the same events.
    "soft": Recipe("analytic", (150_000,) * 4, hidden=SMALL),
    "soft large": Recipe("analytic", (300_000,) * 4, hidden=SMALL, members=3),
    "soft one epoch": Recipe("analytic", (50_000,) * 4, hidden=SMALL, epochs=1, members=1),
    "soft small": Recipe("analytic", (100_000,) * 4, scale=0.125, hidden=SMALL),
    "soft small large": Recipe("analytic", (300_000,) * 4, scale=0.125, hidden=SMALL, epochs=12),
}


def make(name: str, seed: int) -> Line:
    """Simulate, train and judge one training."""
    import logging

    import torch
    from verdict_problems import BOUNDS, COEFFICIENTS, PROCESSES, Embedded, Interference

    from steelyard.data.identifiers import Split
    from steelyard.data.reference import mix_reference
    from steelyard.data.reference_events import oracle_log_ratios, reference_events
    from steelyard.diagnostics.simulation.simulation_checks import diagnose_simulation, scan_points
    from steelyard.diagnostics.thresholds import Thresholds
    from steelyard.finite_simulation.functional_derivative import ExpectedData
    from steelyard.finite_simulation.influence import simulated_events
    from steelyard.finite_simulation.member_scatter import MemberRatios
    from steelyard.finite_simulation.simulation_error import simulation_error
    from steelyard.inference.fit import Scan
    from steelyard.ratios.ensembles import mean_log_ratio
    from steelyard.regions.unbinned import build_model

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    begin, recipe = time.process_time(), RECIPES[name]
    problem = Embedded() if recipe.problem == "embedded" else Interference(recipe.scale)
    split = Split(recipe.method, 0.5, 5)
    samples = problem.draw(recipe.events, seed, recipe.soft)
    labels = {sample.info.name: "soft" if recipe.soft else "hard" for sample in samples}
    rules = [
        SimpleNamespace(process=process, weight=weight)
        for process, weight in zip(PROCESSES, recipe.reference, strict=True)
    ]
    reference = mix_reference(samples, PROCESSES, rules, split, labels)
    events = reference_events(samples, reference)
    rows, members = _sampled(len(events.weights), seed), []
    columns = []
    for process in PROCESSES:
        values, judges = _member_scores(recipe, samples, reference, process, seed, events, split)
        columns.append(mean_log_ratio(values, judges, "ratio"))
        members.append(values[:, rows])
    yields = dict(zip(PROCESSES, problem.yields, strict=True))
    learned = build_model(yields, COEFFICIENTS, BOUNDS, np.stack(columns, axis=1), events)
    observables = events.gather([sample.observables for sample in samples])
    features = events.gather([sample.features for sample in samples])
    exact = build_model(
        yields, COEFFICIENTS, BOUNDS, oracle_log_ratios(problem.log_densities(observables), reference), events
    )
    nothing = np.zeros(0)
    # Without nuisance parameters the best fit is the nominal point, and t needs no fit.
    t, true = (
        np.array([data.response(mu, nothing).t for mu in problem.grid])
        for data in (ExpectedData.at(learned, 1.0), ExpectedData.at(exact, 1.0))
    )
    scan = Scan(problem.grid, t, float(t[0]), None)
    wanted = [np.argmin(np.abs(problem.grid - mu)) for mu in (0.0, SECOND_MINIMUM[recipe.problem], 2.0)]
    points = np.unique(np.concatenate([scan_points(scan, 1.0), wanted]))
    error = simulation_error(
        learned,
        scan,
        1.0,
        simulated_events(samples, reference, events),
        MemberRatios(rows, tuple(members), recipe.bootstrap, 0.1, features[rows]),
        points=points,
    )
    (check,) = diagnose_simulation(error, 1.0, Thresholds()).checks
    return Line(
        recipe=name,
        seed=seed,
        problem=recipe.problem,
        mu=error.mu.tolist(),
        t=error.t.tolist(),
        exact=true[points].tolist(),
        sigma_t=error.sigma_t.tolist(),
        bias=error.bias.tolist(),
        bias_error=error.bias_error.tolist(),
        sample=np.sqrt(sum(values**2 for values in error.events.values())).tolist(),
        noise=error.noise.tolist(),
        members=None if error.members is None else error.members.tolist(),
        status=check.status,
        quotient=check.value,
        seconds=time.process_time() - begin,
        population=problem.t[points].tolist() if recipe.problem == "analytic" else None,
        settings=asdict(recipe),
        measured=[None if item is None else asdict(item) for item in error.measured],
    )


def _sampled(number: int, seed: int) -> np.ndarray:
    from steelyard.finite_simulation.member_ratios import EVENTS

    chosen = np.random.default_rng(seed).choice(number, min(number, EVENTS), replace=False)
    return np.sort(chosen)


def _member_scores(recipe, samples, reference, process, seed, events, split):
    """log r of the reference events by each member (M, n), and which of them judge them: (M, n)."""
    from trainings import trained

    from steelyard.data.identifiers import trains
    from steelyard.ratios.ensembles import combine
    from steelyard.ratios.evaluation import member_log_ratios
    from steelyard.ratios.hypotheses import ratio_samples
    from steelyard.seeds import seed_for

    members = trained(
        ratio_samples(samples, reference, process),
        process,
        samples[0].info.features,
        split,
        recipe,
        lambda member: seed_for(seed, "verdict_study", process=process, member=member),
    )
    ensemble = combine(members, "ratio", split)
    values = member_log_ratios(ensemble, events.gather([sample.features for sample in samples]))
    ids = events.gather([sample.ids for sample in samples])
    judges = np.array([~trains(ids, split, member) for member in range(recipe.members)])
    return values, judges


def report(lines: list[Line]) -> str:
    """The tables: pulls of every recipe and problem, and verdicts against the true error."""
    text = [f"{'recipe':24} n  rms (t - exact)/sigma_t at 0, 2nd minimum, 2    rms t - exact           verdicts"]
    for name in RECIPES:
        own = [line for line in lines if line.recipe == name]
        if own:
            pulls, errors = np.array([_pulls(line) for line in own]), np.array([_errors(line) for line in own])
            counts = {status: sum(line.status == status for line in own) for status in ("PASS", "WARN", "FAIL")}
            text.append(f"{name:24} {len(own):2} {_rms(pulls)}    {_rms(errors)}    {_named(counts)}")
    for problem in SECOND_MINIMUM:
        own = [line for line in lines if line.problem == problem]
        if own:
            pulls = np.array([_pulls(line) for line in own])
            text.append(f"{problem + ', all':24} {len(own):2} {_rms(pulls)}   median |pull| {_row(_median(pulls))}")
            population = [_pulls(line, population=True) for line in own if line.population is not None]
            if population:
                text.append(f"{'  against the truth':24} {len(own):2} {_rms(np.array(population))}")
    text.append("\nverdict against the true error over the allowance, at its worst")
    edges = (0.0, 0.5, 1.0, 2.0, np.inf)
    text.append("        " + "".join(f"{f'{low:g} to {high:g}':>12}" for low, high in itertools.pairwise(edges)))
    for status in ("PASS", "WARN", "FAIL"):
        sizes = [_true_quotient(line) for line in lines if line.status == status]
        text.append(f"{status:8}" + "".join(f"{count:12}" for count in np.histogram(sizes, edges)[0]))
    known = {name: _known(lines, name) for name in RECIPES}
    good = [line for line in lines if known[line.recipe] < 0.5]
    failed = sum(line.status == "FAIL" for line in good)
    text.append(f"recipes whose rms error of regenerations is below half the allowance: {failed} FAIL of {len(good)}")
    return "\n".join(text)


def _places(line: Line) -> list[int]:
    wanted = 0.0, SECOND_MINIMUM[line.problem], 2.0
    return [int(np.argmin(np.abs(np.array(line.mu) - mu))) for mu in wanted]


def _errors(line: Line, population: bool = False) -> np.ndarray:
    true = line.population if population else line.exact
    return (np.array(line.t) - np.array(true))[_places(line)]


def _pulls(line: Line, population: bool = False) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # an infinite t has an infinite error
        return _errors(line, population) / np.array(line.sigma_t)[_places(line)]


def _counting(line: Line) -> np.ndarray:
    counts = np.array(line.exact) <= REACH
    counts[_places(line)] = True
    return counts


def _true_quotient(line: Line) -> float:
    allowed = np.maximum(ALLOWED[0], ALLOWED[1] * np.array(line.exact))
    sizes = np.nan_to_num(np.abs(np.array(line.t) - np.array(line.exact)) / allowed, nan=np.inf, posinf=np.inf)
    return float(sizes[_counting(line)].max())


def _known(lines: list[Line], name: str) -> float:
    """rms error of the regenerations over the allowance, at its worst."""
    own = [line for line in lines if line.recipe == name]
    if not own:
        return np.inf
    shared = sorted(set.intersection(*(set(line.mu) for line in own)))
    found = []
    for mu in shared:
        index = [line.mu.index(mu) for line in own]
        exact = np.array([line.exact[i] for line, i in zip(own, index, strict=True)])
        learned = np.array([line.t[i] for line, i in zip(own, index, strict=True)])
        if np.isfinite(learned).all() and (exact.mean() <= REACH or mu in (0.0, 2.0)):
            found.append(np.sqrt(np.mean((learned - exact) ** 2)) / max(ALLOWED[0], ALLOWED[1] * exact.mean()))
    return max(found)


def _rms(values: np.ndarray) -> str:
    """Of the trainings whose t is finite."""
    finite = np.isfinite(values)
    number = np.maximum(finite.sum(axis=0), 1)
    return _row(np.sqrt(np.sum(np.where(finite, values, 0.0) ** 2, axis=0) / number))


def _median(values: np.ndarray) -> np.ndarray:
    return np.nanmedian(np.abs(values), axis=0)


def _row(values: np.ndarray) -> str:
    return " ".join(f"{value:8.3f}" for value in values)


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def judged_again(line: Line) -> Line:
    """The training as the present code judges it, from what was measured."""
    from steelyard.diagnostics.simulation.simulation_checks import diagnose_simulation
    from steelyard.diagnostics.thresholds import Thresholds
    from steelyard.finite_simulation.bias_posterior import UNKNOWN, Measured, judged
    from steelyard.finite_simulation.simulation_error import SimulationError

    trained = line.settings["method"] == "cross_fit"
    found = [UNKNOWN if item is None else judged(Measured(**item), trained) for item in line.measured]
    bias, error = np.array([item.bias for item in found]), np.array([item.error for item in found])
    sigma = np.where(np.isfinite(bias), np.hypot(bias, error), np.inf)
    noise = np.array([item.noise for item in found])
    result = SimulationError(np.array(line.mu), np.array(line.t), sigma, bias, error, {}, noise)
    (check,) = diagnose_simulation(result, 1.0, Thresholds()).checks
    return replace(
        line,
        sigma_t=sigma.tolist(),
        bias=bias.tolist(),
        bias_error=error.tolist(),
        noise=noise.tolist(),
        status=check.status,
        quotient=check.value,
    )


def read(path: Path) -> list[Line]:
    """The trainings of a file."""
    return [Line(**json.loads(row)) for row in path.read_text().splitlines()] if path.exists() else []


def main() -> None:
    """Make what is not there yet and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=Path("study.jsonl"))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each recipe")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--report", action="store_true", help="print the tables of what is there, and train nothing")
    given = parser.parse_args()
    if not given.report:
        if given.device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        done = {(line.recipe, line.seed) for line in read(given.file)}
        jobs = [(name, seed) for seed in range(given.first, given.first + given.seeds) for name in given.recipes]
        jobs = sorted((job for job in jobs if job not in done), key=lambda job: -_work(RECIPES[job[0]]))
        begin = time.monotonic()
        with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(make, *job): job for job in jobs}
            for number, finished in enumerate(as_completed(waiting), 1):
                line = finished.result()
                with given.file.open("a") as stream:
                    stream.write(json.dumps(asdict(line)) + "\n")
                print(
                    f"{number} of {len(jobs)} after {time.monotonic() - begin:.0f} s: {line.recipe}, seed {line.seed}, "
                    f"{line.status} at {line.quotient:.2f}, truly {_true_quotient(line):.2f}; {line.seconds:.0f} CPU s",
                    flush=True,
                )
    print(report([judged_again(line) for line in read(given.file)]))


def _work(recipe: Recipe) -> float:
    return sum(recipe.events) * recipe.epochs * recipe.members * len(recipe.hidden) ** 2


if __name__ == "__main__":
    main()
