import json

import yaml

from steelyard.io.files import whole
from steelyard.ratios.version import TRAINING_VERSION
from steelyard.runtime.jobs import logged
from steelyard.runtime.provenance import versions

outputs, settings = snakemake.output, snakemake.params.settings

with logged(snakemake.log[0]), whole(outputs.configuration) as configuration, whole(outputs.provenance) as provenance:
    configuration.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    record = {"versions": versions(), "training": TRAINING_VERSION, "seed": settings["seed"]}
    provenance.write_text(json.dumps(record, indent=1) + "\n")
