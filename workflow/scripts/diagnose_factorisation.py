import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.store import open_all
from steelyard.diagnostics.factorisation.factorisation_checks import diagnose_factorisation
from steelyard.diagnostics.factorisation.joint_events import joint_events, judged_by
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    samples, model = open_all(files.info), load_model(files.model)
    thresholds, split = Thresholds.model_validate(params.thresholds), Split.model_validate(params.split)
    per_sample = zip(
        np.array_split(list(files.scores), len(samples)),
        np.array_split(list(files.variations), len(samples)),
        strict=True,
    )
    alone = {name: {} for names in params.processes.values() for name in names}
    for name, sample in zip(params.sources, open_all(files.varied_info), strict=True):
        alone[name][sample.info.name] = sample
    events = joint_events(
        model,
        params.alpha,
        params.processes,
        samples,
        [[np.load(path, mmap_mode="r") for path in (*ratios, *shapes)] for ratios, shapes in per_sample],
        alone,
        {sample.info.name: sample for sample in open_all(files.joint_info)},
        split,
        judged_by([open_ensemble(path) for path in files.ensembles], split),
        params.events,
    )
    scans = {data: from_json(Scan, path) for data, path in zip(params.data, files.scans, strict=True)}
    diagnosis = diagnose_factorisation(snakemake.wildcards.joint, model, events, scans, params.nominal, thresholds)
    to_json(diagnosis, snakemake.output.diagnosis)
