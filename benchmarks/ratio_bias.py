r"""Learned minus exact result of the embedded analysis: which networks, and how many events, are worth their time?

    OMP_NUM_THREADS=1 python benchmarks/ratio_bias.py --file bias.jsonl --seeds 6 --recipes laptop [...]
    python benchmarks/ratio_bias.py --file bias.jsonl --report

Each line of the file is a newly simulated sample and newly trained networks of one recipe, without nuisance parameters,
compared with the exact likelihood event by event, both normalised on the same reference events. What the file holds is
not made again. With u = ln(lambda_1/lambda_0) of mu = 1 and 0, delta the difference to the exact one, and expectations
over densely simulated independent data of mu = 1, a line has

- ``ratios``: R = int lambda_1 (delta u)^2, the mean square error of a data set's t(0) is 4 R; and R where one part is
  replaced by the exact one: all between S, SBI and B (what is left is NI against them), or NI against them;
- ``dense``: learned minus exact -2 ln L(0)/L(1), of data at mu = 0, 1 and 2, and the error that the finite training
  sample alone makes of it (the influence function of finite_simulation/influence.py with the exact ratios);
- ``expected``: learned minus exact t(0), each of its own expected data;
- ``fits``: over independent experiments at each mu, the same ones for all recipes: bias of mu_hat against exact, in
  units of sigma(mu_hat), the bias of the exact one itself, rms of t at the truth, and the mean length of the 68.27 %
  Neyman set over the exact one's, critical values from toys of each likelihood.

``common``: over all trainings of a recipe, what they have in common in delta u: a bias of networks that no other seed
shows. Last measured: docs/training.md.
"""

import argparse
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from exact_comparison import (
    compare_dense,
    critical_values,
    dense_data,
    differences,
    expected_t,
    experiments_at,
    features_of,
    fit,
    sample_error,
)

