import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import open_all
from steelyard.diagnostics.simulation.simulation_checks import scan_points
from steelyard.finite_simulation.influence import simulated_events
from steelyard.finite_simulation.member_ratios import member_ratios
from steelyard.finite_simulation.simulated_yields import SimulatedYields
from steelyard.finite_simulation.simulation_uncertainty import POINTS, simulation_uncertainty
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    model, samples = load_model(files.model), open_all(files.info)
    events, seed = ReferenceEvents(model.weights, model.rows), seed_for(params.seed, "measure_uncertainty")
    simulated = simulated_events(samples, from_json(Reference, files.reference), events)
    members = member_ratios([open_ensemble(path) for path in files.ensembles], samples, events, seed)
    yields = SimulatedYields.of([sample.info for sample in samples], model.mixture.processes, params.configured)
    for data, path, output in zip(params.data, files.scans, snakemake.output, strict=True):
        scan, likelihood = from_json(Scan, path), None
        if data == "observed":
            likelihood = model.observed(np.load(files.observed), np.load(files.shapes))
        points = scan_points(scan, scan.fit.hat, POINTS)
        to_json(simulation_uncertainty(model, scan, simulated, members, likelihood, yields, points, seed=seed), output)
