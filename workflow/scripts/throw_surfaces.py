from steelyard.coverage.critical_surface import CriticalSurfaces, leading_nuisances, throw_surface
from steelyard.inference.impacts import Impacts
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged
from steelyard.seeds import seed_for

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    model = load_model(files.model)
    leading = leading_nuisances(from_json(Impacts, files.impacts), model.systematics)
    surfaces = [
        throw_surface(
            model, mu, leading, params.toys, params.levels, seed_for(params.seed, "throw_surfaces", point=point)
        )
        for point, mu in params.points.items()
    ]
    to_json(CriticalSurfaces(tuple(surfaces)), snakemake.output.surfaces)
