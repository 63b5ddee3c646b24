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
        mem_mb=4000,
        runtime=30,
    params:
        nominal=analysis.parameters[0].nominal,
        scan=settings["scan"],
        code=code("scan_likelihood", "statistics.fits", "statistics.model"),
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
        mem_mb=4000,
        runtime=30,
    params:
        nominal=analysis.parameters[0].nominal,
        groups=GROUPS,
        code=code("rank_nuisances", "statistics.impacts", "statistics.model"),
    message:
        "Ranking the nuisance parameters ({wildcards.likelihood}{wildcards.data})"
    script:
        "../scripts/rank_nuisances.py"
