from steelyard.baselines.results import BaselineResult
from steelyard.configuration.thresholds import Diagnostics
from steelyard.diagnostics.of_oracle import compare_oracle
from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.fits import Scan
from steelyard.statistics.model import load_model

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
