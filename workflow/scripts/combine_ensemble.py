from steelyard.configuration.schema import Split
from steelyard.ratios.ensembles import combine_files
from steelyard.runtime.jobs import logged

params = snakemake.params

with logged(snakemake.log[0]):
    split = Split.model_validate(params.split)
    combine_files(snakemake.input.networks, params.combination, split, snakemake.output.ensemble)
