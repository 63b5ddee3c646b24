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
        **request(mem_mb=4000, minutes=60),
    params:
        **section("oracle", "variables", "selection", "features"),
        mu=lambda wildcards: AUDIT_POINTS[wildcards.point],
        experiments=analysis.audit.experiments if analysis.audit else 0,
        parameter=analysis.parameter.name,
        nominal=analysis.nominal,
        alpha=lambda wildcards: TRUTHS[wildcards.truth],
        shapes=[dataclasses.asdict(variation) for variation in VARIATIONS.values()],
        seed=analysis.seed,
        code=code(
            "simulate_experiments",
            "coverage.experiment_fits",
            "coverage.experiments",
            *EXACT,
            LAYERS,
            VARIATION_LAYERS,
        ),
    message:
        "Simulating and fitting independent experiments at {wildcards.point}, {wildcards.truth}"
    script:
        "../scripts/simulate_experiments.py"


rule throw_surfaces:
    input:
        model=rules.build_model.output.model,
        # For the order of the nuisance parameters alone, which follows the model; another group is another file of ranks.
        impacts=ancient(f"{R}/impacts/asimov.json"),
    output:
        surfaces=f"{R}/audit/surfaces.json",
    log:
        f"{R}/logs/throw_surfaces.log",
    benchmark:
        f"{R}/benchmarks/throw_surfaces.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=60),
    params:
        points=AUDIT_POINTS,
        toys=analysis.audit.surface_toys if analysis.audit else 0,
        levels=LEVELS,
        seed=analysis.seed,
        code=code("throw_surfaces", "coverage.critical_surface"),
    message:
        "Throwing toys for the critical values of the audit"
    script:
        "../scripts/throw_surfaces.py"


rule audit_belt:
    input:
        model=rules.build_model.output.model,
        experiments=[f"{R}/audit/mu-{point}/{truth}.npz" for truth in TRUTHS for point in AUDIT_POINTS],
        # Toys at the conditional fit: each experiment has the critical value of its own. Else one belt serves all.
        surfaces=f"{R}/audit/surfaces.json" if CONDITIONAL else [],
        belt=[] if CONDITIONAL else f"{R}/belts/any.json",
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
        **request(mem_mb=2000, minutes=15),
    params:
        code=code("audit_belt", "coverage.audit"),
    message:
        "Auditing the belt's coverage"
    script:
        "../scripts/audit_belt.py"
