import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents, reference_components
from steelyard.data.store import open_all
from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.fits import Scan
from steelyard.statistics.model import load_model
from steelyard.statistics.reference_error import Components, reference_error

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
