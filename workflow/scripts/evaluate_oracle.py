from pathlib import Path

import numpy as np

from steelyard.data.store import Sample
from steelyard.io.files import whole
from steelyard.runtime.jobs import logged
from steelyard.simulators.interface import simulator

with logged(snakemake.log[0]), whole(snakemake.output.log_density) as path:
    model, sample = simulator(snakemake.params.oracle["model"]), Sample.open(Path(snakemake.input.info).parent)
    np.save(path, model.log_densities(sample.observables_named(model.observables), snakemake.params.processes))
