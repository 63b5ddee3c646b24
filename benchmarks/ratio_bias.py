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
import itertools
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

TRUTHS = (0.0, 0.1, 0.5, 1.0, 1.5, 2.0)
BELT = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.4, 1.8, 2.4, 3.2, 4.4)
KAPPA = np.linspace(0.0, 2.1, 211)  # of sqrt(mu): where experiments are fitted and sets are looked for
DENSE = 300_000, 450_000  # events of gg and qqZZ that stand for dense data
LEVEL = 0.6827


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
    dense_features, dense_exact, dense_weights = _dense(problem, reference)
    thrown = {mu: _experiments(mu, experiments) for mu in TRUTHS}
    seen = {mu: problem_features(problem, kinematics) for mu, (kinematics, _) in thrown.items()}
    critical = _critical_values(true, seed)
    fits = {}
    for mu, (kinematics, offsets) in thrown.items():
        rows = true.event_intensities(oracle_log_ratios(problem.log_densities(kinematics), reference))
        fits[mu] = _fit(true, rows, offsets, mu, critical)
    sample_error = _sample_error(true, densities, reference) * np.sqrt(len(densities) / _trained(recipe))
    lines = []
    for members in recipe.curve or (recipe.members,):
        chosen = [replace(ensemble, members=ensemble.members[:members]) for ensemble in ensembles]
        label = f"{name}, {members} members" if recipe.curve else name
        learned = build_model(yields, COEFFICIENTS, BOUNDS, _evaluate(chosen, features), events)
        rms, ratios, dense, du = _compare_dense(
            learned, true, _evaluate(chosen, dense_features), dense_exact, dense_weights
        )
        np.save(_kept(Path(folder), label, seed), du.astype(np.float32))
        critical = _critical_values(learned, seed)
        compared = {}
        for mu, (_, offsets) in thrown.items():
            rows = learned.event_intensities(_evaluate(chosen, seen[mu]))
            compared[f"{mu:g}"] = _differences(_fit(learned, rows, offsets, mu, critical), fits[mu], mu)
        lines.append(
            Line(
                recipe=label,
                seed=seed,
                train_seconds=train_seconds * members / recipe.members,
                seconds=time.process_time() - begin,
                rms=rms,
                ratios=ratios,
                dense=dense,
                sample_error=sample_error,
                expected=_expected(learned) - _expected(true),
                fits=compared,
            )
        )
    return lines


def _kept(folder: Path, label: str, seed: int) -> Path:
    """The file of delta u of a training."""
    return folder / f"{label}-{seed}.npy".replace(" ", "_").replace(",", "")


def problem_features(problem, kinematics: np.ndarray) -> np.ndarray:
    """What the networks see of events (N, 8)."""
    from steelyard.simulators.offshell4l.constants import OBSERVABLES

    columns = {column: kinematics[:, i].astype(float) for i, column in enumerate(OBSERVABLES)}
    for variable, expression in problem.variables:
        columns[variable] = expression.evaluate(columns)
    return np.stack([expression.evaluate(columns) for expression in problem.features], axis=1).astype(np.float32)


def _trained(recipe: Recipe) -> float:
    return sum(recipe.events) * recipe.train_fraction


