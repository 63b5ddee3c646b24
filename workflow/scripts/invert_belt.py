from steelyard.finite_simulation.simulation_uncertainty import SimulationUncertainty
from steelyard.inference.belts import Belt, infer
from steelyard.inference.fit import Scan
from steelyard.inference.toys import load_points, load_toys
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files = snakemake.input

with logged(snakemake.log[0]):
    mixture = load_model(files.model).mixture
    belt, scan = from_json(Belt, files.belt), from_json(Scan, files.scan)
    signal = load_toys(files.expected) if files.expected else None
    sigma_t = from_json(SimulationUncertainty, files.uncertainty).shift_at if files.uncertainty else None
    to_json(infer(belt, scan, mixture, load_points(files.lowest), signal, sigma_t), snakemake.output.inference)
