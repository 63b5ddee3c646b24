from steelyard.configuration import Split
from steelyard.ensembles import combine_files
from steelyard.jobs import logged

params = snakemake.params

with logged(snakemake.log[0]):
    split = Split.model_validate(params.split)
    combine_files(snakemake.input.networks, params.combination, split, snakemake.output.ensemble)
