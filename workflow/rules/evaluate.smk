# What the ensembles, and where there is one the exact density, say of every event.


rule evaluate_ensemble:
    input:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
        ensemble=rules.combine_ensemble.output.ensemble,
    output:
        unseen=f"{R}/scores/{{sample}}/{{ratio}}.unseen.npy",
        seen=f"{R}/scores/{{sample}}/{{ratio}}.seen.npy",
    log:
        f"{R}/logs/evaluate_ensemble/{{sample}}-{{ratio}}.log",
    benchmark:
        f"{R}/benchmarks/evaluate_ensemble/{{sample}}-{{ratio}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        split=settings["split"],
        code=code_digest("ratios.evaluation"),
    message:
        "Evaluating the ratio {wildcards.ratio} on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_ensemble.py"


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
        mem_mb=4000,
        runtime=60,
    params:
        oracle=settings["oracle"],
        processes=PROCESSES,
        code=code_digest("simulators", "offshell4l"),
    message:
        "Evaluating the exact densities on sample {wildcards.sample}"
    script:
        "../scripts/evaluate_oracle.py"
