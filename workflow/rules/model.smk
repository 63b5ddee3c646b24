# Ratios, yields and coefficients become the statistical model, learned and exact.


rule build_model:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **systematic_inputs(f"{R}/scores"),
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/scores/{sample}/{process}.unseen.npy" for sample in SAMPLES for process in PROCESSES],
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
        **request(mem_mb=4000, minutes=30),
    params:
        **section("parameters", "processes", "prune"),
        effects=EFFECTS,
        varied=[[source.sample, source.systematic, source.direction] for source in VARIED.values()],
        oracle=False,
        code=code(
            "build_model", "regions.unbinned", "regions.measured_yields", "data.expected", "configuration.systematics"
        ),
    message:
        "Building the statistical model"
    script:
        "../scripts/build_model.py"


use rule build_model as build_oracle_model with:
    input:
        **stores("features", "observables", "weights", "ids", "info"),
        **systematic_inputs(f"{R}/oracle/scores"),
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/oracle/scores/{sample}.npy" for sample in SAMPLES],
    output:
        model=f"{R}/oracle/model/model.npz",
    log:
        f"{R}/logs/build_model/oracle.log",
    benchmark:
        f"{R}/benchmarks/build_model/oracle.tsv"
    params:
        **section("parameters", "processes", "prune"),
        effects=EFFECTS,
        varied=[[source.sample, source.systematic, source.direction] for source in VARIED.values()],
        oracle=True,
        code=code(
            "build_model", "regions.unbinned", "regions.measured_yields", "data.expected", "configuration.systematics"
        ),
    message:
        "Building the exact model on the same events"


rule rate_observed:
    input:
        model=rules.build_model.output.model,
        scores=[f"{R}/scores/observed/{process}.unseen.npy" for process in PROCESSES],
        variations=[f"{R}/scores/observed/systematics/{systematic}.npy" for systematic in SHAPES],
    output:
        intensities=f"{R}/model/observed.npy",
        shapes=f"{R}/model/observed_shapes.npy",
    log:
        f"{R}/logs/rate_observed/nsbi.log",
    benchmark:
        f"{R}/benchmarks/rate_observed/nsbi.tsv"
    conda:
        "../../envs/steelyard.yaml"
    threads: 1
    resources:
        **request(mem_mb=4000, minutes=15),
    params:
        oracle=False,
        code=code("rate_observed", "regions.unbinned"),
    message:
        "Evaluating the model on the observed events"
    script:
        "../scripts/rate_observed.py"


use rule rate_observed as rate_oracle_observed with:
    input:
        model=rules.build_oracle_model.output.model,
        reference=rules.mix_reference.output.reference,
        scores=[f"{R}/oracle/scores/observed.npy"],
        variations=[f"{R}/oracle/scores/observed/systematics/{systematic}.npy" for systematic in SHAPES],
    output:
        intensities=f"{R}/oracle/model/observed.npy",
        shapes=f"{R}/oracle/model/observed_shapes.npy",
    log:
        f"{R}/logs/rate_observed/oracle.log",
    benchmark:
        f"{R}/benchmarks/rate_observed/oracle.tsv"
    params:
        oracle=True,
        code=code("rate_observed", "regions.unbinned"),
    message:
        "Evaluating the exact model on the observed events"
