from pathlib import Path

import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.store import Sample
from steelyard.io.files import whole
from steelyard.ratios.ensembles import open_ensemble
from steelyard.ratios.evaluation import evaluate_sample
from steelyard.runtime.jobs import logged

files, outputs = snakemake.input, snakemake.output
is_observed = snakemake.wildcards.sample == "observed"

with logged(snakemake.log[0]), whole(outputs.unseen) as unseen, whole(outputs.seen) as seen:
    sample, split = Sample.open(Path(files.info).parent), Split.model_validate(snakemake.params.split)
    scores = evaluate_sample(open_ensemble(files.ensemble), sample, split, is_observed, snakemake.threads)
    np.save(unseen, scores.unseen)
    np.save(seen, scores.seen)
