from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import open_all
from steelyard.diagnostics.simulation.simulation_checks import diagnose_simulation, scan_points
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.finite_simulation.influence import simulated_events
from steelyard.finite_simulation.member_ratios import member_ratios
from steelyard.finite_simulation.reference_error import ReferenceError
from steelyard.finite_simulation.simulation_error import simulation_error
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    model, samples, scan = load_model(files.model), open_all(files.info), from_json(Scan, files.scan)
    events = ReferenceEvents(model.weights, model.rows)
    ensembles = [open_ensemble(path) for path in files.ensembles]
    error = simulation_error(
        model,
        scan,
        params.nominal,
        simulated_events(samples, from_json(Reference, files.reference), events),
        member_ratios(ensembles, samples, events, seed_for(params.seed, "measure_simulation")),
        from_json(ReferenceError, files.errors).regenerated_t,
        scan_points(scan, params.nominal),
    )
    to_json(
        diagnose_simulation(error, params.nominal, Thresholds.model_validate(params.thresholds)),
        snakemake.output.diagnosis,
    )
