from pathlib import Path
from types import SimpleNamespace

from steelyard.configuration.networks import Split, training_rule
from steelyard.data.null_ratios import save_null
from steelyard.data.store import open_all
from steelyard.data.variations import Variation
from steelyard.ratios.ensembles import open_ensemble
from steelyard.ratios.hypotheses import variation_samples
from steelyard.ratios.null_variations import largest_process, train_null
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]) as log:
    samples, null = open_all(files.info), SimpleNamespace(**params.null)
    process = largest_process(samples, null.coefficients)
    log.info("the null variation by %s is that of process %s", null.systematic, process)
    variation = Variation(
        name=f"{process}-{null.systematic}-{null.direction}",
        process=process,
        systematic=null.systematic,
        direction=null.direction,
        kind=null.kind,
    )
    varied = {sample.info.name: sample for sample in open_all(files.varied_info)}
    learned = {Path(path).stem: path for path in files.ensembles}.get(variation.name)
    result = train_null(
        samples,
        variation_samples(samples, varied, variation),
        variation,
        list(null.coefficients),
        learned=open_ensemble(learned) if learned else None,
        members=params.members,
        combination=params.combination,
        split=Split.model_validate(params.split),
        training=training_rule(params.training),
        bootstrap=params.bootstrap,
        seed_of=lambda replica, member: seed_for(
            params.seed, "train_null", ratio=variation.name, replica=replica, member=member
        ),
        folder=params.checkpoints,
        threads=snakemake.threads,
    )
    save_null(result, snakemake.output.null)
