# The fit and the scan of t(mu), to the expected (Asimov) and to the observed data.


rule scan_likelihood:
    input:
        model=f"{R}/{{likelihood}}model/model.npz",
        observed=lambda wildcards: (
            f"{R}/{wildcards.likelihood}model/observed.npy" if wildcards.data == "observed" else []
        ),
        shapes=lambda wildcards: (
            f"{R}/{wildcards.likelihood}model/observed_shapes.npy" if wildcards.data == "observed" else []
        ),
    output:
        scan=f"{R}/{{likelihood}}fits/{{data}}.json",
    log:
        f"{R}/logs/scan_likelihood/{{likelihood}}{{data}}.log",
    benchmark:
        f"{R}/benchmarks/scan_likelihood/{{likelihood}}{{data}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        nominal=analysis.parameters[0].nominal,
        scan=settings["scan"],
        code=code("scan_likelihood", "inference.fit", "regions.unbinned"),
    message:
        "Scanning the likelihood of the {wildcards.data} data ({wildcards.likelihood}{wildcards.data})"
    script:
        "../scripts/scan_likelihood.py"


rule rank_nuisances:
    input:
        scan=f"{R}/{{likelihood}}fits/{{data}}.json",
        model=f"{R}/{{likelihood}}model/model.npz",
        observed=lambda wildcards: (
            f"{R}/{wildcards.likelihood}model/observed.npy" if wildcards.data == "observed" else []
        ),
        shapes=lambda wildcards: (
            f"{R}/{wildcards.likelihood}model/observed_shapes.npy" if wildcards.data == "observed" else []
        ),
    output:
        impacts=f"{R}/{{likelihood}}impacts/{{data}}.json",
    log:
        f"{R}/logs/rank_nuisances/{{likelihood}}{{data}}.log",
    benchmark:
        f"{R}/benchmarks/rank_nuisances/{{likelihood}}{{data}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        nominal=analysis.parameters[0].nominal,
        groups=GROUPS,
        code=code("rank_nuisances", "inference.impacts", "regions.unbinned"),
    message:
        "Ranking the nuisance parameters ({wildcards.likelihood}{wildcards.data})"
    script:
        "../scripts/rank_nuisances.py"


# What the fluctuation of the finite reference sample adds to the fits of the learned likelihood.
rule measure_reference:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        model=rules.build_model.output.model,
        observed=rules.rate_observed.output.intensities if analysis.observed else [],
        shapes=rules.rate_observed.output.shapes if analysis.observed else [],
        scans=[f"{R}/fits/{data}.json" for data in DATA],
    output:
        [f"{R}/reference/error-{data}.json" for data in DATA],
    log:
        f"{R}/logs/measure_reference.log",
    benchmark:
        f"{R}/benchmarks/measure_reference.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=30),
    params:
        data=DATA,
        nominal=analysis.parameters[0].nominal,
        code=code("measure_reference", "finite_simulation.reference_error", "regions.unbinned", "data.reference_events"),
    message:
        "Measuring what the finite reference sample adds to the error"
    script:
        "../scripts/measure_reference.py"
