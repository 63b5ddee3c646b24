import numpy as np

from steelyard.configuration.schema import Parameter, Process
from steelyard.data.expected import check_expected, expected_events, outdated
from steelyard.data.reference import Reference, expected_yields
from steelyard.data.reference_events import load_scores, oracle_log_ratios, process_densities, reference_events
from steelyard.data.store import SampleInfo, open_all
from steelyard.io.serialisation import from_data, from_json
from steelyard.model.coefficients import Coefficients
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects, Prune
from steelyard.regions.measured_yields import log_yields
from steelyard.regions.unbinned import build_model, save_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]) as log:
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    parameters = [Parameter.model_validate(item) for item in params.parameters]
    processes = [Process.model_validate(item) for item in params.processes]
    events = reference_events(samples, reference)
    scores = events.gather(load_scores(files.scores, len(samples)))
    declared = from_data(DeclaredEffects, params.effects)
    varied = {tuple(key): from_json(SampleInfo, path) for key, path in zip(params.varied, files.varied, strict=True)}
    log_ratios = np.empty((len(events.weights), 0))
    if files.variations:
        log_ratios = events.gather(load_scores(files.variations, len(samples)))
    effects = MeasuredEffects(
        declared,
        log_yields(declared, [sample.info for sample in samples], varied),
        log_ratios,
        Prune.model_validate(params.prune),
    )
    coefficients = Coefficients.from_configuration(parameters, processes)
    yields = expected_yields(reference, processes)
    expected = expected_events(coefficients, yields, parameters[0].bounds, parameters[0].nominal)
    check_expected(expected, [sample.info for sample in samples])
    free = [name for name, factors in zip(yields, declared.factors, strict=True) if factors.any()]
    if note := outdated(reference, expected, free):
        log.warning("%s", note)
    model = build_model(
        yields,
        coefficients,
        parameters[0].bounds,
        oracle_log_ratios(scores, reference) if params.oracle else scores,
        events,
        effects,
        lambda: process_densities(samples, reference, events),
    )
    for effect in model.pruned:
        print(effect)
    save_model(model, snakemake.output.model)
