# The reference mixture that every process is compared with.


rule mix_reference:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
    output:
        reference=f"{R}/reference/reference.json",
    log:
        f"{R}/logs/mix_reference.log",
    benchmark:
        f"{R}/benchmarks/mix_reference.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        **section("reference", "split"),
        processes=PROCESSES,  # not their coefficients and yields, on which no network depends
        labels={name: SOURCES[name]["labels"] for name in SAMPLES},
        code=code("mix_reference", "data.reference"),
    message:
        "Mixing the reference"
    script:
        "../scripts/mix_reference.py"
