import numpy as np

from steelyard.configuration import Scan
from steelyard.jobs import logged
from steelyard.results import to_json
from steelyard.statistics.fits import scan
from steelyard.statistics.model import load_model

params, files = snakemake.params, snakemake.input

with logged(snakemake.log[0]):
    model = load_model(files.model)
    if files.observed:
        data = model.observed(np.load(files.observed), np.load(files.shapes))
    else:
        data = model.asimov(params.nominal)
    to_json(scan(data, Scan.model_validate(params.scan).curve), snakemake.output.scan)
