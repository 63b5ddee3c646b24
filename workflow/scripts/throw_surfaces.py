from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.seeds import seed_for
from steelyard.statistics.critical_surface import CriticalSurfaces, leading_nuisances, throw_surface
from steelyard.statistics.impacts import Impacts
from steelyard.statistics.model import load_model

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
