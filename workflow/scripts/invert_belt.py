from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.belts import Belt, infer
from steelyard.statistics.fits import Scan
from steelyard.statistics.model import load_model
from steelyard.statistics.toys import load_points, load_toys

files = snakemake.input

with logged(snakemake.log[0]):
    mixture = load_model(files.model).mixture
    belt, scan = from_json(Belt, files.belt), from_json(Scan, files.scan)
    signal = load_toys(files.expected) if files.expected else None
    to_json(infer(belt, scan, mixture, load_points(files.lowest), signal), snakemake.output.inference)
