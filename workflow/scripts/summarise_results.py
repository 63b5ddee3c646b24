from steelyard.baselines.results import BaselineResult
from steelyard.configuration.thresholds import Thresholds
from steelyard.data.reference import Reference
from steelyard.data.store import SampleInfo
from steelyard.diagnostics.advice import advise
from steelyard.diagnostics.data_comparison import DataComparison
from steelyard.diagnostics.of_belt import check_audit, check_belt
from steelyard.diagnostics.of_fits import check_fits
from steelyard.diagnostics.of_intervals import check_intervals
from steelyard.diagnostics.of_model import ModelDiagnosis
from steelyard.diagnostics.of_nuisances import check_nuisances
from steelyard.diagnostics.of_null import advise_nulls, check_nulls
from steelyard.diagnostics.of_oracle import OracleDiagnosis
from steelyard.diagnostics.of_ratio import RatioDiagnosis
from steelyard.diagnostics.of_reference import check_reference
from steelyard.diagnostics.of_simulation import SimulationDiagnosis
from steelyard.diagnostics.of_variation import SystematicDiagnosis
from steelyard.diagnostics.verdict import Checks
from steelyard.jobs import logged
from steelyard.results import from_json, to_json
from steelyard.statistics.audit import Audit
from steelyard.statistics.belts import Belt, Inference
from steelyard.statistics.fits import Scan
from steelyard.statistics.impacts import Impacts
from steelyard.statistics.reference_error import ReferenceError
from steelyard.summary import summarise

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
    scans, exact_scans = by_data(Scan, files.scans), by_data(Scan, files.exact_scans)
    checks += check_fits(scans, exact_scans, params.parameter, params.bounds)
    impacts = by_data(Impacts, files.impacts)
    checks += check_nuisances(impacts, by_data(Impacts, files.exact_impacts), thresholds)
    nulls = [diagnosis.null for diagnosis in systematics if diagnosis.null]
    checks += check_nulls(nulls, impacts["asimov"], thresholds) if nulls else []
    inferences, exact = by_data(Inference, files.inferences), by_data(Inference, files.exact)
    reference = by_data(ReferenceError, files.reference)
    simulation = from_json(SimulationDiagnosis, files.simulation)
    checks += [*check_reference(reference), *simulation.checks, *check_intervals(inferences, exact)]
    worst = max(ratios, key=lambda ratio: ratio.closure.check.value).ratio
    sizes = {info.name: info.n_read for info in (from_json(SampleInfo, path) for path in files.samples)}
    advice = advise(simulation.points[-1], params.parameter, sizes, params.members, worst)
    advice += advise_nulls(nulls, thresholds)
    to_json(Checks(tuple(checks), tuple(advice)), snakemake.output.checks)
    negative = from_json(Reference, files.mixture).negative_fractions
    further = params.headline, reference, advice, negative, simulation.points
    summary = summarise(params.analysis, params.parameter, inferences, exact, baselines, checks, *further)
    to_json(summary, snakemake.output.summary)
