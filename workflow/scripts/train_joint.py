from steelyard.configuration.networks import JOINT, Split, training_rule
from steelyard.data.reference import Reference
from steelyard.data.store import open_all
from steelyard.io.serialisation import from_json
from steelyard.ratios.hypotheses import joint_samples
from steelyard.ratios.packs import train_members
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    samples, reference = open_all(files.info), from_json(Reference, files.reference)
    train_members(
        joint_samples(samples, reference, params.processes),
        ratio=JOINT,
        features=samples[0].info.features,
        split=Split.model_validate(params.split),
        training=training_rule(params.training),
        bootstrap=params.bootstrap,
        seed_of=lambda member: seed_for(params.seed, "train_member", ratio=JOINT, member=member),
        network_paths=snakemake.output.networks,
        curve_paths=snakemake.output.curves,
        checkpoint_folder=params.checkpoints,
        threads=snakemake.threads,
    )
