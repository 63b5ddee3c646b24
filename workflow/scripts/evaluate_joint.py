from pathlib import Path

import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.store import Sample
from steelyard.io.files import whole
from steelyard.ratios.ensembles import open_ensemble
from steelyard.ratios.evaluation import evaluate_group
from steelyard.runtime.jobs import logged

files, outputs = snakemake.input, snakemake.output
is_observed = snakemake.wildcards.sample == "observed"

with logged(snakemake.log[0]):
    sample, split = Sample.open(Path(files.info).parent), Split.model_validate(snakemake.params.split)
    ensembles = [open_ensemble(path) for path in files.ensembles]
    scores = evaluate_group(ensembles, sample, split, is_observed, snakemake.threads)
    for score, *paths in zip(scores, outputs.unseen, outputs.seen, strict=True):
        for path, values in zip(paths, (score.unseen, score.seen), strict=True):
            with whole(path) as file:
                np.save(file, values)
