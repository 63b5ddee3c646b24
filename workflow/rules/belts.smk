# The Neyman construction: critical values along the parameter at each data set's conditional fit, and what they say of it.


rule build_belt:
    input:
        toys=[f"{R}/{{likelihood}}toys/{{belt}}/mu-{point}/batch-{batch}.npz" for point in POINTS for batch in BATCHES],
    output:
        belt=f"{R}/{{likelihood}}belts/{{belt}}.json",
    log:
        f"{R}/logs/build_belt/{{likelihood}}{{belt}}.log",
    benchmark:
        f"{R}/benchmarks/build_belt/{{likelihood}}{{belt}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        levels=LEVELS,
        code=code("build_belt", "inference.belts"),
    message:
        "Building the confidence belt ({wildcards.likelihood}{wildcards.belt})"
    script:
        "../scripts/build_belt.py"


rule invert_belt:
    input:
        model=f"{R}/{{likelihood}}model/model.npz",
        belt=lambda wildcards: f"{R}/{wildcards.likelihood}belts/{BELTS[wildcards.data]}.json",
        scan=f"{R}/{{likelihood}}fits/{{data}}.json",
        lowest=lambda wildcards: [
            f"{R}/{wildcards.likelihood}toys/{BELTS[wildcards.data]}/mu-{min(POINTS, key=POINTS.get)}/batch-{batch}.npz"
            for batch in BATCHES
        ],
        expected=lambda wildcards: expected_toys(wildcards.likelihood) if wildcards.data == "asimov" else [],
        uncertainty=lambda wildcards: (
            f"{R}/uncertainty/{wildcards.data}.json"
            if analysis.belts.simulation_error == "inflate" and not wildcards.likelihood
            else []
        ),
    output:
        inference=f"{R}/{{likelihood}}intervals/{{data}}.json",
    log:
        f"{R}/logs/invert_belt/{{likelihood}}{{data}}.log",
    benchmark:
        f"{R}/benchmarks/invert_belt/{{likelihood}}{{data}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        code=code(
            "invert_belt", "inference.belts", "inference.significance", "finite_simulation.simulation_uncertainty"
        ),
    message:
        "Confidence intervals of the {wildcards.data} data ({wildcards.likelihood}intervals)"
    script:
        "../scripts/invert_belt.py"
