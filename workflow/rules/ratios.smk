# One network per density ratio and ensemble member: the fan-out that fills a GPU cluster.

from steelyard.provenance import TRAINING_VERSION


rule train_member:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
    output:
        network=f"{R}/ratios/{{process}}/member-{{member}}/network.pt",
        curve=f"{R}/ratios/{{process}}/member-{{member}}/training.csv",
    log:
        f"{R}/logs/train_member/{{process}}-{{member}}.log",
    benchmark:
        f"{R}/benchmarks/train_member/{{process}}-{{member}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        **section("training", "split"),
        checkpoint=f"{R}/checkpoints/{{process}}/member-{{member}}.ckpt",
        bootstrap=analysis.ensembles.bootstrap,
        labels={name: SOURCES[name]["labels"] for name in SAMPLES},
        seed=analysis.seed,
        # A refit of thousands of networks must be a decision: this number, not a change of code, asks for it.
        version=TRAINING_VERSION,
    message:
        "Training member {wildcards.member} of the ratio {wildcards.process}"
    script:
        "../scripts/train_member.py"


rule train_variation:
    input:
        **{name: carried(name) for name in STORE},
        **{f"varied_{name}": varied(name) for name in STORE},
    output:
        network=f"{R}/ratios/{{variation}}/member-{{member}}/network.pt",
        curve=f"{R}/ratios/{{variation}}/member-{{member}}/training.csv",
    log:
        f"{R}/logs/train_variation/{{variation}}-{{member}}.log",
    benchmark:
        f"{R}/benchmarks/train_variation/{{variation}}-{{member}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        training=settings["variations"]["training"],
        split=settings["split"],
        checkpoint=f"{R}/checkpoints/{{variation}}/member-{{member}}.ckpt",
        bootstrap=analysis.ensembles.bootstrap,
        seed=analysis.seed,
        variation=lambda wildcards: dataclasses.asdict(VARIATIONS[wildcards.variation]),
        version=TRAINING_VERSION,
    message:
        "Training member {wildcards.member} of the variation {wildcards.variation}"
    script:
        "../scripts/train_variation.py"
