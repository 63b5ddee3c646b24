from steelyard.baselines.results import BaselineResult
from steelyard.diagnostics.oracle.oracle_diagnosis import compare_oracle
from steelyard.diagnostics.thresholds import Diagnostics
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files = snakemake.input

with logged(snakemake.log[0]):
    baselines = [from_json(BaselineResult, path) for path in files.baselines]
    diagnosis = compare_oracle(
        load_model(files.model),
        load_model(files.oracle),
        from_json(Scan, files.scan),
        from_json(Scan, files.oracle_scan),
        {baseline.name: baseline for baseline in baselines},
        Diagnostics.model_validate(snakemake.params.diagnostics),
    )
    to_json(diagnosis, snakemake.output.diagnosis)
