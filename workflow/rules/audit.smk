# Independently simulated experiments: does the belt cover, and are its critical values those of the exact likelihood?


rule simulate_experiments:
    input:
        model=rules.build_model.output.model,
        oracle=rules.build_oracle_model.output.model,
        reference=rules.mix_reference.output.reference,
        ensembles=[f"{R}/ensembles/{process}.pt" for process in PROCESSES],
        variations=[f"{R}/ensembles/{variation}.pt" for variation in VARIATIONS],
    output:
        experiments=f"{R}/audit/mu-{{point}}/{{truth}}.npz",
    log:
        f"{R}/logs/simulate_experiments/mu-{{point}}-{{truth}}.log",
    benchmark:
        f"{R}/benchmarks/simulate_experiments/mu-{{point}}-{{truth}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        **section("oracle", "variables", "selection", "features"),
        mu=lambda wildcards: AUDIT_POINTS[wildcards.point],
        experiments=analysis.audit.experiments if analysis.audit else 0,
        parameter=analysis.parameter.name,
        nominal=analysis.nominal,
        alpha=lambda wildcards: TRUTHS[wildcards.truth],
        shapes=[dataclasses.asdict(variation) for variation in VARIATIONS.values()],
        seed=analysis.seed,
        code=code("simulate_experiments", "statistics.experiment_fits", "statistics.experiments", "offshell4l"),
    message:
        "Simulating and fitting independent experiments at {wildcards.point}, {wildcards.truth}"
    script:
        "../scripts/simulate_experiments.py"


rule audit_belt:
    input:
        model=rules.build_model.output.model,
        experiments=[f"{R}/audit/mu-{point}/{truth}.npz" for truth in TRUTHS for point in AUDIT_POINTS],
        belt=f"{R}/belts/belt.json",
    output:
        audit=f"{R}/audit/audit.json",
    log:
        f"{R}/logs/audit_belt.log",
    benchmark:
        f"{R}/benchmarks/audit_belt.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code("audit_belt", "statistics.audit"),
    message:
        "Auditing the belt's coverage"
    script:
        "../scripts/audit_belt.py"
