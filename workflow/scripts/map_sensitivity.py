from steelyard.configuration.schema import Observable
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import open_all
from steelyard.diagnostics.model.sensitivity import SensitivityMaps, map_observables
from steelyard.io.serialisation import to_json
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    model, samples = load_model(files.model), open_all(files.info)
    events = ReferenceEvents(model.weights, model.rows)
    values = events.gather([sample.observables for sample in samples])
    observables = [Observable.model_validate(item) for item in params.observables]
    maps = map_observables(observables, values, model, params.tested, params.nominal)
    to_json(SensitivityMaps(maps), snakemake.output.maps)
