import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import load_scores, oracle_log_ratios
from steelyard.inference.fall_back import find_fall_back
from steelyard.io.files import whole
from steelyard.io.serialisation import from_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, outputs = snakemake.input, snakemake.output

with logged(snakemake.log[0]) as log, whole(outputs.intensities) as intensities, whole(outputs.shapes) as shapes:
    model = load_model(files.model)
    (scores,) = load_scores(files.scores, 1)
    if snakemake.params.oracle:
        scores = oracle_log_ratios(scores, from_json(Reference, files.reference))
    log.info("%d observed events", len(scores))
    variations = [np.load(path) for path in files.variations]
    np.save(intensities, model.event_intensities(scores))
    log_g = model.event_shapes(np.concatenate([np.empty((len(scores), 0)), *variations], axis=1))
    for effect in find_fall_back(model.mixture.processes, model.systematics, log_g):
        print(f"exponential instead of code 4, which is not positive there, {effect}")
    np.save(shapes, log_g)
