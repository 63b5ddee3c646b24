from pathlib import Path

import numpy as np

from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.io.files import whole
from steelyard.runtime.jobs import logged
from steelyard.simulators.exact_variations import exact_variations
from steelyard.simulators.interface import simulator

params = snakemake.params

with logged(snakemake.log[0]), whole(snakemake.output.scores) as path:
    model, sample = simulator(params.oracle["model"]), Sample.open(Path(snakemake.input.info).parent)
    variations = [Variation(**item) for item in params.variations]
    np.save(path, exact_variations(model, sample.observables_named(model.observables), variations))
