import numpy as np

from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.fits import Scan
from steelyard.statistics.impacts import impacts
from steelyard.statistics.model import load_model

params, files = snakemake.params, snakemake.input

with logged(snakemake.log[0]):
    model = load_model(files.model)
    if files.observed:
        data = model.observed(np.load(files.observed), np.load(files.shapes))
    else:
        data = model.asimov(params.nominal)
    to_json(impacts(data, from_json(Scan, files.scan).fit, params.groups), snakemake.output.impacts)
