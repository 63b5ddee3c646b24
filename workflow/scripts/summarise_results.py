from steelyard.baselines.results import BaselineResult
from steelyard.configuration.thresholds import Thresholds
from steelyard.diagnostics.data_comparison import DataComparison
from steelyard.diagnostics.of_belt import check_audit, check_belt
from steelyard.diagnostics.of_fits import check_fits
from steelyard.diagnostics.of_intervals import check_intervals
from steelyard.diagnostics.of_model import ModelDiagnosis
from steelyard.diagnostics.of_nuisances import check_nuisances
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

with logged(snakemake.log[0]):
    thresholds = Thresholds.model_validate(params.thresholds)
    baselines = [from_json(BaselineResult, path) for path in files.baselines]
    diagnoses = [from_json(ModelDiagnosis, files.model)]
    diagnoses += [from_json(RatioDiagnosis, path) for path in files.ratios]
    diagnoses += [from_json(OracleDiagnosis, files.oracle)] if files.oracle else []
    checks = [check for diagnosis in [*diagnoses, *baselines] for check in diagnosis.checks]
    checks += from_json(DataComparison, files.data).checks if files.data else []
    for data, path in zip(params.belts, files.belts, strict=True):
        checks += check_belt(from_json(Belt, path), thresholds, data)
    checks += check_audit(from_json(Audit, files.audit), thresholds) if files.audit else []
    checks += [check for path in files.systematics for check in from_json(SystematicDiagnosis, path).checks]
    scans, exact_scans = (
        {data: from_json(Scan, path) for data, path in zip(params.data, paths, strict=bool(paths))}
        for paths in (files.scans, files.exact_scans)
    )
    checks += check_fits(scans, exact_scans, params.parameter, params.bounds)
    impacts, exact_impacts = (
        {data: from_json(Impacts, path) for data, path in zip(params.data, paths, strict=bool(paths))}
        for paths in (files.impacts, files.exact_impacts)
    )
    checks += check_nuisances(impacts, exact_impacts, thresholds)
    inferences, exact = (
        {data: from_json(Inference, path) for data, path in zip(params.data, paths, strict=bool(paths))}
        for paths in (files.inferences, files.exact)
    )
    reference = {data: from_json(ReferenceError, path) for data, path in zip(params.data, files.reference, strict=True)}
    checks += check_reference(reference)
    simulation = from_json(SimulationDiagnosis, files.simulation)
    checks += simulation.checks
    checks += check_intervals(inferences, exact)
    to_json(Checks(tuple(checks)), snakemake.output.checks)
    summary = summarise(
        params.analysis,
        params.parameter,
        inferences,
        exact,
        baselines,
        checks,
        params.headline,
        reference,
        simulation.points,
    )
    to_json(summary, snakemake.output.summary)
