from steelyard.baseline_results import BaselineResult
from steelyard.diagnostics.of_oracle import compare_oracle
from steelyard.fits import Scan
from steelyard.jobs import logged
from steelyard.model import load_model
from steelyard.results import from_json, to_json
from steelyard.thresholds import Diagnostics

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
