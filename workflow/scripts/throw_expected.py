from steelyard.inference.toys import save_toys, throw_toys
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

params = snakemake.params

with logged(snakemake.log[0]):
    seed = seed_for(params.seed, "throw_expected")
    fits = throw_toys(load_model(snakemake.input.model), params.mu, params.toys, seed, tested=params.tested)
    save_toys(fits, params.mu, snakemake.output.toys)
