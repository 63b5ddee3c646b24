# The members of a ratio become one model.


rule combine_ensemble:
    input:
        networks=lambda wildcards: [
            f"{R}/ratios/{trained_as(wildcards.ratio)}/member-{member}/network.pt"
            for member in members(wildcards.ratio)
        ],
        # networks that processes share know densities, and no mixture
        reference=lambda wildcards: rules.mix_reference.output.reference if wildcards.ratio in SHARING else [],
    output:
        ensemble=f"{R}/ensembles/{{ratio}}.pt",
    log:
        f"{R}/logs/combine_ensemble/{{ratio}}.log",
    benchmark:
        f"{R}/benchmarks/combine_ensemble/{{ratio}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        combination=analysis.ensembles.combination,
        split=settings["split"],
        code=code("combine_ensemble", "ratios.ensembles"),
    message:
        "Combining the members of the ratio {wildcards.ratio}"
    script:
        "../scripts/combine_ensemble.py"
