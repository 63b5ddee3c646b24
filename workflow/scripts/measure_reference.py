import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents, reference_components
from steelyard.data.store import open_all
from steelyard.finite_simulation.reference_error import Components, reference_error
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    model, samples = load_model(files.model), open_all(files.info)
    events = ReferenceEvents(model.weights, model.rows)
    components = Components(*reference_components(samples, from_json(Reference, files.reference), events))
    for data, path, output in zip(params.data, files.scans, snakemake.output, strict=True):
        if data == "asimov":
            likelihood = model.asimov(params.nominal)
        else:
            likelihood = model.observed(np.load(files.observed), np.load(files.shapes))
        result = reference_error(model, likelihood, from_json(Scan, path), components, data == "asimov")
        to_json(result, output)
