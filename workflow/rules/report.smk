# The result: one summary for software, pictures (plots.smk) and a page for people.


rule summarise_results:
    input:
        inferences=[f"{R}/intervals/{data}.json" for data in DATA],
        oracle_inferences=[f"{R}/oracle/intervals/{data}.json" for data in DATA] if ORACLE else [],
        scans=[f"{R}/fits/{data}.json" for data in DATA],
        oracle_scans=[f"{R}/oracle/fits/{data}.json" for data in DATA] if ORACLE else [],
        baselines=[f"{R}/baselines/{baseline}.json" for baseline in BASELINES],
        ratios=[f"{R}/diagnostics/ratios/{process}.json" for process in PROCESSES],
        model=rules.diagnose_model.output.diagnosis,
        oracle=rules.compare_oracle.output.diagnosis if ORACLE else [],
        data=rules.compare_data.output.diagnosis if analysis.observed else [],
        samples=[f"{R}/samples/{sample}/sample.json" for sample in SAMPLES],
        reference=rules.measure_reference.output,
        mixture=rules.mix_reference.output.reference,
        simulation=rules.measure_simulation.output.diagnosis,
        uncertainty=rules.measure_uncertainty.output,
        belts=[f"{R}/belts/{belt}.json" for belt in dict.fromkeys(BELTS.values())],
        audit=rules.audit_belt.output.audit if AUDIT_POINTS else [],
        systematics=[f"{R}/diagnostics/systematics/{systematic}.json" for systematic in SHAPES],
        factorisation=[f"{R}/diagnostics/factorisation/{joint}.json" for joint in JOINT_POINTS],
        impacts=[f"{R}/impacts/{data}.json" for data in DATA] if NUISANCES else [],
        oracle_impacts=[f"{R}/oracle/impacts/{data}.json" for data in DATA] if NUISANCES and ORACLE else [],
    output:
        summary=f"{R}/summary.json",
        checks=f"{R}/checks.json",
    log:
        f"{R}/logs/summarise_results.log",
    benchmark:
        f"{R}/benchmarks/summarise_results.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        analysis=analysis.analysis,
        parameter=analysis.parameter.name,
        belts=list(dict.fromkeys(BELTS.values())),
        headline=analysis.belts.significance,
        bounds=analysis.parameter.bounds,
        data=DATA,
        thresholds=THRESHOLDS,
        members=analysis.ensembles.members,
        code=code(
            "summarise_results",
            "report.summary",
            "diagnostics.advice",
            "diagnostics.inference",
            "diagnostics.simulation.simulation_checks",
            "diagnostics.factorisation.factorisation_checks",
        ),
    message:
        "Summarising the results"
    script:
        "../scripts/summarise_results.py"


rule record_provenance:
    output:
        configuration=f"{R}/configuration.yaml",
        provenance=f"{R}/provenance.json",
    log:
        f"{R}/logs/record_provenance.log",
    benchmark:
        f"{R}/benchmarks/record_provenance.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=1000, minutes=5),
    params:
        settings=settings,
        code=code("record_provenance", "runtime.provenance"),
    message:
        "Recording the configuration and the versions"
    script:
        "../scripts/record_provenance.py"


include: "plots.smk"


rule write_page:
    input:
        summary=rules.summarise_results.output.summary,
        checks=rules.summarise_results.output.checks,
        belts=[rules.plot_result.output[f"belt_{data}"] for data in DATA],
    output:
        page=report(
            f"{R}/result.html", caption="../report/result.rst", category="1 Result", labels={"figure": "summary"}
        ),
    log:
        f"{R}/logs/write_page.log",
    benchmark:
        f"{R}/benchmarks/write_page.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=15),
    params:
        data=DATA,
        note=LABELS.get("note"),
        code=code("write_page", "report.page", "diagnostics", "baselines.results"),  # remedies are read there
    message:
        "Writing the page that the report starts with"
    script:
        "../scripts/write_page.py"


all_plots = [
    rules.write_page.output,
    rules.plot_result.output,
    rules.plot_checks.output,
    expand(rules.plot_ratio.output, process=PROCESSES),
    rules.plot_audit.output if AUDIT_POINTS else [],
    rules.plot_variations.output if SHAPES else [],
    expand(rules.plot_factorisation.output, joint=JOINT_POINTS),
    expand(rules.plot_nuisances.output, data=DATA) if NUISANCES else [],
]


onsuccess:
    from steelyard.io.serialisation import from_json
    from steelyard.report.summary import Summary
    from steelyard.report.summary_text import format_table

    if os.path.exists(f"{R}/summary.json"):
        print("", format_table(from_json(Summary, f"{R}/summary.json")), sep="\n")
