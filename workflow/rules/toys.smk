# Pseudo-experiments: one job for every point of the parameter and batch.


rule throw_toys:
    input:
        model=f"{R}/{{likelihood}}model/model.npz",
    output:
        toys=f"{R}/{{likelihood}}toys/mu-{{point}}/batch-{{batch}}.npz",
    log:
        f"{R}/logs/throw_toys/{{likelihood}}mu-{{point}}-{{batch}}.log",
    benchmark:
        f"{R}/benchmarks/throw_toys/{{likelihood}}mu-{{point}}-{{batch}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        mu=lambda wildcards: POINTS[wildcards.point],
        toys=analysis.belts.toys_per_job,
        seed=analysis.seed,
        code=code_digest("statistics.toys"),
    message:
        "Throwing toys at {wildcards.point} ({wildcards.likelihood}batch {wildcards.batch})"
    script:
        "../scripts/throw_toys.py"
