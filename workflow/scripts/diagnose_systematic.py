import numpy as np

from steelyard.configuration.schema import Split
from steelyard.data.null_ratios import load_null
from steelyard.data.store import open_all
from steelyard.data.variations import Variation
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.diagnostics.variation.variation_diagnosis import diagnose_systematic
from steelyard.finite_simulation.null_information import measure_null
from steelyard.io.serialisation import to_json
from steelyard.model.normaliser import log_normaliser
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params
NULL = ("two_sided", "symmetrised", "alike")  # what of the null variation's settings its effect depends on

with logged(snakemake.log[0]):
    model, variations = load_model(files.model), [Variation(**item) for item in params.variations]
    varied = {"up": {}, "down": {}}
    for direction, sample in zip(params.directions, open_all(files.varied_info), strict=True):
        varied[direction][sample.info.name] = sample
    nuisance = model.systematics.names.index(snakemake.wildcards.systematic)
    processes = [model.mixture.processes.index(name) for name in dict.fromkeys(item.process for item in variations)]

    def normaliser_along(values):
        """log N_c (P, C) at values (P, 1) of this nuisance parameter, all others nominal."""
        points = np.tile(model.systematics.nominal, (len(values), 1))
        points[:, nuisance] = np.ravel(values)
        return log_normaliser(model.systematics, points)[:, processes]

    diagnosis = diagnose_systematic(
        variations,
        open_all(files.info),
        varied,
        [np.load(path, mmap_mode="r") for path in files.scores],
        Split.model_validate(params.split),
        Thresholds.model_validate(params.thresholds),
        [np.load(path, mmap_mode="r") for path in files.oracle] or None,
        normaliser_along,
        measure_null(model, params.nominal, load_null(files.null), **{key: params.null[key] for key in NULL})
        if files.null
        else None,
    )
    to_json(diagnosis, snakemake.output.diagnosis)
