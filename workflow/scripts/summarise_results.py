from steelyard.baselines.results import BaselineResult
from steelyard.checks import Checks
from steelyard.coverage.audit import Audit
from steelyard.data.reference import Reference
from steelyard.data.store import SampleInfo
from steelyard.diagnostics.advice import advise
from steelyard.diagnostics.inference.belt_checks import check_audit, check_belt
from steelyard.diagnostics.inference.data_comparison import DataComparison
from steelyard.diagnostics.inference.fit_checks import check_fits
from steelyard.diagnostics.inference.interval_checks import check_intervals
from steelyard.diagnostics.inference.pull_checks import check_nuisances
from steelyard.diagnostics.inference.reference_checks import check_reference
from steelyard.diagnostics.model.model_diagnosis import ModelDiagnosis
from steelyard.diagnostics.oracle.oracle_diagnosis import OracleDiagnosis
from steelyard.diagnostics.ratio.ratio_diagnosis import RatioDiagnosis
from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.diagnostics.variation.null_checks import advise_nulls, check_nulls
from steelyard.diagnostics.variation.variation_diagnosis import SystematicDiagnosis
from steelyard.finite_simulation.reference_error import ReferenceError
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
    checks = [check for diagnosis in [*diagnoses, *baselines] for check in diagnosis.checks]
    checks += from_json(DataComparison, files.data).checks if files.data else []
    for data, path in zip(params.belts, files.belts, strict=True):
        checks += check_belt(from_json(Belt, path), thresholds, data)
    checks += check_audit(from_json(Audit, files.audit), thresholds) if files.audit else []
    systematics = [from_json(SystematicDiagnosis, path) for path in files.systematics]
    checks += [check for diagnosis in systematics for check in diagnosis.checks]
    scans, oracle_scans = by_data(Scan, files.scans), by_data(Scan, files.oracle_scans)
    checks += check_fits(scans, oracle_scans, params.parameter, params.bounds)
    impacts = by_data(Impacts, files.impacts)
    checks += check_nuisances(impacts, by_data(Impacts, files.oracle_impacts), thresholds)
    nulls = [diagnosis.null for diagnosis in systematics if diagnosis.null]
    checks += check_nulls(nulls, impacts["asimov"], thresholds) if nulls else []
    inferences, oracle_inferences = by_data(Inference, files.inferences), by_data(Inference, files.oracle_inferences)
    reference = by_data(ReferenceError, files.reference)
    simulation = from_json(SimulationDiagnosis, files.simulation)
    checks += [*check_reference(reference), *simulation.checks, *check_intervals(inferences, oracle_inferences)]
    worst = max(ratios, key=lambda ratio: ratio.closure.check.value).ratio
    sizes = {info.name: info.n_read for info in (from_json(SampleInfo, path) for path in files.samples)}
    advice = advise(simulation.points[-1], params.parameter, sizes, params.members, worst)
    advice += advise_nulls(nulls, thresholds)
    to_json(Checks(tuple(checks), tuple(advice)), snakemake.output.checks)
    negative = from_json(Reference, files.mixture).negative_fractions
    further = params.headline, reference, advice, negative, simulation.points
    summary = summarise(params.analysis, params.parameter, inferences, oracle_inferences, baselines, checks, *further)
    to_json(summary, snakemake.output.summary)
