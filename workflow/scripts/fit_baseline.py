import numpy as np

from steelyard.baselines.analyses import fit_baseline
from steelyard.baselines.results import BaselineInput
from steelyard.baselines.template_toys import ToyPlan
from steelyard.checks import Levels
from steelyard.configuration.schema import Baseline, Scan
from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents, process_densities
from steelyard.data.store import open_all
from steelyard.io.serialisation import from_json, to_json
from steelyard.regions.binned import Varied
from steelyard.regions.unbinned import load_model
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    samples, reference, model = open_all(files.info), from_json(Reference, files.reference), load_model(files.model)
    events = ReferenceEvents(model.weights, model.rows)
    scan = Scan.model_validate(params.scan)
    given = BaselineInput(
        mixture=model.mixture,
        densities=process_densities(samples, reference, events),
        weights=model.weights,
        mu=scan.curve,
        levels=params.levels,
        truth=params.nominal,
        reach=(scan.start, scan.stop),
        varied=Varied(model.systematics, model.log_g) if len(model.systematics) else None,
        entries=Levels(**params.entries),
        agreement=Levels(**params.agreement),
        toys=ToyPlan(np.asarray(params.points, dtype=float), params.toys, params.seed),
    )
    baseline = Baseline.model_validate(params.baseline)
    observed = open_all([files.observed_info])[0] if files.observed_info else None
    intensities = np.load(files.observed) if files.observed else None
    to_json(
        fit_baseline(baseline, given, samples, events, model.intensities, observed, intensities),
        snakemake.output.result,
    )
