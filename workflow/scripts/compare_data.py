import numpy as np

from steelyard.checks import Levels
from steelyard.data.store import open_all
from steelyard.diagnostics.inference.data_comparison import compare_data
from steelyard.diagnostics.inference.data_support import data_support, support_of
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.likelihood.kernels.total_intensity import total_intensity
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, levels = snakemake.input, snakemake.params.levels

with logged(snakemake.log[0]) as log:
    model, samples, (data,) = load_model(files.model), open_all(files.info), open_all([files.observed_info])
    rows = model.rows[model.weights > 0.0]  # and not those of processes outside the mixture
    reference = support_of([(sample.features, rows[rows[:, 0] == number, 1]) for number, sample in enumerate(samples)])
    support = data_support(data.info.features, reference, data.features)
    # At the best fit: elsewhere data disagree because a parameter has another value, and there are the fits for that.
    best = from_json(Scan, files.scan).fit
    kappa, alpha = float(model.mixture.to_coordinate(best.hat)), np.asarray(best.alpha, dtype=float)
    expected, observed = (
        total_intensity(model.mixture, model.systematics, intensities, log_g, kappa, alpha)[:, None]
        for intensities, log_g in ((model.intensities, model.log_g), (np.load(files.observed), np.load(files.shapes)))
    )
    comparison = compare_data(
        best.hat, np.ones(1), expected, model.weights, observed, p_value=Levels(**levels), support=support
    )
    for check in comparison.checks:
        log.info("%s: %s (%s)", check.name, check.status, check.detail)
    to_json(comparison, snakemake.output.diagnosis)
