# One network per density ratio and ensemble member: the fan-out that fills a GPU cluster.

from steelyard.provenance import TRAINING_VERSION


rule train_member:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
    output:
        network=f"{R}/ratios/{{ratio}}/member-{{member}}/network.pt",
        curve=f"{R}/ratios/{{ratio}}/member-{{member}}/training.csv",
    log:
        f"{R}/logs/train_member/{{ratio}}-{{member}}.log",
    benchmark:
        f"{R}/benchmarks/train_member/{{ratio}}-{{member}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        **section("training", "split"),
        checkpoint=f"{R}/checkpoints/{{ratio}}/member-{{member}}.ckpt",
        bootstrap=analysis.ensembles.bootstrap,
        labels={name: SOURCES[name]["labels"] for name in SAMPLES},
        seed=analysis.seed,
        # A refit of thousands of networks must be a decision: this number, not a change of code, asks for it.
        version=TRAINING_VERSION,
    message:
        "Training member {wildcards.member} of the ratio {wildcards.ratio}"
    script:
        "../scripts/train_member.py"
