from steelyard.configuration.networks import Split, training_rule
from steelyard.data.store import open_all
from steelyard.data.variations import Variation
from steelyard.ratios.hypotheses import variation_samples
from steelyard.ratios.packs import train_members
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards

with logged(snakemake.log[0]):
    samples, variation = open_all(files.info), Variation(**params.variation)
    varied = {sample.info.name: sample for sample in open_all(files.varied_info)}
    train_members(
        variation_samples(samples, varied, variation),
        ratio=wildcards.variation,
        features=samples[0].info.features,
        split=Split.model_validate(params.split),
        training=training_rule(params.training),
        bootstrap=params.bootstrap,
        seed_of=lambda member: seed_for(params.seed, "train_variation", ratio=wildcards.variation, member=member),
        network_paths=snakemake.output.networks,
        curve_paths=snakemake.output.curves,
        checkpoint_folder=params.checkpoints,
        threads=snakemake.threads,
        zero_output=True,
        paired=variation.kind == "events",
    )
