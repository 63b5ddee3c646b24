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
        **request(mem_mb=4000, minutes=30),
    params:
        **section("reference", "split"),
        processes=PROCESSES,  # not their coefficients and yields, on which no network depends
        labels={name: SOURCES[name]["labels"] for name in SAMPLES},
        weights={name: SOURCES[name]["weights"] for name in SAMPLES},  # words of an error
        # Coefficients and yields say which processes are negligible. Another coefficient must not train every network
        # again for that: any mixture serves, and the model tells where another one would be chosen now.
        rate=lambda wildcards, output: {
            **section("parameters", "processes"),
            "free": [process for factor in settings["norm_factors"] for process in factor["processes"]],
        },
        code=code("mix_reference", "data.reference", "data.expected"),
    message:
        "Mixing the reference"
    script:
        "../scripts/mix_reference.py"
