# Pseudo-experiments: one job for every belt, point of the parameter and batch.


rule throw_toys:
    input:
        model=f"{R}/{{likelihood}}model/model.npz",
        # At the conditional best fit to a data set, toys wait for that fit; else they do not.
        condition=f"{R}/{{likelihood}}fits/{{belt}}.json" if CONDITIONAL else [],
    output:
        toys=f"{R}/{{likelihood}}toys/{{belt}}/mu-{{point}}/batch-{{batch}}.npz",
    log:
        f"{R}/logs/throw_toys/{{likelihood}}{{belt}}/mu-{{point}}-{{batch}}.log",
    benchmark:
        f"{R}/benchmarks/throw_toys/{{likelihood}}{{belt}}/mu-{{point}}-{{batch}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=60),
    params:
        mu=lambda wildcards: POINTS[wildcards.point],
        toys=analysis.belts.toys_per_job,
        nuisances=analysis.belts.nuisances if NUISANCES else "nominal",
        seed=analysis.seed,
        code=code("throw_toys", "inference.toys", "inference.profiles"),
    message:
        "Throwing toys at {wildcards.point} ({wildcards.likelihood}{wildcards.belt}, batch {wildcards.batch})"
    script:
        "../scripts/throw_toys.py"


# At the nominal value, tested at the lower bound: the significance that is expected, as a median.
rule throw_expected:
    input:
        model=f"{R}/{{likelihood}}model/model.npz",
    output:
        toys=f"{R}/{{likelihood}}toys/expected.npz",
    log:
        f"{R}/logs/throw_expected/{{likelihood}}expected.log",
    benchmark:
        f"{R}/benchmarks/throw_expected/{{likelihood}}expected.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=60),
    params:
        mu=analysis.parameters[0].nominal,
        tested=analysis.parameters[0].bounds[0],
        toys=analysis.belts.expected_toys,
        seed=analysis.seed,
        code=code("throw_expected", "inference.toys"),
    message:
        "Throwing toys of the expected significance ({wildcards.likelihood}expected)"
    script:
        "../scripts/throw_expected.py"
