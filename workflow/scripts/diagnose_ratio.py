import numpy as np

from steelyard.configuration.thresholds import Thresholds
from steelyard.data.reference import Reference
from steelyard.data.store import open_all
from steelyard.diagnostics.of_ratio import diagnose_ratio
from steelyard.diagnostics.table import event_table
from steelyard.jobs import logged
from steelyard.ratios.ensembles import open_ensemble
from steelyard.results import from_json, to_json

files = snakemake.input

with logged(snakemake.log[0]):
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    diagnosis = diagnose_ratio(
        event_table(samples, reference, files.unseen),
        samples,
        reference,
        open_ensemble(files.ensemble),
        seen=np.concatenate([np.load(path) for path in files.seen]),
        unseen=np.concatenate([np.load(path) for path in files.unseen]),
        thresholds=Thresholds.model_validate(snakemake.params.thresholds),
    )
    to_json(diagnosis, snakemake.output.diagnosis)
