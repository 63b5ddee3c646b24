# Is any of it to be believed? Every check has a threshold and a verdict, which the summary collects.


rule diagnose_ratio:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        ensemble=f"{R}/ensembles/{{process}}.pt",
        unseen=[f"{R}/scores/{sample}/{{process}}.unseen.npy" for sample in SAMPLES],
        seen=[f"{R}/scores/{sample}/{{process}}.seen.npy" for sample in SAMPLES],
    output:
        diagnosis=f"{R}/diagnostics/ratios/{{process}}.json",
    log:
        f"{R}/logs/diagnose_ratio/{{process}}.log",
    benchmark:
        f"{R}/benchmarks/diagnose_ratio/{{process}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        thresholds=settings["diagnostics"]["thresholds"],
        code=code("diagnose_ratio", "diagnostics.ratio", LAYERS),
    message:
        "Checking the ratio {wildcards.process}"
    script:
        "../scripts/diagnose_ratio.py"


rule diagnose_systematic:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **{f"varied_{name}": lambda wildcards, name=name: varied_stores(wildcards.systematic, name) for name in STORE},
        model=rules.build_model.output.model,
        scores=[f"{R}/scores/{sample}/systematics/{{systematic}}.npy" for sample in SAMPLES],
        oracle=[f"{R}/oracle/scores/{sample}/systematics/{{systematic}}.npy" for sample in SAMPLES] if ORACLE else [],
        null=lambda wildcards: f"{R}/nulls/{wildcards.systematic}.npz" if wildcards.systematic in NULLS else [],
    output:
        diagnosis=f"{R}/diagnostics/systematics/{{systematic}}.json",
    log:
        f"{R}/logs/diagnose_systematic/{{systematic}}.log",
    benchmark:
        f"{R}/benchmarks/diagnose_systematic/{{systematic}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        split=settings["split"],
        thresholds=THRESHOLDS,
        variations=lambda wildcards: [dataclasses.asdict(item) for item in SHAPES[wildcards.systematic]],
        directions=lambda wildcards: [
            source.direction for source in VARIED.values() if source.systematic == wildcards.systematic
        ],
        nominal=analysis.parameter.nominal,
        null=lambda wildcards: (
            dataclasses.asdict(NULLS[wildcards.systematic]) if wildcards.systematic in NULLS else None
        ),
        code=code(
            "diagnose_systematic",
            "diagnostics.variation",
            "regions.unbinned",
            "finite_simulation.null_information",
            "data.null_ratios",
        ),
    message:
        "Checking the variations by {wildcards.systematic}"
    script:
        "../scripts/diagnose_systematic.py"


rule diagnose_model:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        model=rules.build_model.output.model,
        scan=f"{R}/fits/asimov.json",
        scores=[f"{R}/scores/{sample}/{process}.unseen.npy" for sample in SAMPLES for process in PROCESSES],
    output:
        diagnosis=f"{R}/diagnostics/model.json",
    log:
        f"{R}/logs/diagnose_model.log",
    benchmark:
        f"{R}/benchmarks/diagnose_model.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        grid=analysis.scan.grid.tolist(),
        truths=[analysis.parameter.nominal],
        thresholds=settings["diagnostics"]["thresholds"],
        code=code("diagnose_model", "diagnostics.model"),
    message:
        "Checking the sums and differences that the likelihood uses"
    script:
        "../scripts/diagnose_model.py"


