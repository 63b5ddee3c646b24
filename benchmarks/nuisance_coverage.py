"""Does the belt of each data set's own conditional fit cover, wherever the nuisance parameters truly are?

After ``make run``: ``OMP_NUM_THREADS=1 python benchmarks/nuisance_coverage.py [--processes 2] [--experiments 4000]
[--points 0.1 1 2]``. For every μ, and for every truth of the nuisance parameters, whole experiments are simulated
from the true model, global observables are thrown about the truth, and each is fitted with the learned ratios. It is
accepted or not by the critical value at its own conditional fit, from toys at shared values of the five leading
nuisance parameters (``steelyard.coverage.critical_surface``, quadratic). The truths: nominal, and ±1σ and ±2σ of each
of the two leading nuisance parameters; ``--together`` moves all of them at once instead of the second, where the
product of their effects is put to the test as well. With ``--likelihoods learned exact`` the same experiments are
fitted with the exact likelihood too, with its own surfaces: what the two share is chance or the construction, and what
they do not is the learned ratios. ``--likelihoods exact`` shows the construction alone.

One file a point is written to ``--folder``, when it is complete; those that are there are not made again, and the table
shows whatever is there: stop and go on at will. Another configuration, other ratios or other numbers need another
folder. One truth at all μ comes before the next.

Last measured: docs/statistics.md, "Coverage".
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from steelyard.configuration.schema import load
from steelyard.configuration.systematics import variations
from steelyard.coverage.audit import Audit, compare
from steelyard.coverage.critical_surface import (
    LEADING,
    CriticalSurface,
    CriticalSurfaces,
    leading_nuisances,
    throw_surface,
)
from steelyard.coverage.experiment_fits import FittedExperiments, SeenEvents, fit_seen
from steelyard.coverage.experiments import (
    learned_intensities,
    learned_shapes,
    oracle_intensities,
    oracle_shapes,
    simulate_experiments,
)
from steelyard.data.reference import Reference
from steelyard.inference.impacts import Impacts
from steelyard.inference.toys import concatenate
from steelyard.io.serialisation import from_json, to_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model
from steelyard.seeds import seed_for
from steelyard.simulators.interface import simulator

# Experiments simulated, rated and fitted at a time: bounds the memory to about 1 GB.
AT_ONCE = 500


def truths(leading: tuple[str, ...], names: list[str], together: bool) -> dict[str, dict[str, float]]:
    """The nine truths by name: nominal, the leading nuisance parameter, and the second or all of them."""
    moved = {name: (name,) for name in leading[:2]}
    if together:
        moved = {leading[0]: leading[:1], "all": tuple(names)}
    found: dict[str, dict[str, float]] = {"nominal": {}}
    for sigma in (1.0, -1.0, 2.0, -2.0):
        found |= {f"{name}={sigma:+g}": dict.fromkeys(which, sigma) for name, which in moved.items()}
    return found


def side_of(exact: bool) -> str:
    """The folder of a likelihood within the results."""
    return "oracle/" if exact else ""


def make_surface(results: Path, exact: bool, mu: float, toys: int, levels, seed: int, path: Path) -> None:
    """Throw the critical values of one μ and write them."""
    model = load_model(results / f"{side_of(exact)}model/model.npz")
    impacts = from_json(Impacts, results / "impacts/asimov.json")
    leading = leading_nuisances(impacts, model.systematics, LEADING["quadratic"])
    seed = seed_for(seed, "coverage_surface", mu=mu)
    to_json(throw_surface(model, mu, leading, toys, levels, seed, "quadratic"), path)


def make_point(configuration, results: Path, mu: float, truth: dict, number: int, paths: dict, surfaces: dict):
    """Simulate and fit the experiments of one point, and write what the critical values of each likelihood say."""
    source, trained = simulator(configuration.simulator), variations(configuration)
    models = {exact: load_model(results / f"{side_of(exact)}model/model.npz") for exact in paths}
    if False in paths:
        ratios = [open_ensemble(results / f"ensembles/{process.name}.pt") for process in configuration.processes]
        shapes = [open_ensemble(results / f"ensembles/{variation.name}.pt") for variation in trained]
    reference = from_json(Reference, results / "reference/reference.json")
    fits: dict[bool, list] = {exact: [] for exact in paths}
    for first in range(0, number, AT_ONCE):
        seed = seed_for(configuration.seed, "nuisance_coverage", mu=mu, truth=sorted(truth.items()), first=first)
        drawn = simulate_experiments(
            source,
            configuration.nominal | {configuration.parameter.name: mu},
            min(AT_ONCE, number - first),
            seed,
            configuration.variables,
            configuration.selection,
            configuration.features,
            truth,
        )
        for exact, model in models.items():
            if exact:
                intensities, log_g = (
                    oracle_intensities(drawn, source, reference, model),
                    oracle_shapes(drawn, source, trained, model),
                )
            else:
                intensities, log_g = learned_intensities(drawn, ratios, model), learned_shapes(drawn, shapes, model)
            fits[exact].append(fit_seen(SeenEvents(model, intensities, log_g), drawn.offsets, mu, truth, seed))
    for exact, pieces in fits.items():
        fitted = concatenate(pieces)
        critical = CriticalSurfaces((from_json(CriticalSurface, surfaces[exact]),))
        # Critical values are compared elsewhere; here a likelihood is only compared with its own.
        experiments = [FittedExperiments(mu, truth, fitted, fitted)]
        to_json(compare(experiments, critical, models[exact].mixture.to_coordinate), paths[exact])


def show(paths: dict[tuple[float, str], Path], exact: bool) -> None:
    """The table of what is there, and the pulls."""
    pulls: list[float] = []
    for (mu, name), path in paths.items():
        if not path.exists():
            continue
        (point,) = from_json(Audit, path).points
        pulls += [item.pull for item in point.coverage]
        found = "  ".join(f"{item.fraction:.4f} ± {item.error:.4f} ({item.pull:+.1f})" for item in point.coverage)
        print(f"mu = {mu:<5g} {name:18} {found}  failed {point.failed} of {point.coverage[0].experiments}")
    if pulls:
        rms, worst = np.sqrt(np.mean(np.square(pulls))), max(pulls, key=abs)
        print(f"{'exact' if exact else 'learned'}: {len(pulls)} pulls, rms {rms:.2f}, the worst {worst:+.2f}")


def main() -> None:
    """Run what is not there yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--configuration", default="config/config.yaml")
    parser.add_argument("--results", type=Path, help="folder of the finished analysis, by default the configuration's")
    parser.add_argument("--folder", type=Path, help="of the points, by default 'coverage' in that of the results")
    parser.add_argument("--experiments", type=int, default=4000, help="a point")
    parser.add_argument("--toys", type=int, default=4000, help="at each shared point of a surface")
    parser.add_argument("--points", type=float, nargs="+", help="values of mu, by default those of the audit")
    parser.add_argument("--together", action="store_true", help="all nuisance parameters at once are among the truths")
    parser.add_argument("--truths", nargs="+", help="some of the truths, by the names in the table")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--likelihoods", nargs="+", choices=("learned", "exact"), default=("learned",))
    given = parser.parse_args()
    configuration = load(given.configuration)
    results = given.results or Path(configuration.output) / configuration.analysis
    folder = given.folder or results / "coverage"
    folder.mkdir(parents=True, exist_ok=True)
    impacts = from_json(Impacts, results / "impacts/asimov.json")
    systematics = load_model(results / "model/model.npz").systematics
    names = [item.name for item in configuration.systematics]
    named = truths(leading_nuisances(impacts, systematics), names, given.together)
    chosen = {name: truth for name, truth in named.items() if not given.truths or name in given.truths}
    values = given.points or list(configuration.audit.points)
    sides = [name == "exact" for name in given.likelihoods]
    surfaces = {
        (mu, side): folder / f"surface-{'exact-' if side else ''}mu-{mu:g}.json" for mu in values for side in sides
    }
    paths = {
        exact: {
            (mu, name): folder / f"mu-{mu:g}-{name}{'.exact' if exact else ''}.json" for name in chosen for mu in values
        }
        for exact in sides
    }
    begin = time.monotonic()
    with ProcessPoolExecutor(given.processes) as pool:
        levels, seed = configuration.belts.levels, configuration.seed
        jobs = [
            pool.submit(make_surface, results, side, mu, given.toys, levels, seed, path)
            for (mu, side), path in surfaces.items()
            if not path.exists()
        ]
        for done in as_completed(jobs):
            done.result()
        print(f"critical values after {time.monotonic() - begin:.0f} s", flush=True)
        jobs = {}
        for mu, name in paths[sides[0]]:
            missing = {exact: files[mu, name] for exact, files in paths.items() if not files[mu, name].exists()}
            if missing:
                own = {exact: surfaces[mu, exact] for exact in missing}
                arguments = (configuration, results, mu, chosen[name], given.experiments, missing, own)
                jobs[pool.submit(make_point, *arguments)] = mu, name
        for number, done in enumerate(as_completed(jobs), 1):
            done.result()
            mu, name = jobs[done]
            print(f"{number} of {len(jobs)} after {time.monotonic() - begin:.0f} s: mu = {mu:g}, {name}", flush=True)
    for exact in sides:
        show(paths[exact], exact)


if __name__ == "__main__":
    main()
