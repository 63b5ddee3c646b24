from pathlib import Path

import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.store import Sample
from steelyard.io.files import whole
from steelyard.ratios.ensembles import open_ensemble
from steelyard.ratios.evaluation import evaluate_variations
from steelyard.runtime.jobs import logged

files = snakemake.input

with logged(snakemake.log[0]), whole(snakemake.output.scores) as path:
    sample, split = Sample.open(Path(files.info).parent), Split.model_validate(snakemake.params.split)
    ensembles = [open_ensemble(ensemble) for ensemble in files.ensembles]
    is_observed = snakemake.wildcards.sample == "observed"
    np.save(path, evaluate_variations(ensembles, sample, split, is_observed, snakemake.threads))
