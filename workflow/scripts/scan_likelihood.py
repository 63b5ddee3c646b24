import numpy as np

from steelyard.configuration.schema import Scan
from steelyard.inference.fit import scan
from steelyard.io.serialisation import to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

params, files = snakemake.params, snakemake.input

with logged(snakemake.log[0]):
    model = load_model(files.model)
    if files.observed:
        data = model.observed(np.load(files.observed), np.load(files.shapes))
    else:
        data = model.asimov(params.nominal)
    to_json(scan(data, Scan.model_validate(params.scan).curve), snakemake.output.scan)
