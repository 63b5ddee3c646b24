from steelyard.configuration import ReferenceWeight, Split
from steelyard.data.reference import mix_reference
from steelyard.data.store import open_all
from steelyard.jobs import logged
from steelyard.results import to_json

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