# How well the finite simulation and the training fix the expected curve, by events that trained no network.
rule measure_simulation:
    input:
        **stores("features", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        model=rules.build_model.output.model,
        scan=f"{R}/fits/asimov.json",
        errors=f"{R}/reference/error-asimov.json",
        ensembles=[f"{R}/ensembles/{process}.pt" for process in PROCESSES],
    output:
        diagnosis=f"{R}/diagnostics/simulation.json",
    log:
        f"{R}/logs/measure_simulation.log",
    benchmark:
        f"{R}/benchmarks/measure_simulation.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        nominal=analysis.parameter.nominal,
        thresholds=THRESHOLDS,
        seed=analysis.seed,
        code=code("measure_simulation", "diagnostics.simulation", "finite_simulation.member_ratios", LAYERS),
    message:
        "Measuring what finite simulation and training leave unknown of t"
    script:
        "../scripts/measure_simulation.py"


# The uncertainty of each result from finite simulation and training: of t(mu) along the scan, and of the best fit.
rule measure_uncertainty:
    input:
        **stores("features", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        model=rules.build_model.output.model,
        observed=rules.rate_observed.output.intensities if analysis.observed else [],
        shapes=rules.rate_observed.output.shapes if analysis.observed else [],
        scans=[f"{R}/fits/{data}.json" for data in DATA],
        ensembles=[f"{R}/ensembles/{process}.pt" for process in PROCESSES],
    output:
        [f"{R}/uncertainty/{data}.json" for data in DATA],
    log:
        f"{R}/logs/measure_uncertainty.log",
    benchmark:
        f"{R}/benchmarks/measure_uncertainty.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        data=DATA,
        configured=[process.name for process in analysis.processes if process.yield_ is not None],
        seed=analysis.seed,
        code=code(
            "measure_uncertainty",
            "finite_simulation.simulation_uncertainty",
            "finite_simulation.member_ratios",
            "diagnostics.simulation.simulation_checks",
            LAYERS,
        ),
    message:
        "Measuring the uncertainty of the results from finite simulation and training"
    script:
        "../scripts/measure_uncertainty.py"


# Whether the effects of nuisance parameters factorise, by samples in which several are off at once.
rule diagnose_factorisation:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **{f"varied_{name}": lambda wildcards, name=name: single_stores(wildcards.joint, name) for name in STORE},
        **{f"joint_{name}": lambda wildcards, name=name: joint_stores(wildcards.joint, name) for name in STORE},
        model=rules.build_model.output.model,
        scans=[f"{R}/fits/{data}.json" for data in DATA],
        scores=[f"{R}/scores/{sample}/{process}.unseen.npy" for sample in SAMPLES for process in PROCESSES],
        variations=[f"{R}/scores/{sample}/systematics/{name}.npy" for sample in SAMPLES for name in SHAPES],
        ensembles=[f"{R}/ensembles/{ratio}.pt" for ratio in RATIOS],
    output:
        diagnosis=f"{R}/diagnostics/factorisation/{{joint}}.json",
    log:
        f"{R}/logs/diagnose_factorisation/{{joint}}.log",
    benchmark:
        f"{R}/benchmarks/diagnose_factorisation/{{joint}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        split=settings["split"],
        thresholds=THRESHOLDS,
        alpha=lambda wildcards: JOINT_POINTS[wildcards.joint].alpha,
        processes=lambda wildcards: JOINT_POINTS[wildcards.joint].processes,
        sources=lambda wildcards: [systematic for _, systematic, _ in JOINT_POINTS[wildcards.joint].sources],
        events=int(THRESHOLDS["factorisation_events"]),
        data=DATA,
        nominal=analysis.parameter.nominal,
        code=code("diagnose_factorisation", "diagnostics.factorisation", "ratios.evaluation", LAYERS, VARIATION_LAYERS),
    message:
        "Checking whether the effects of nuisance parameters factorise at {wildcards.joint}"
    script:
        "../scripts/diagnose_factorisation.py"


rule compare_oracle:
    input:
        model=rules.build_model.output.model,
        oracle=rules.build_oracle_model.output.model,
        scan=f"{R}/fits/asimov.json",
        oracle_scan=f"{R}/oracle/fits/asimov.json",
        baselines=[f"{R}/baselines/{baseline}.json" for baseline in BASELINES],
    output:
        diagnosis=f"{R}/diagnostics/oracle.json",
    log:
        f"{R}/logs/compare_oracle.log",
    benchmark:
        f"{R}/benchmarks/compare_oracle.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        diagnostics=settings["diagnostics"],
        code=code("compare_oracle", "diagnostics.oracle"),
    message:
        "Comparing the learned with the exact likelihood"
    script:
        "../scripts/compare_oracle.py"


rule compare_data:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **{f"observed_{name}": f"{R}/samples/observed/{file}" for name, file in STORE.items()},
        model=rules.build_model.output.model,
        observed=rules.rate_observed.output.intensities,
        shapes=rules.rate_observed.output.shapes,
        scan=f"{R}/fits/observed.json",
    output:
        diagnosis=f"{R}/diagnostics/data.json",
    log:
        f"{R}/logs/compare_data.log",
    benchmark:
        f"{R}/benchmarks/compare_data.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        levels=THRESHOLDS["data_agreement"],
        code=code(
            "compare_data",
            "diagnostics.inference.data_comparison",
            "diagnostics.inference.data_support",
            "regions.unbinned",
        ),
    message:
        "Comparing data and simulation in what the likelihood sees"
    script:
        "../scripts/compare_data.py"


rule map_sensitivity:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        model=rules.build_model.output.model,
    output:
        maps=f"{R}/diagnostics/sensitivity.json",
    log:
        f"{R}/logs/map_sensitivity.log",
    benchmark:
        f"{R}/benchmarks/map_sensitivity.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        **section("observables"),
        nominal=analysis.parameter.nominal,
        tested=analysis.parameter.bounds[0],
        code=code("map_sensitivity", "diagnostics.model.sensitivity", "regions.unbinned"),
    message:
        "Mapping where the sensitivity comes from"
    script:
        "../scripts/map_sensitivity.py"
