import numpy as np

from steelyard.data.reference import Reference
from steelyard.data.reference_events import exact_log_ratios, load_scores
from steelyard.jobs import logged
from steelyard.outputs import whole
from steelyard.results import from_json
from steelyard.statistics.model import load_model

files = snakemake.input

with logged(snakemake.log[0]), whole(snakemake.output.rates) as path:
    (scores,) = load_scores(files.scores, 1)
    if snakemake.params.exact:
        scores = exact_log_ratios(scores, from_json(Reference, files.reference))
    np.save(path, load_model(files.model).event_rates(scores))
