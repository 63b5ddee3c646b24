from steelyard.jobs import logged
from steelyard.results import to_json
from steelyard.statistics.belts import build_belt
from steelyard.statistics.toys import load_points

with logged(snakemake.log[0]):
    to_json(build_belt(load_points(snakemake.input.toys), tuple(snakemake.params.levels)), snakemake.output.belt)
