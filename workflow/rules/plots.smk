# The pictures of the results and of the checks.


rule plot_result:
    input:
        summary=rules.summarise_results.output.summary,
        belts=[f"{R}/belts/{BELTS[data]}.json" for data in DATA],
        scans=[f"{R}/fits/{data}.json" for data in DATA],
        inferences=[f"{R}/intervals/{data}.json" for data in DATA],
        uncertainty=rules.measure_uncertainty.output,
        oracle_belts=[f"{R}/oracle/belts/{BELTS[data]}.json" for data in DATA] if ORACLE else [],
        oracle_scans=[f"{R}/oracle/fits/{data}.json" for data in DATA] if ORACLE else [],
        oracle_inferences=[f"{R}/oracle/intervals/{data}.json" for data in DATA] if ORACLE else [],
        baselines=[f"{R}/baselines/{baseline}.json" for baseline in BASELINES],
    output:
        **{
            key: value
            for data in DATA
            for key, value in figure(
                f"belt_{data}", f"belt-{data}", "belt", "1 Result", figure=f"confidence belt, {data} data"
            ).items()
        },
        **figure("intervals", "intervals", "intervals", "1 Result", figure="intervals"),
        **{
            key: value
            for data in DATA
            for key, value in figure(
                f"scan_{data}", f"scan-{data}", "scan", "1 Result", figure=f"t, {data} data"
            ).items()
        },
        **{
            key: value
            for name in BASELINES
            for key, value in figure(
                f"baseline_{name}", f"baseline-{name}", "baseline", "1 Result", figure=f"histogram {name}"
            ).items()
        },
    log:
        f"{R}/logs/plot_result.log",
    benchmark:
        f"{R}/benchmarks/plot_result.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        data=DATA,
        thresholds=THRESHOLDS,
        oracle_range=settings["diagnostics"]["oracle_range"],
        code=code("plot_result", "plots.belt", "plots.scan", "plots.intervals", "plots.baseline"),
    message:
        "Drawing the result"
    script:
        "../scripts/plot_result.py"


rule plot_variations:
    input:
        diagnoses=[f"{R}/diagnostics/systematics/{systematic}.json" for systematic in SHAPES],
    output:
        **{
            key: value
            for name, items in SHAPES.items()
            for process in dict.fromkeys(variation.process for variation in items)
            for key, value in figure(
                f"closure_{process}_{name}",
                f"variation-{process}-{name}",
                "variation_closure",
                "5 Nuisances",
                figure="±1σ closure",
                systematic=name,
                process=process,
            ).items()
        },
        **{
            key: value
            for name in (SHAPES if ORACLE else [])
            for key, value in figure(
                f"oracle_{name}",
                f"variation-oracle-{name}",
                "variation_oracle",
                "5 Nuisances",
                figure="learned against exact",
                systematic=name,
            ).items()
        },
    log:
        f"{R}/logs/plot_variations.log",
    benchmark:
        f"{R}/benchmarks/plot_variations.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        observables=[observable["name"] for observable in settings["observables"]],
        code=code("plot_variations", "plots.variation_closure", "plots.variation_comparison"),
    message:
        "Drawing the variations"
    script:
        "../scripts/plot_variations.py"


rule plot_factorisation:
    input:
        diagnosis=rules.diagnose_factorisation.output.diagnosis,
    output:
        **figure(
            "factorisation",
            "factorisation-{joint}",
            "factorisation",
            "5 Nuisances",
            figure="factorisation",
            point="{joint}",
        ),
    log:
        f"{R}/logs/plot_factorisation/{{joint}}.log",
    benchmark:
        f"{R}/benchmarks/plot_factorisation/{{joint}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        thresholds=THRESHOLDS,
        code=code("plot_factorisation", "plots.factorisation"),
    message:
        "Drawing the factorisation at {wildcards.joint}"
    script:
        "../scripts/plot_factorisation.py"


rule plot_nuisances:
    input:
        impacts=f"{R}/impacts/{{data}}.json",
        reference=f"{R}/reference/error-{{data}}.json",
        oracle=f"{R}/oracle/impacts/{{data}}.json" if ORACLE else [],
    output:
        **figure("ranking", "ranking-{data}", "ranking", "5 Nuisances", figure="ranking", data="{data}"),
        **figure("budget", "error_budget-{data}", "error_budget", "5 Nuisances", figure="error budget", data="{data}"),
        **figure(
            "correlations", "correlations-{data}", "correlations", "5 Nuisances", figure="correlations", data="{data}"
        ),
    log:
        f"{R}/logs/plot_nuisances/{{data}}.log",
    benchmark:
        f"{R}/benchmarks/plot_nuisances/{{data}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        code=code("plot_nuisances", "plots.impacts"),
    message:
        "Drawing the ranking of the nuisance parameters ({wildcards.data})"
    script:
        "../scripts/plot_nuisances.py"


