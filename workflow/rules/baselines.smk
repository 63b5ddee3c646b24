# The binned analyses that run beside the unbinned one, from the same events.


rule fit_baseline:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        model=rules.build_model.output.model,
        observed=rules.rate_observed.output.intensities if analysis.observed else [],
        observed_info=f"{R}/samples/observed/sample.json" if analysis.observed else [],
    output:
        result=f"{R}/baselines/{{baseline}}.json",
    log:
        f"{R}/logs/fit_baseline/{{baseline}}.log",
    benchmark:
        f"{R}/benchmarks/fit_baseline/{{baseline}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        baseline=lambda wildcards: BASELINES[wildcards.baseline],
        nominal=analysis.parameter.nominal,
        levels=LEVELS,
        points=list(POINTS.values()),
        toys=analysis.belts.toys,
        seed=analysis.seed,
        scan=settings["scan"],
        entries=THRESHOLDS["template_entries"],
        agreement=THRESHOLDS["pyhf"],
        code=code("fit_baseline", "baselines.analyses"),
    message:
        "Fitting the histogram {wildcards.baseline}"
    script:
        "../scripts/fit_baseline.py"
