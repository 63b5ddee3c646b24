# The networks of every density ratio: the fan-out that fills a GPU cluster. One job trains `members_per_job` members.

from steelyard.runtime.packing import packs
from steelyard.ratios.version import TRAINING_VERSION

for pack in packs(analysis.ensembles.members, analysis.ensembles.members_per_job):

    rule:
        name:
            f"train_member{pack.suffix}"
        input:
            **stores("features", "observables", "weights", "ids", "info"),
            reference=rules.mix_reference.output.reference,
        output:
            networks=[f"{R}/ratios/{{process}}/member-{member}/network.pt" for member in pack.members],
            curves=[f"{R}/ratios/{{process}}/member-{member}/training.csv" for member in pack.members],
        log:
            f"{R}/logs/train_member/{{process}}-{pack.label}.log",
        benchmark:
            f"{R}/benchmarks/train_member/{{process}}-{pack.label}.tsv"
        wildcard_constraints:
            process="|".join(map(re.escape, SINGLE)) or "none",
        conda:
            "../../envs/steelyard.yaml"
        threads: 1
        resources:
            **request(mem_mb=4000, minutes=120 * analysis.ensembles.members_per_job),
        params:
            # Nothing of the packs: each file is the same whichever job makes it, and a new packing reruns nothing.
            **section("training", "split"),
            checkpoints=f"{R}/checkpoints/{{process}}",
            bootstrap=analysis.ensembles.bootstrap,
            labels={name: SOURCES[name]["labels"] for name in SAMPLES},
            seed=analysis.seed,
            # A refit of thousands of networks must be a decision: this number, not a change of code, asks for it.
            version=TRAINING_VERSION,
        message:
            f"Training member {pack.text} of the ratio {{wildcards.process}}"
        script:
            "../scripts/train_member.py"

    same_machine("train_member", pack)


# Processes that share their networks: the same for all of them at once.
for pack in packs(analysis.ensembles.members, analysis.ensembles.members_per_job) if SHARING else ():

    rule:
        name:
            f"train_joint{pack.suffix}"
        input:
            **stores("features", "observables", "weights", "ids", "info"),
            reference=rules.mix_reference.output.reference,
        output:
            networks=[f"{R}/ratios/joint/member-{member}/network.pt" for member in pack.members],
            curves=[f"{R}/ratios/joint/member-{member}/training.csv" for member in pack.members],
        log:
            f"{R}/logs/train_joint/joint-{pack.label}.log",
        benchmark:
            f"{R}/benchmarks/train_joint/joint-{pack.label}.tsv"
        conda:
            "../../envs/steelyard.yaml"
        threads: 1
        resources:
            **request(mem_mb=4000, minutes=120 * analysis.ensembles.members_per_job),
        params:
            **section("training", "split"),
            processes=SHARING,
            checkpoints=f"{R}/checkpoints/joint",
            bootstrap=analysis.ensembles.bootstrap,
            labels={name: SOURCES[name]["labels"] for name in SAMPLES},
            seed=analysis.seed,
            version=TRAINING_VERSION,
        message:
            f"Training member {pack.text} of the ratios of {', '.join(SHARING)}"
        script:
            "../scripts/train_joint.py"

    same_machine("train_joint", pack)


for pack in packs(analysis.variations.members, analysis.variations.members_per_job):

    rule:
        name:
            f"train_variation{pack.suffix}"
        input:
            unpack(variation_stores),
        output:
            networks=[f"{R}/ratios/{{variation}}/member-{member}/network.pt" for member in pack.members],
            curves=[f"{R}/ratios/{{variation}}/member-{member}/training.csv" for member in pack.members],
        log:
            f"{R}/logs/train_variation/{{variation}}-{pack.label}.log",
        benchmark:
            f"{R}/benchmarks/train_variation/{{variation}}-{pack.label}.tsv"
        conda:
            "../../envs/steelyard.yaml"
        threads: 1
        resources:
            **request(mem_mb=4000, minutes=120 * analysis.variations.members_per_job),
        params:
            training=settings["variations"]["training"],
            split=settings["split"],
            checkpoints=f"{R}/checkpoints/{{variation}}",
            bootstrap=analysis.ensembles.bootstrap,
            seed=analysis.seed,
            variation=lambda wildcards: dataclasses.asdict(VARIATIONS[wildcards.variation]),
            version=TRAINING_VERSION,
        message:
            f"Training member {pack.text} of the variation {{wildcards.variation}}"
        script:
            "../scripts/train_variation.py"

    same_machine("train_variation", pack)


# The same training without an effect: how much of a constraint is noise. One process of a systematic, chosen by its size.
rule train_null:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **{
            f"varied_{name}": lambda wildcards, name=name: varied_stores(
                wildcards.systematic, name, NULLS[wildcards.systematic].direction
            )
            for name in STORE
        },
        ensembles=lambda wildcards: null_ensembles(NULLS[wildcards.systematic]),
    output:
        null=f"{R}/nulls/{{systematic}}.npz",
    log:
        f"{R}/logs/train_null/{{systematic}}.log",
    benchmark:
        f"{R}/benchmarks/train_null/{{systematic}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=120 * analysis.variations.members),
    params:
        split=settings["split"],
        training=settings["variations"]["training"],
        members=analysis.variations.members,
        combination=analysis.ensembles.combination,
        bootstrap=analysis.ensembles.bootstrap,
        null=lambda wildcards: null_settings(wildcards.systematic),
        checkpoints=f"{R}/checkpoints/nulls/{{systematic}}",
        seed=analysis.seed,
        version=TRAINING_VERSION,
    message:
        "Training the null variation by {wildcards.systematic}"
    script:
        "../scripts/train_null.py"
