# Ratios, yields and coefficients become the statistical model, learned and exact.


rule build_model:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/scores/{sample}/{ratio}.unseen.npy" for sample in SAMPLES for ratio in RATIOS],
    output:
        model=f"{R}/model/model.npz",
    log:
        f"{R}/logs/build_model/nsbi.log",
    benchmark:
        f"{R}/benchmarks/build_model/nsbi.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        **section("parameters", "processes"),
        grid=analysis.belts.points,
        exact=False,
        code=code_digest("statistics.model", "statistics.rates"),
    message:
        "Building the statistical model"
    script:
        "../scripts/build_model.py"


use rule build_model as build_oracle_model with:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/oracle/scores/{sample}.npy" for sample in SAMPLES],
    output:
        model=f"{R}/oracle/model/model.npz",
    log:
        f"{R}/logs/build_model/oracle.log",
    benchmark:
        f"{R}/benchmarks/build_model/oracle.tsv"
    params:
        **section("parameters", "processes"),
        grid=analysis.belts.points,
        exact=True,
        code=code_digest("statistics.model", "statistics.rates"),
    message:
        "Building the exact model on the same events"


rule rate_observed:
    input:
        model=rules.build_model.output.model,
        scores=[f"{R}/scores/observed/{ratio}.unseen.npy" for ratio in RATIOS],
    output:
        rates=f"{R}/model/observed.npy",
    log:
        f"{R}/logs/rate_observed/nsbi.log",
    benchmark:
        f"{R}/benchmarks/rate_observed/nsbi.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        exact=False,
        code=code_digest("statistics.model"),
    message:
        "Evaluating the model on the observed events"
    script:
        "../scripts/rate_observed.py"


use rule rate_observed as rate_oracle_observed with:
    input:
        model=rules.build_oracle_model.output.model,
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/oracle/scores/observed.npy"],
    output:
        rates=f"{R}/oracle/model/observed.npy",
    log:
        f"{R}/logs/rate_observed/oracle.log",
    benchmark:
        f"{R}/benchmarks/rate_observed/oracle.tsv"
    params:
        exact=True,
        code=code_digest("statistics.model"),
    message:
        "Evaluating the exact model on the observed events"
