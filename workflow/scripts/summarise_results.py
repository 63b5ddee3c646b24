from steelyard.baselines.results import BaselineResult
from steelyard.checks import Checks
from steelyard.coverage.audit import Audit
from steelyard.data.reference import Reference
from steelyard.data.store import SampleInfo
from steelyard.diagnostics.advice import advise
from steelyard.diagnostics.factorisation.factorisation_checks import FactorisationDiagnosis
from steelyard.diagnostics.inference.data_comparison import DataComparison
from steelyard.diagnostics.inference.null_checks import advise_nulls
from steelyard.diagnostics.model.model_diagnosis import ModelDiagnosis
from steelyard.diagnostics.oracle.oracle_diagnosis import OracleDiagnosis
from steelyard.diagnostics.ratio.ratio_diagnosis import RatioDiagnosis
from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis
from steelyard.diagnostics.stages import InferenceInputs, run_registered
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.diagnostics.variation.variation_diagnosis import SystematicDiagnosis
from steelyard.finite_simulation.reference_error import ReferenceError
from steelyard.finite_simulation.simulation_uncertainty import SimulationUncertainty
from steelyard.inference.belts import Belt, Inference
from steelyard.inference.fit import Scan
from steelyard.inference.impacts import Impacts
from steelyard.io.serialisation import from_json, to_json
from steelyard.report.summary import summarise
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params


def by_data(kind, paths):
    """One result for each data set; none where there are no files."""
    return {data: from_json(kind, path) for data, path in zip(params.data, paths, strict=bool(paths))}


with logged(snakemake.log[0]):
    thresholds = Thresholds.model_validate(params.thresholds)
    baselines = [from_json(BaselineResult, path) for path in files.baselines]
    ratios = [from_json(RatioDiagnosis, path) for path in files.ratios]
    diagnoses = [from_json(ModelDiagnosis, files.model), *ratios]
    diagnoses += [from_json(OracleDiagnosis, files.oracle)] if files.oracle else []
    systematics = [from_json(SystematicDiagnosis, path) for path in files.systematics]
    simulation = from_json(SimulationDiagnosis, files.simulation)
    diagnoses += [*baselines, *([from_json(DataComparison, files.data)] if files.data else []), *systematics]
    diagnoses += [from_json(FactorisationDiagnosis, path) for path in files.factorisation]
    nulls = [diagnosis.null for diagnosis in systematics if diagnosis.null]
    inferences, oracle = by_data(Inference, files.inferences), by_data(Inference, files.oracle_inferences)
    reference = by_data(ReferenceError, files.reference)
    given = InferenceInputs(
        parameter=params.parameter,
        bounds=params.bounds,
        thresholds=thresholds,
        scans=by_data(Scan, files.scans),
        exact_scans=by_data(Scan, files.oracle_scans),
        inferences=inferences,
        exact_inferences=oracle,
        impacts=by_data(Impacts, files.impacts),
        exact_impacts=by_data(Impacts, files.oracle_impacts),
        belts={data: from_json(Belt, path) for data, path in zip(params.belts, files.belts, strict=True)},
        references=reference,
        nulls=nulls,
        audit=from_json(Audit, files.audit) if files.audit else None,
    )
    checks = [check for diagnosis in [*diagnoses, simulation] for check in diagnosis.checks]
    checks += run_registered(given)
    worst = max(ratios, key=lambda ratio: ratio.closure.check.value).ratio
    sizes = {info.name: info.n_read for info in (from_json(SampleInfo, path) for path in files.samples)}
    advice = advise(simulation.points[-1], params.parameter, sizes, params.members, worst)
    advice += advise_nulls(nulls, thresholds)
    to_json(Checks(tuple(checks), tuple(advice)), snakemake.output.checks)
    negative = from_json(Reference, files.mixture).negative_fractions
    uncertainty = by_data(SimulationUncertainty, files.uncertainty)
    further = params.headline, reference, advice, negative, simulation.points, uncertainty
    summary = summarise(params.analysis, params.parameter, inferences, oracle, baselines, checks, *further)
    to_json(summary, snakemake.output.summary)
