from steelyard.audit import compare, load_experiments
from steelyard.belts import Belt
from steelyard.jobs import logged
from steelyard.model import load_model
from steelyard.results import from_json, to_json

files = snakemake.input

with logged(snakemake.log[0]):
    mixture, belt = load_model(files.model).mixture, from_json(Belt, files.belt)
    to_json(
        compare([load_experiments(path) for path in files.experiments], belt, mixture.to_coordinate),
        snakemake.output.audit,
    )
