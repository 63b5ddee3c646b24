from steelyard.inference.belts import build_belt
from steelyard.inference.toys import load_points
from steelyard.io.serialisation import to_json
from steelyard.runtime.jobs import logged

with logged(snakemake.log[0]):
    to_json(build_belt(load_points(snakemake.input.toys), tuple(snakemake.params.levels)), snakemake.output.belt)
