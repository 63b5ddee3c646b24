"""Is learned minus exact t, experiment by experiment, as large as predicted? Of a finished run with an audit.

    OMP_NUM_THREADS=1 python benchmarks/simulation_audit.py results/offshell4l

The audit fits independent experiments with the learned and with the exact likelihood. At each true mu the rms of the
difference of t is compared with what simulation and training are predicted to leave unknown of it (first order and
noise), at the best fit of each experiment, without the exact likelihood. Experiments whose two best fits are in
different basins are left out. Last measured: docs/precision.md.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import open_all
from steelyard.finite_simulation.functional_derivative import ExpectedData
from steelyard.finite_simulation.influence import simulated_events
from steelyard.finite_simulation.member_ratios import member_ratios
from steelyard.finite_simulation.member_scatter import MemberScatter
from steelyard.finite_simulation.result_functional import GivenData
from steelyard.finite_simulation.result_variances import Simulation
from steelyard.finite_simulation.thinned import thinned
from steelyard.io.serialisation import from_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model

# Best fits at which the prediction is made, between which it is interpolated.
HATS = np.array([0.0016, 0.01, 0.04, 0.16, 0.4, 0.7, 1.0, 1.4, 1.8, 2.4, 3.2, 4.5])
# Apart by more: other basins.
BASIN = 1.0
EVENTS = 60_000


def prediction(run: Path) -> "tuple[Simulation, object]":
    """The simulation behind a run's model, on a part of its reference events."""
    model = load_model(run / "model" / "model.npz")
    names = [sample["name"] for sample in yaml.safe_load((run / "configuration.yaml").read_text())["samples"]]
    samples = open_all([run / "samples" / name / "sample.json" for name in names])
    events = ReferenceEvents(model.weights, model.rows)
    ensembles = [open_ensemble(run / "ensembles" / f"{name}.pt") for name in model.mixture.processes]
    members = member_ratios(ensembles, samples, events, 3)
    simulated = simulated_events(samples, from_json(Reference, run / "reference" / "reference.json"), events)
    part, less, fewer, fraction = thinned(model, simulated, members, EVENTS)
    return Simulation(part, less, MemberScatter.of(part, fewer), fewer.inflation, None, fraction), part


def main() -> None:
    """Print a row for each true mu of the audit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a finished run")
    run = parser.parse_args().run
    simulation, part = prediction(run)
    nominal = part.systematics.nominal
    print("mu    experiments   rms of learned - exact t   predicted   without the noise")
    for path in sorted(run.glob("audit/mu-*/nominal.npz"), key=lambda path: float(path.parent.name[3:])):
        mu, found = float(path.parent.name[3:]), np.load(path)
        squares = []
        for hat in HATS:
            best = ExpectedData.at(part, hat)
            own = simulation.variances(GivenData(best).of_t(mu, nominal, np.zeros(0)), best.intensity)
            first = own.sample + own.networks + own.reference
            squares.append((first + own.noise, first))
        hats = found["learned_hat"]
        kept = np.abs(hats - found["exact_hat"]) < BASIN
        rms = np.sqrt(np.mean((found["learned_t"] - found["exact_t"])[kept] ** 2))
        whole, first = (
            np.sqrt(np.mean(np.interp(np.sqrt(hats[kept]), np.sqrt(HATS), column))) for column in np.array(squares).T
        )
        print(f"{mu:<5g} {kept.sum():11} {rms:26.3f} {whole:11.3f} {first:19.3f}")


if __name__ == "__main__":
    main()
