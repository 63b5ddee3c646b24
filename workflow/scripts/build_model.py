import numpy as np

from steelyard.configuration import Parameter, Process
from steelyard.data.reference import Reference, expected_yields
from steelyard.data.reference_events import exact_log_ratios, load_scores, reference_events
from steelyard.data.store import open_all
from steelyard.jobs import logged
from steelyard.results import from_json
from steelyard.statistics.coefficients import Coefficients
from steelyard.statistics.model import build_model, save_model
from steelyard.statistics.rates import check_total_rate

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    parameters = [Parameter.model_validate(item) for item in params.parameters]
    processes = [Process.model_validate(item) for item in params.processes]
    coefficients = Coefficients.from_configuration(parameters, processes)
    yields = expected_yields(reference, processes)
    check_total_rate(coefficients, list(yields.values()), np.array(params.grid))
    events = reference_events(samples, reference)
    scores = events.gather(load_scores(files.scores, len(samples)))
    model = build_model(
        yields,
        coefficients,
        parameters[0].bounds,
        exact_log_ratios(scores, reference) if params.exact else scores,
        events,
    )
    save_model(model, snakemake.output.model)
