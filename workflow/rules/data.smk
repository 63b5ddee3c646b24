# From ROOT ntuples to memory-mapped columns.


rule simulate_ntuple:
    output:
        ntuple=f"{R}/ntuples/{{sample}}/part-{{part}}.root",
    log:
        f"{R}/logs/simulate_ntuple/{{sample}}-{{part}}.log",
    benchmark:
        f"{R}/benchmarks/simulate_ntuple/{{sample}}-{{part}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=2000, minutes=30),
    params:
        simulate=lambda wildcards: SOURCES[wildcards.sample]["simulate"],
        seed=analysis.seed,
        code=lambda wildcards: code("simulate_ntuple", simulated_by(wildcards)),
    message:
        "Simulating part {wildcards.part} of sample {wildcards.sample}"
    script:
        "../scripts/simulate_ntuple.py"


rule ingest_sample:
    input:
        ntuples=ntuples,
    output:
        **{name: f"{R}/samples/{{sample}}/{file}" for name, file in STORE.items()},
    log:
        f"{R}/logs/ingest_sample/{{sample}}.log",
    benchmark:
        f"{R}/benchmarks/ingest_sample/{{sample}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 2
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        **section("variables", "selection", "features"),
        ingestion=untracked("ingestion"),
        observables=[{key: item[key] for key in ("name", "expression")} for item in settings["observables"]],
        source=reading,
        files=lambda wildcards: SOURCES[wildcards.sample].get("files"),
        code=lambda wildcards: code("ingest_sample", "data.ingest", "data.store", *readers(wildcards)),
    message:
        "Reading sample {wildcards.sample}"
    script:
        "../scripts/ingest_sample.py"


rule ingest_variation:
    input:
        **{name: f"{R}/samples/{{sample}}/{STORE[name]}" for name in ("ids", "info")},
        ntuples=ntuples,
    output:
        **{name: f"{R}/samples/{{sample}}/variations/{{varied}}/{file}" for name, file in STORE.items()},
    log:
        f"{R}/logs/ingest_variation/{{sample}}-{{varied}}.log",
    benchmark:
        f"{R}/benchmarks/ingest_variation/{{sample}}-{{varied}}.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 2
    resources:
        **request(mem_mb=4000, minutes=60),
    params:
        **section("variables", "selection", "features"),
        ingestion=untracked("ingestion"),
        observables=[{key: item[key] for key in ("name", "expression")} for item in settings["observables"]],
        source=reading,
        varied=lambda wildcards: dataclasses.asdict(varied_source(wildcards.sample, wildcards.varied)),
        files=lambda wildcards: varied_source(wildcards.sample, wildcards.varied).files
        or SOURCES[wildcards.sample].get("files"),
        code=lambda wildcards: code("ingest_variation", "data.ingest_variation", *readers(wildcards)),
    message:
        "Reading sample {wildcards.sample} at {wildcards.varied}"
    script:
        "../scripts/ingest_variation.py"
