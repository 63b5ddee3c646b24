"""Peak memory of a toy job at 10⁶ reference events, 4 processes and 10 nuisance parameters; toys a second, drawn too.

    python benchmarks/engine_memory.py [--events 1000000] [--nuisances 10] [--toys 400] [--expected 156000]

Writes a model file of that size, and runs what a toy job runs, in a process of its own: load the model, throw, fit,
save. For toys at the nominal point, and for toys that each have a point of their own. ``--expected`` sets the events of
a toy, and leaves out the latter.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import engine_analysis as common
import numpy as np

JOB = """
import resource, sys, time
from steelyard.regions.unbinned import load_model
from steelyard.inference.toys import save_toys, throw_toys

model_file, output, toys, nuisances = sys.argv[1:]
start = time.perf_counter()
model = load_model(model_file)
loaded = time.perf_counter()
throw_toys(model, 1.0, 2, 0, nuisances)
ready = time.perf_counter()
fits = throw_toys(model, 1.0, int(toys), 1, nuisances)
done = time.perf_counter()
save_toys(fits, 1.0, output)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rate = int(toys) / (done - ready)
print(f"{nuisances}: peak {peak:.0f} MB, loading {loaded - start:.1f} s, {rate:.0f} toys a second, "
      f"{(fits.status > 1).sum()} failed")
"""


def write_model(events: int, nuisances: int, path: Path, expected: float | None) -> None:
    """The benchmark's analysis as a model file, its reference events over and over."""
    from steelyard.regions.normalisation import Normalisation
    from steelyard.regions.unbinned import Model, save_model

    analysis = common.analysis(nuisances)
    scale = (
        1.0 if expected is None else expected / float(analysis.mixture.total(analysis.mixture.to_coordinate(1.0))[0])
    )
    repeats = events // len(analysis.weights)
    rows = np.tile(np.arange(len(analysis.weights)), repeats)
    processes = analysis.mixture.processes
    save_model(
        Model(
            replace(analysis.mixture, yields=scale * analysis.mixture.yields),
            scale * analysis.intensities[rows],
            np.tile(analysis.weights / repeats, repeats),
            Normalisation(processes, np.ones(len(processes)), np.zeros(len(processes))),
            np.stack([np.zeros(len(rows), dtype=int), np.arange(len(rows))], axis=1),
            analysis.systematics,
            analysis.log_g[rows],
        ),
        path,
    )


def main() -> None:
    """Print the peak of both jobs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--nuisances", type=int, default=10)
    parser.add_argument("--toys", type=int, default=400)
    parser.add_argument("--expected", type=float, help="events of a toy, by default those of the analysis")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        write_model(given.events, given.nuisances, path, given.expected)
        print(
            f"{given.events} events, {given.nuisances} nuisance parameters: {path.stat().st_size / 1e6:.0f} MB on disk"
        )
        jobs = [("nominal", given.toys), ("constraint", min(given.toys, 50))]
        for nuisances, toys in jobs if given.expected is None else jobs[:1]:
            subprocess.run(
                [sys.executable, "-c", JOB, path, Path(folder) / "toys.npz", str(toys), nuisances], check=True
            )


if __name__ == "__main__":
    main()
