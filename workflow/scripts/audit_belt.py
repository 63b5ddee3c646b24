from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.audit import compare
from steelyard.statistics.belts import Belt
from steelyard.statistics.critical_surface import CriticalSurfaces
from steelyard.statistics.experiment_fits import load_experiments
from steelyard.statistics.model import load_model

files = snakemake.input

with logged(snakemake.log[0]):
    mixture = load_model(files.model).mixture
    critical = from_json(CriticalSurfaces, files.surfaces) if files.surfaces else from_json(Belt, files.belt)
    to_json(
        compare([load_experiments(path) for path in files.experiments], critical, mixture.to_coordinate),
        snakemake.output.audit,
    )
