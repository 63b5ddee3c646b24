# Pseudo-experiments at the nominal value, tested at the lower bound: the significance that is expected, as a median.


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
        mem_mb=2000,
        runtime=60,
    params:
        mu=analysis.parameters[0].nominal,
        tested=analysis.parameters[0].bounds[0],
        toys=analysis.belts.expected_toys,
        seed=analysis.seed,
        code=code("throw_expected", "statistics.toys"),
    message:
        "Throwing toys of the expected significance ({wildcards.likelihood}expected)"
    script:
        "../scripts/throw_expected.py"
