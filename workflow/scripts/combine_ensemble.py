from steelyard.configuration.schema import Split
from steelyard.data.reference import Reference
from steelyard.io.serialisation import from_json
from steelyard.ratios.ensembles import combine_files
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    shared = {}
    if files.get("reference"):  # networks of several processes
        mixture = from_json(Reference, files.reference).weights
        shared = {"process": snakemake.wildcards.ratio, "mixture": mixture}
    split = Split.model_validate(params.split)
    combine_files(files.networks, params.combination, split, snakemake.output.ensemble, **shared)
