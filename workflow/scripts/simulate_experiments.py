from steelyard.configuration.schema import Expression
from steelyard.coverage.experiment_fits import SeenEvents, fit_experiments, save_experiments
from steelyard.coverage.experiments import (
    learned_intensities,
    learned_shapes,
    oracle_intensities,
    oracle_shapes,
    simulate_experiments,
)
from steelyard.data.reference import Reference
from steelyard.data.variations import Variation
from steelyard.io.serialisation import from_json
from steelyard.ratios.ensembles import open_ensemble
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for
from steelyard.simulators.interface import simulator

files, params, threads = snakemake.input, snakemake.params, snakemake.threads

with logged(snakemake.log[0]):
    learned, oracle = load_model(files.model), load_model(files.oracle)
    source, reference = simulator(params.oracle["model"]), from_json(Reference, files.reference)
    seed = seed_for(
        params.seed, "simulate_experiments", point=snakemake.wildcards.point, truth=snakemake.wildcards.truth
    )
    experiments = simulate_experiments(
        source,
        params.nominal | {params.parameter: params.mu},
        params.experiments,
        seed,
        [Expression.model_validate(item) for item in params.variables],
        params.selection,
        [Expression.model_validate(item) for item in params.features],
        params.alpha,
    )
    ensembles = [open_ensemble(path) for path in files.ensembles]
    shapes = [open_ensemble(path) for path in files.variations]
    variations = [Variation(**item) for item in params.shapes]
    seen = SeenEvents(
        learned,
        learned_intensities(experiments, ensembles, learned, threads),
        learned_shapes(experiments, shapes, learned, threads),
    )
    true = SeenEvents(
        oracle,
        oracle_intensities(experiments, source, reference, oracle),
        oracle_shapes(experiments, source, variations, oracle),
    )
    fitted = fit_experiments(seen, true, experiments.offsets, params.mu, params.alpha, seed)
    save_experiments(fitted, snakemake.output.experiments)