rule plot_audit:
    input:
        audit=rules.audit_belt.output.audit,
    output:
        **figure("coverage", "coverage", "coverage", "2 Audit", figure="coverage"),
        **figure("critical_values", "critical_values", "critical_values", "2 Audit", figure="critical values"),
    log:
        f"{R}/logs/plot_audit.log",
    benchmark:
        f"{R}/benchmarks/plot_audit.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        code=code("plot_audit", "plots.coverage"),
    message:
        "Drawing the audit"
    script:
        "../scripts/plot_audit.py"


rule plot_ratio:
    input:
        diagnosis=rules.diagnose_ratio.output.diagnosis,
        curves=lambda wildcards: [
            f"{R}/ratios/{trained_as(wildcards.process)}/member-{member}/training.csv"
            for member in members(wildcards.process)
        ],
    output:
        **figure(
            "calibration", "calibration-{process}", "calibration", "3 Ratios", figure="calibration", ratio="{process}"
        ),
        **figure("closure", "closure-{process}", "closure", "3 Ratios", figure="closure", ratio="{process}"),
        **figure("training", "training-{process}", "training", "4 Training", figure="training", ratio="{process}"),
    log:
        f"{R}/logs/plot_ratio/{{process}}.log",
    benchmark:
        f"{R}/benchmarks/plot_ratio/{{process}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        observables=[observable["name"] for observable in settings["observables"]],
        thresholds=THRESHOLDS,
        code=code("plot_ratio", "plots.calibration", "plots.closure", "plots.training"),
    message:
        "Drawing the ratio {wildcards.process}"
    script:
        "../scripts/plot_ratio.py"


rule plot_checks:
    input:
        checks=rules.summarise_results.output.checks,
        ratios=[f"{R}/diagnostics/ratios/{process}.json" for process in PROCESSES],
        model=rules.diagnose_model.output.diagnosis,
        oracle=rules.compare_oracle.output.diagnosis if ORACLE else [],
        data=rules.compare_data.output.diagnosis if analysis.observed else [],
        sensitivity=rules.map_sensitivity.output.maps if len(analysis.observables) > 1 else [],
        simulation=rules.measure_simulation.output.diagnosis,
        scan=f"{R}/fits/asimov.json",
        oracle_scan=f"{R}/oracle/fits/asimov.json" if ORACLE else [],
    output:
        **figure("checks", "checks", "checks", "1 Result", figure="all checks"),
        **figure("normalisation", "normalisation", "normalisation", "3 Ratios", figure="normalisation"),
        **figure("classifier", "classifier_test", "classifier_test", "3 Ratios", figure="fresh classifier"),
        **figure("overtraining", "overtraining", "overtraining", "4 Training", figure="overtraining"),
        **figure("convergence", "convergence", "convergence", "4 Training", figure="convergence"),
        **figure("closure", "closure_summary", "closure_summary", "3 Ratios", figure="closure, all features"),
        **figure("total", "total_closure", "total_closure", "3 Ratios", figure="closure of the total"),
        **figure("total_scan", "total_closure_scan", "total_closure_scan", "3 Ratios", figure="closure along mu"),
        **figure("simulation", "simulation_error", "simulation", "1 Result", figure="error of t by simulation"),
        **(
            figure("sensitivity", "sensitivity", "sensitivity", "1 Result", figure="sensitivity")
            if len(analysis.observables) > 1
            else {}
        ),
        **(figure("oracle", "oracle", "oracle", "3 Ratios", figure="learned against exact") if ORACLE else {}),
        **(
            figure("data", "data_comparison", "data_comparison", "1 Result", figure="data against simulation")
            if analysis.observed
            else {}
        ),
    log:
        f"{R}/logs/plot_checks.log",
    benchmark:
        f"{R}/benchmarks/plot_checks.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        labels=LABELS,
        observables=[observable["name"] for observable in settings["observables"]],
        thresholds=THRESHOLDS,
        code=code(
            "plot_checks",
            "plots.checks",
            "plots.convergence",
            "plots.closure",
            "plots.total_closure",
            "plots.sensitivity",
            "plots.simulation",
            "plots.ratio_comparison",
            "plots.data_comparison",
        ),
    message:
        "Drawing the checks"
    script:
        "../scripts/plot_checks.py"
