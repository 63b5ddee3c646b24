from steelyard.data.reference import Reference
from steelyard.data.store import open_all
from steelyard.diagnostics.event_table import event_table
from steelyard.diagnostics.model.model_diagnosis import diagnose_model
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    table, thresholds = event_table(samples, reference, files.scores), Thresholds.model_validate(params.thresholds)
    model, scan = load_model(files.model), from_json(Scan, files.scan)
    diagnosis = diagnose_model(table, model, reference, params.grid, params.truths, thresholds, scan)
    to_json(diagnosis, snakemake.output.diagnosis)
