import numpy as np

from steelyard.inference.fit import Scan
from steelyard.inference.impacts import impacts
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

params, files = snakemake.params, snakemake.input

with logged(snakemake.log[0]):
    model = load_model(files.model)
    if files.observed:
        data = model.observed(np.load(files.observed), np.load(files.shapes))
    else:
        data = model.asimov(params.nominal)
    to_json(impacts(data, from_json(Scan, files.scan).fit, params.groups), snakemake.output.impacts)
