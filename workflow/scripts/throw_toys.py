from steelyard.jobs import logged
from steelyard.seeds import seed_for
from steelyard.statistics.model import load_model
from steelyard.statistics.toys import save_toys, throw_toys

mu, wildcards = snakemake.params.mu, snakemake.wildcards

with logged(snakemake.log[0]):
    seed = seed_for(snakemake.params.seed, "throw_toys", point=wildcards.point, batch=wildcards.batch)
    fits = throw_toys(load_model(snakemake.input.model), mu, snakemake.params.toys, seed)
    save_toys(fits, mu, snakemake.output.toys)
