from steelyard.inference.fit import Scan
from steelyard.inference.profiles import conditional_nuisances
from steelyard.inference.toys import save_toys, throw_toys
from steelyard.io.serialisation import from_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards

with logged(snakemake.log[0]):
    model = load_model(files.model)
    seed = seed_for(params.seed, "throw_toys", point=wildcards.point, batch=wildcards.batch)
    conditional = None
    if files.condition:
        conditional = conditional_nuisances(from_json(Scan, files.condition), params.mu, model.mixture)
    # A model whose normaliser is exact about the point of the toys would be taken here.
    fits = throw_toys(model, params.mu, params.toys, seed, params.nuisances, conditional)
    save_toys(fits, params.mu, snakemake.output.toys)