TRUTHS = (0.0, 0.1, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Recipe:
    """How many events are simulated, and what is trained on them.

    Attributes:
        events: of the samples gg and qqZZ, both sides of the split.
        train_fraction: of them.
        joint: one network for all processes; else one each.
        within: factor of the loss within families (of joint networks); None: the package's.
        combination: of the members.
        curve: numbers of members, each the first of all, that are compared; none: all of them only.
    """

    events: tuple[int, int] = (800_000, 1_200_000)
    train_fraction: float = 0.5
    joint: bool = True
    members: int = 4
    hidden: tuple[int, ...] = (64, 64, 64)
    epochs: int = 8
    batch: int = 2048
    rate: float = 5e-3
    within: float | None = None
    combination: str = "ratio"
    curve: tuple[int, ...] = ()


RECIPES = {
    "separate": Recipe(joint=False, members=2),  # the default before
    "one softmax": Recipe(members=2, within=1.0),  # nearly: the same minimum, another start
    "laptop": Recipe(),
    "curve": Recipe(members=16, curve=(1, 2, 4, 8, 16)),
    "curve of 100": Recipe(members=100, curve=(1, 2, 4, 8, 16, 32, 64, 100)),
    "long": Recipe(members=2, epochs=24),
    "wide": Recipe(members=2, hidden=(128, 128, 128), rate=3e-3),
    "log ratio": Recipe(combination="log_ratio"),
    "more events": Recipe((1_600_000, 2_400_000), members=2),
    "node": Recipe((2_500_000, 3_750_000), 0.8, members=1, hidden=(128,) * 3, epochs=6, batch=4096, rate=4e-3),
}


@dataclass(frozen=True)
class Line:
    """One training; see the head of this file."""

    recipe: str
    seed: int
    train_seconds: float
    seconds: float
    rms: dict[str, float]
    ratios: dict[str, float]
    dense: dict[str, float]
    sample_error: float
    expected: float
    fits: dict[str, dict[str, float]]


def make(name: str, seed: int, folder: str, experiments: int) -> list[Line]:
    """Simulate, train and compare: the whole ensemble, and the first so many members that the recipe asks for."""
    import logging

    import torch
    from verdict_problems import BOUNDS, COEFFICIENTS, PROCESSES, Embedded

    from steelyard.data.identifiers import Split
    from steelyard.data.reference import mix_reference
    from steelyard.data.reference_events import oracle_log_ratios, process_densities, reference_events
    from steelyard.regions.unbinned import build_model

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    begin, recipe, problem = time.process_time(), RECIPES[name], Embedded()
    samples = problem.draw(recipe.events, seed, True)
    reference = mix_reference(
        samples, PROCESSES, None, Split("held_out", recipe.train_fraction, 5), {"gg": "soft", "qqZZ": "soft"}
    )
    ensembles, train_seconds = _train(recipe, samples, reference, seed)
    events = reference_events(samples, reference)
    densities = process_densities(samples, reference, events)
    observables = events.gather([sample.observables for sample in samples])
    exact = oracle_log_ratios(problem.log_densities(observables), reference)
    yields = dict(zip(PROCESSES, problem.yields, strict=True))
    features = events.gather([sample.features for sample in samples])
    del samples, observables
    true = build_model(yields, COEFFICIENTS, BOUNDS, exact, events)
    dense_features, dense_exact, dense_weights = dense_data(problem, reference)
    thrown = {mu: experiments_at(mu, experiments) for mu in TRUTHS}
    seen = {mu: features_of(problem, kinematics) for mu, (kinematics, _) in thrown.items()}
    critical = critical_values(true, seed)
    fits = {}
    for mu, (kinematics, offsets) in thrown.items():
        rows = true.event_intensities(oracle_log_ratios(problem.log_densities(kinematics), reference))
        fits[mu] = fit(true, rows, offsets, mu, critical)
    from_sample = sample_error(true, densities, reference) * np.sqrt(len(densities) / _trained(recipe))
    lines = []
    for members in recipe.curve or (recipe.members,):
        chosen = [replace(ensemble, members=ensemble.members[:members]) for ensemble in ensembles]
        label = f"{name}, {members} members" if recipe.curve else name
        learned = build_model(yields, COEFFICIENTS, BOUNDS, _evaluate(chosen, features), events)
        rms, ratios, dense, du = compare_dense(
            learned, true, _evaluate(chosen, dense_features), dense_exact, dense_weights
        )
        np.save(_kept(Path(folder), label, seed), du.astype(np.float32))
        critical = critical_values(learned, seed)
        compared = {}
        for mu, (_, offsets) in thrown.items():
            rows = learned.event_intensities(_evaluate(chosen, seen[mu]))
            compared[f"{mu:g}"] = differences(fit(learned, rows, offsets, mu, critical), fits[mu], mu)
        lines.append(
            Line(
                recipe=label,
                seed=seed,
                train_seconds=train_seconds * members / recipe.members,
                seconds=time.process_time() - begin,
                rms=rms,
                ratios=ratios,
                dense=dense,
                sample_error=from_sample,
                expected=expected_t(learned) - expected_t(true),
                fits=compared,
            )
        )
    return lines


def _kept(folder: Path, label: str, seed: int) -> Path:
    """The file of delta u of a training."""
    return folder / f"{label}-{seed}.npy".replace(" ", "_").replace(",", "")


def _trained(recipe: Recipe) -> float:
    return sum(recipe.events) * recipe.train_fraction


def _train(recipe: Recipe, samples, reference, seed: int):
    """The ensembles of all processes, and the CPU seconds of their training."""
    from trainings import trained
    from verdict_problems import PROCESSES

    from steelyard.ratios import joint
    from steelyard.ratios.ensembles import combine, of_process
    from steelyard.ratios.hypotheses import joint_samples, ratio_samples
    from steelyard.seeds import seed_for

    if recipe.within is not None:
        joint.WITHIN = recipe.within
    found, seconds = {}, 0.0
    for group in ("joint",) if recipe.joint else PROCESSES:
        rows = (
            joint_samples(samples, reference, PROCESSES) if recipe.joint else ratio_samples(samples, reference, group)
        )
        begin = time.process_time()
        found[group] = trained(
            rows,
            group,
            samples[0].info.features,
            reference.split,
            recipe,
            lambda member, group=group: seed_for(seed, "ratio_bias", ratio=group, member=member),
        )
        seconds += time.process_time() - begin
    if recipe.joint:
        found = {name: [of_process(member, name, reference.weights) for member in found["joint"]] for name in PROCESSES}
    return [combine(found[name], recipe.combination, reference.split) for name in PROCESSES], seconds


def _evaluate(ensembles, features: np.ndarray) -> np.ndarray:
    """log r (N, C)."""
    from steelyard.ratios.evaluation import log_ratios

    return log_ratios(ensembles, features)


def report(lines: list[Line], folder: Path) -> str:
    """The tables of the page."""
    text = []
    for name in dict.fromkeys(line.recipe for line in lines):
        own = [line for line in lines if line.recipe == name]
        n = len(own)
        mean = lambda take: float(np.mean([take(line) for line in own]))  # noqa: B023, E731
        files = [_kept(folder, name, line.seed) for line in own]
        text.append(
            f"{name}: {n} trainings, {mean(lambda line: line.train_seconds):.0f} CPU s each; rms ln SBI/B "
            f"{mean(lambda line: line.rms['SBI/B']):.4f} (99.9 %: {mean(lambda line: line.rms['SBI/B, 99.9 %']):.2f}), "
            f"S {mean(lambda line: line.rms['S']):.3f}; R {mean(lambda line: line.ratios['R']):.4f}, of NI "
            f"{mean(lambda line: line.ratios['R of NI']):.4f}, of S, SBI, B "
            f"{mean(lambda line: line.ratios['R of S, SBI, B']):.4f}, common {_common(files, mean)}"
        )
        dense, expected = (
            np.array([take(line) for line in own]) for take in (lambda x: x.dense["1"], lambda x: x.expected)
        )
        text.append(
            f"    -2 ln L(0)/L(1) of dense data {dense.mean():+.3f}, rms {np.sqrt(np.mean(dense**2)):.3f} (training "
            f"sample alone {mean(lambda line: line.sample_error):.3f}); expected t(0) {expected.mean():+.3f}, rms "
            f"{np.sqrt(np.mean(expected**2)):.3f}"
        )
        text.append("    mu    bias of mu_hat/sigma (rms over trainings)   exact bias   rms of t   length/exact")
        for mu in own[0].fits:
            fits = [line.fits[mu] for line in own]
            bias, rms, length, exact = (
                np.array([fit[key] for fit in fits]) for key in ("bias", "t rms", "length", "exact bias")
            )
            error = np.hypot(bias.std(ddof=1) if n > 1 else np.nan, np.mean([fit["bias error"] for fit in fits]))
            text.append(
                f"    {mu:4}  {bias.mean():+.3f} ± {error / np.sqrt(n):.3f} ({np.sqrt(np.mean(bias**2)):.3f})"
                f"                      {exact.mean():+.2f}        {np.sqrt(np.mean(rms**2)):.3f}"
                f"      {length.mean():.3f} ± {length.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan:.3f}"
            )
    return "\n".join(text)


def _common(files: list[Path], mean) -> str:
    """What is common in delta u of several trainings, as a part of R: the mean product of two of them."""
    if len(files) < 2 or not all(file.is_file() for file in files):
        return "unknown"
    du = np.stack([np.load(file).astype(float) for file in files])
    n = len(du)
    square, diagonal = (du.sum(axis=0) ** 2).mean(), (du**2).sum(axis=0).mean()
    return f"{(square - diagonal) / (n * (n - 1)) / (diagonal / n) * 100:.0f} %"


def read(path: Path) -> list[Line]:
    """The lines of a file, if there is one."""
    return [Line(**json.loads(text)) for text in path.read_text().splitlines()] if path.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path("bias.jsonl"))
    parser.add_argument("--seeds", type=int, default=6, help="trainings of each recipe")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["separate", "laptop"])
    parser.add_argument("--experiments", type=int, default=1000, help="at each mu")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="print the tables of what is there, and train nothing")
    given = parser.parse_args()
    folder = given.file.with_suffix(".du")
    if not given.report:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        folder.mkdir(exist_ok=True)
        done = {(line.recipe.partition(",")[0], line.seed) for line in read(given.file)}
        jobs = [(name, seed) for seed in range(given.first, given.first + given.seeds) for name in given.recipes]
        # spawned anew for each job: a recipe may change the loss of its process
        with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
            waiting = [pool.submit(make, *job, str(folder), given.experiments) for job in jobs if job not in done]
            for finished in as_completed(waiting):
                lines = finished.result()
                with given.file.open("a") as stream:
                    stream.writelines(json.dumps(asdict(line)) + "\n" for line in lines)
                for line in lines:
                    fits = " ".join(f"{fit['bias']:+.3f}/{fit['t rms']:.3f}" for fit in line.fits.values())
                    print(
                        f"{line.recipe}, {line.seed}: {line.train_seconds:.0f} CPU s, {line.ratios}, {fits}", flush=True
                    )
    print(report(read(given.file), folder))


if __name__ == "__main__":
    main()
