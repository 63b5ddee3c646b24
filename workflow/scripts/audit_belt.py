from steelyard.coverage.audit import compare
from steelyard.coverage.critical_surface import CriticalSurfaces
from steelyard.coverage.experiment_fits import load_experiments
from steelyard.inference.belts import Belt
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files = snakemake.input

with logged(snakemake.log[0]):
    mixture = load_model(files.model).mixture
    critical = from_json(CriticalSurfaces, files.surfaces) if files.surfaces else from_json(Belt, files.belt)
    to_json(
        compare([load_experiments(path) for path in files.experiments], critical, mixture.to_coordinate),
        snakemake.output.audit,
    )
