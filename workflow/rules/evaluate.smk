# What the ensembles, and where there is one the exact density, say of every event.


rule evaluate_ensemble:
    input:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
        ensemble=f"{R}/ensembles/{{process}}.pt",
    output:
        unseen=f"{R}/scores/{{sample}}/{{process}}.unseen.npy",
        seen=f"{R}/scores/{{sample}}/{{process}}.seen.npy",
    log:
        f"{R}/logs/evaluate_ensemble/{{sample}}-{{process}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate_ensemble/{{sample}}-{{process}}.tsv"
    wildcard_constraints:
        process="|".join(map(re.escape, SINGLE)) or "none",
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        split=settings["split"],
        code=code("evaluate_ensemble", "ratios.evaluation", LAYERS),
    message:
        "Evaluating the ratio {wildcards.process} on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_ensemble.py"


# Processes that share networks: these run once for all of them.
if SHARING:

    rule evaluate_joint:
        input:
            **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
            ensembles=[f"{R}/ensembles/{process}.pt" for process in SHARING],
        output:
            unseen=[f"{R}/scores/{{sample}}/{process}.unseen.npy" for process in SHARING],
            seen=[f"{R}/scores/{{sample}}/{process}.seen.npy" for process in SHARING],
        log:
            f"{R}/logs/evaluate_joint/{{sample}}.log",
        benchmark:
            f"{R}/benchmarks/evaluate_joint/{{sample}}.tsv"
        conda:
            "../../envs/steelyard.yaml"
        threads: 1
        resources:
            **request(mem_mb=4000, minutes=60),
        params:
            split=settings["split"],
            code=code("evaluate_joint", "ratios.evaluation", LAYERS),
        message:
            f"Evaluating the ratios of {', '.join(SHARING)} on sample {{wildcards.sample}}"
        script:
            "../scripts/evaluate_joint.py"


rule evaluate_variations:
    input:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
        ensembles=lambda wildcards: [f"{R}/ensembles/{variation.name}.pt" for variation in SHAPES[wildcards.systematic]],
    output:
        scores=f"{R}/scores/{{sample}}/systematics/{{systematic}}.npy",
    log:
        f"{R}/logs/evaluate_variations/{{sample}}-{{systematic}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate_variations/{{sample}}-{{systematic}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        split=settings["split"],
        code=code("evaluate_variations", "ratios.evaluation", VARIATION_LAYERS),
    message:
        "Evaluating the variations by {wildcards.systematic} on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_variations.py"


rule evaluate_oracle:
    input:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
    output:
        log_density=f"{R}/oracle/scores/{{sample}}.npy",
    log:
        f"{R}/logs/evaluate_oracle/{{sample}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate_oracle/{{sample}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        oracle=settings["oracle"],
        processes=PROCESSES,
        code=code("evaluate_oracle", "simulators.interface", *EXACT),
    message:
        "Evaluating the exact densities on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_oracle.py"


rule evaluate_oracle_variations:
    input:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
    output:
        scores=f"{R}/oracle/scores/{{sample}}/systematics/{{systematic}}.npy",
    log:
        f"{R}/logs/evaluate_oracle_variations/{{sample}}-{{systematic}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate_oracle_variations/{{sample}}-{{systematic}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        oracle=settings["oracle"],
        variations=lambda wildcards: [dataclasses.asdict(item) for item in SHAPES[wildcards.systematic]],
        code=code("evaluate_oracle_variations", "simulators.exact_variations", *EXACT),
    message:
        "Evaluating the exact variations by {wildcards.systematic} on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_oracle_variations.py"
