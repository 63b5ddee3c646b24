import numpy as np

from steelyard.data.store import open_all
from steelyard.diagnostics.data_comparison import compare_data
from steelyard.diagnostics.data_support import data_support, support_of
from steelyard.jobs import logged
from steelyard.results import to_json
from steelyard.statistics.model import load_model

files, nominal = snakemake.input, snakemake.params.nominal

with logged(snakemake.log[0]) as log:
    model, samples, (data,) = load_model(files.model), open_all(files.info), open_all([files.observed_info])
    rows = model.rows[model.weights > 0.0]  # and not those of processes outside the mixture
    reference = support_of([(sample.features, rows[rows[:, 0] == number, 1]) for number, sample in enumerate(samples)])
    support = data_support(data.info.features, reference, data.features)
    fractions = model.mixture.fractions(model.mixture.to_coordinate(nominal))[0]
    observed = np.load(files.observed)
    comparison = compare_data(nominal, fractions, model.rates, model.weights, observed, support=support)
    for check in comparison.checks:
        log.info("%s: %s (%s)", check.name, check.status, check.detail)
    to_json(comparison, snakemake.output.diagnosis)
