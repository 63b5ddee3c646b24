from steelyard.configuration import Split, Training
from steelyard.data.reference import Reference
from steelyard.data.store import open_all
from steelyard.jobs import logged
from steelyard.ratios.hypotheses import ratio_samples
from steelyard.ratios.training import train_member
from steelyard.results import from_json
from steelyard.seeds import seed_for

files, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards

with logged(snakemake.log[0]):
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    train_member(
        ratio_samples(samples, reference, wildcards.process),
        ratio=wildcards.process,
        member=int(wildcards.member),
        features=samples[0].info.features,
        split=Split.model_validate(params.split),
        training=Training.model_validate(params.training),
        bootstrap=params.bootstrap,
        seed=seed_for(params.seed, "train_member", ratio=wildcards.process, member=wildcards.member),
        network_path=snakemake.output.network,
        curve_path=snakemake.output.curve,
        checkpoint_path=params.checkpoint,
        threads=snakemake.threads,
    )
