from steelyard.jobs import logged
from steelyard.seeds import seed_for
from steelyard.statistics.model import load_model
from steelyard.statistics.toys import save_toys, throw_toys

params = snakemake.params

with logged(snakemake.log[0]):
    seed = seed_for(params.seed, "throw_expected")
    fits = throw_toys(load_model(snakemake.input.model), params.mu, params.toys, seed, tested=params.tested)
    save_toys(fits, params.mu, snakemake.output.toys)
