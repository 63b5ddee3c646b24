from steelyard.configuration import ReferenceWeight, Split
from steelyard.jobs import logged
from steelyard.reference import mix_reference
from steelyard.results import to_json
from steelyard.store import open_all

params = snakemake.params

with logged(snakemake.log[0]):
    reference = mix_reference(
        open_all(snakemake.input.info),
        params.processes,
        params.reference and [ReferenceWeight.model_validate(item) for item in params.reference],
        Split.model_validate(params.split),
        params.labels,
    )
    to_json(reference, snakemake.output.reference)
