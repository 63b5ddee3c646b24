from steelyard.configuration import Split
from steelyard.jobs import logged
from steelyard.ratios.ensembles import combine_files

params = snakemake.params

with logged(snakemake.log[0]):
    split = Split.model_validate(params.split)
    combine_files(snakemake.input.networks, params.combination, split, snakemake.output.ensemble)