def _train(recipe: Recipe, samples, reference, seed: int):
    """The ensembles of all processes, and the CPU seconds of their training."""
    from verdict_problems import PROCESSES

    from steelyard.ratios import joint
    from steelyard.ratios.ensembles import combine, of_process
    from steelyard.ratios.hypotheses import joint_samples, ratio_samples
    from steelyard.ratios.members import load
    from steelyard.ratios.training import train_member
    from steelyard.seeds import seed_for

    training = SimpleNamespace(
        hidden=list(recipe.hidden),
        activation="silu",
        optimizer="adam",
        learning_rate=recipe.rate,
        warmup=0.03,
        weight_decay=0.0,
        batch_size=recipe.batch,
        epochs=recipe.epochs,
        patience=recipe.epochs,
        validation_fraction=0.1,
    )
    if recipe.within is not None:
        joint.WITHIN = recipe.within
    groups = ("joint",) if recipe.joint else PROCESSES
    found, seconds = {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for group in groups:
            rows = (
                joint_samples(samples, reference, PROCESSES)
                if recipe.joint
                else ratio_samples(samples, reference, group)
            )
            found[group] = []
            for member in range(recipe.members):
                path = Path(folder) / f"{group}-{member}.pt"
                begin = time.process_time()
                train_member(
                    rows,
                    ratio=group,
                    member=member,
                    features=samples[0].info.features,
                    split=reference.split,
                    training=training,
                    bootstrap=False,
                    seed=seed_for(seed, "ratio_bias", ratio=group, member=member),
                    network_path=path,
                    curve_path=path.with_suffix(".csv"),
                    checkpoint_path=path.with_suffix(".ckpt"),
                )
                seconds += time.process_time() - begin
                found[group].append(load(path))
    if recipe.joint:
        found = {name: [of_process(member, name, reference.weights) for member in found["joint"]] for name in PROCESSES}
    return [combine(found[name], recipe.combination, reference.split) for name in PROCESSES], seconds


def _evaluate(ensembles, features: np.ndarray) -> np.ndarray:
    """log r (N, C)."""
    from steelyard.ratios.evaluation import log_ratios

    return log_ratios(ensembles, features)


def _dense(problem, reference):
    """Features, exact log ratios and weights of dense data of the reference density.

    The events are simulated ones; a factor 1 + sum a_c r_c makes the mean of every exact ratio one, so that their
    fluctuation is not in what is compared.
    """
    from steelyard.data.reference_events import oracle_log_ratios

    drawn = problem.draw(DENSE, 424242, True)
    features = np.concatenate([sample.features for sample in drawn])
    exact = oracle_log_ratios(
        problem.log_densities(np.concatenate([sample.observables for sample in drawn])), reference
    )
    parts = [sample.weights / sample.weights.sum(axis=0) for sample in drawn]
    names = [name for sample in drawn for name in sample.info.processes]
    mixture = [reference.weights[name] for name in names]
    weights = np.concatenate([parts[0] @ mixture[:3], parts[1] @ mixture[3:]])
    r = np.exp(exact)
    factors = np.linalg.lstsq((weights * r.T) @ r, 1.0 - weights @ r, rcond=1e-10)[0]
    return features, exact, weights * (1.0 + r @ factors)


def _logs(model, log_r: np.ndarray, *values: float) -> list[np.ndarray]:
    """ln lambda of events at some mu."""
    coefficients = model.mixture.coefficients_along(np.sqrt(np.array(values)))
    intensities = model.event_intensities(log_r)
    return [np.log(intensities @ row) for row in coefficients]


def _compare_dense(learned, true, log_r: np.ndarray, exact: np.ndarray, weights: np.ndarray):
    """rms of log ratios; R and its parts; and learned minus exact -2 ln L(0)/L(1) of dense data; delta u (n,)."""
    first, zero = _logs(learned, log_r, 1.0, 0.0)
    exact_first, exact_zero = _logs(true, exact, 1.0, 0.0)
    intensity = weights * np.exp(exact_first)

    def off(values: np.ndarray) -> np.ndarray:
        one, other = _logs(true, values - np.log(weights @ np.exp(values)), 1.0, 0.0)
        return (one - other) - (exact_first - exact_zero)

    def joined(inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
        """The shares of S, SBI and B among themselves of one, and NI against their sum of the other."""
        one, other = (np.log(np.exp(values[:, :3]).sum(axis=1)) for values in (inner, outer))
        logs = np.column_stack([inner[:, :3] - one[:, None], outer[:, 3] - other])
        return logs - np.log(np.exp(logs).mean(axis=1, keepdims=True))

    du = off(log_r)
    ratios = {
        "R": float(intensity @ du**2),
        "R of NI": float(intensity @ off(joined(exact, log_r)) ** 2),
        "R of S, SBI, B": float(intensity @ off(joined(log_r, exact)) ** 2),
    }
    error = log_r - exact
    error -= weights @ error
    background = weights * np.exp(exact[:, 2])
    difference = error[:, 1] - error[:, 2]
    rms = {name: float(np.sqrt(weights @ error[:, c] ** 2)) for c, name in enumerate(("S", "SBI", "B", "NI"))}
    rms["SBI/B"] = float(np.sqrt(background @ difference**2))
    rms["SBI/B, 99.9 %"] = float(np.quantile(np.abs(difference), 0.999))
    dense = {}
    for mu in (0.0, 1.0, 2.0):
        (there,) = _logs(true, exact, mu)
        data = weights * np.exp(there)
        dense[f"{mu:g}"] = float(2.0 * data @ ((first - zero) - (exact_first - exact_zero)))
    return rms, ratios, dense, du


def _sample_error(true, densities: np.ndarray, reference) -> float:
    """What training on as many events as the reference has does to -2 ln L(0)/L(1) of fixed dense data at mu = 1."""
    from steelyard.finite_simulation.influence import influences

    mixture = true.mixture
    zero, one = mixture.coefficients_along(np.array([0.0, 1.0])) * mixture.yields
    r = true.intensities / mixture.yields
    quotient = (r @ one) / (r @ zero)
    phi = -2.0 * (quotient[:, None] * zero - one)
    phi -= (densities * phi).sum(axis=0)
    weights = np.array([reference.weights[name] for name in reference.processes])
    return float(np.sqrt((influences(densities, weights, r, phi) ** 2).sum()))


def _expected(model) -> float:
    from steelyard.finite_simulation.functional_derivative import ExpectedData

    return float(ExpectedData.at(model, 1.0).response(0.0, np.zeros(0)).t)


def _experiments(mu: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for all recipes and seeds."""
    from steelyard.simulators.offshell4l.draw import draw_experiments

    return draw_experiments({"mu": mu}, number, np.random.default_rng([77, round(1000 * mu)]))


def _critical_values(model, seed: int) -> np.ndarray:
    """Of t along KAPPA, from toys at the points of BELT."""
    from steelyard.inference.belts import critical_value
    from steelyard.inference.toys import throw_toys

    values = [critical_value(throw_toys(model, mu, 2000, 1000 * seed + i).t, LEVEL).value for i, mu in enumerate(BELT)]
    return np.interp(KAPPA, np.sqrt(BELT), values)


@dataclass(frozen=True, eq=False)
class _Fits:
    hat: np.ndarray
    t: np.ndarray
    length: np.ndarray


def _fit(model, intensities: np.ndarray, offsets: np.ndarray, mu: float, critical: np.ndarray) -> _Fits:
    """mu_hat, t(mu) and the length of the accepted set of each experiment, on the points of KAPPA and between them."""
    coefficients = model.mixture.coefficients_along(KAPPA)
    total = coefficients @ model.mixture.yields
    (tested,) = model.mixture.coefficients_along(np.array([np.sqrt(mu)]))
    hat, t, length = [], [], []
    for first, last in itertools.pairwise(offsets):
        rows = intensities[first:last]
        with np.errstate(divide="ignore", invalid="ignore"):
            curve = 2.0 * (total - np.log(np.maximum(rows @ coefficients.T, 1e-300)).sum(axis=0))
        k = int(np.argmin(curve))
        place, least = float(KAPPA[k]), float(curve[k])
        if 0 < k < len(KAPPA) - 1:
            low, high = curve[k - 1] - least, curve[k + 1] - least
            shift = 0.5 * (low - high) / (low + high)
            place += shift * (KAPPA[1] - KAPPA[0])
            least -= 0.25 * (low - high) * shift
        there = 2.0 * (tested @ model.mixture.yields - np.log(rows @ tested).sum())
        hat.append(place**2)
        t.append(max(there - least, 0.0))
        excess = curve - least - critical
        inside = np.clip(-excess[:-1] / np.where(np.diff(excess) == 0.0, 1.0, np.diff(excess)), 0.0, 1.0)
        part = np.where(excess[:-1] <= 0.0, np.where(excess[1:] <= 0.0, 1.0, inside), 0.0)
        part = np.where((excess[:-1] > 0.0) & (excess[1:] <= 0.0), 1.0 - inside, part)
        length.append(float(part @ np.diff(KAPPA**2)))
    return _Fits(np.array(hat), np.array(t), np.array(length))


def _differences(learned: _Fits, exact: _Fits, mu: float) -> dict[str, float]:
    sigma, number = exact.hat.std(), len(exact.hat)
    off = (learned.hat - exact.hat) / sigma
    quotient = learned.length.mean() / exact.length.mean()
    spread = np.std(learned.length - quotient * exact.length) / exact.length.mean()
    return {
        "bias": float(off.mean()),
        "bias error": float(off.std() / np.sqrt(number)),
        "exact bias": float((exact.hat.mean() - mu) / sigma),
        "t rms": float(np.sqrt(np.mean((learned.t - exact.t) ** 2))),
        "t mean": float(np.mean(learned.t - exact.t)),
        "length": float(quotient),
        "length error": float(spread / np.sqrt(number)),
    }


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
