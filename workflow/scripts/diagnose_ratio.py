import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.store import open_all
from steelyard.diagnostics.event_table import event_table
from steelyard.diagnostics.ratio.ratio_diagnosis import diagnose_ratio
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.io.serialisation import from_json, to_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.runtime.jobs import logged

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
