from steelyard.configuration import Expression
from steelyard.data.reference import Reference
from steelyard.jobs import logged
from steelyard.ratios.ensembles import open_ensemble
from steelyard.results import from_json
from steelyard.seeds import seed_for
from steelyard.simulators import simulator
from steelyard.statistics.audit import fit_experiments, save_experiments
from steelyard.statistics.experiments import exact_rates, learned_rates, simulate_experiments
from steelyard.statistics.model import load_model

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    learned, exact = load_model(files.model), load_model(files.oracle)
    source = simulator(params.oracle["model"])
    experiments = simulate_experiments(
        source,
        params.nominal | {params.parameter: params.mu},
        params.experiments,
        seed_for(params.seed, "simulate_experiments", point=snakemake.wildcards.point),
        [Expression.model_validate(item) for item in params.variables],
        params.selection,
        [Expression.model_validate(item) for item in params.features],
    )
    ensembles = [open_ensemble(path) for path in files.ensembles]
    fits = fit_experiments(
        learned.mixture,
        exact.mixture,
        learned_rates(experiments, ensembles, learned, snakemake.threads),
        exact_rates(experiments, source, from_json(Reference, files.reference), exact),
        experiments.offsets,
        params.mu,
    )
    save_experiments(params.mu, *fits, snakemake.output.experiments)
