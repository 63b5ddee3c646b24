import numpy as np

from steelyard.diagnostics.data_comparison import compare_data
from steelyard.jobs import logged
from steelyard.results import to_json
from steelyard.statistics.model import load_model

files, nominal = snakemake.input, snakemake.params.nominal

with logged(snakemake.log[0]):
    model = load_model(files.model)
    fractions = model.mixture.fractions(model.mixture.to_coordinate(nominal))[0]
    comparison = compare_data(nominal, fractions, model.rates, model.weights, np.load(files.observed))
    to_json(comparison, snakemake.output.diagnosis)
