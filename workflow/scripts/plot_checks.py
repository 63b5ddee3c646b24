from steelyard.checks import Checks
from steelyard.diagnostics.inference.data_comparison import DataComparison
from steelyard.diagnostics.model.model_diagnosis import ModelDiagnosis
from steelyard.diagnostics.model.sensitivity import SensitivityMaps
from steelyard.diagnostics.oracle.oracle_diagnosis import OracleDiagnosis
from steelyard.diagnostics.ratio.ratio_diagnosis import RatioDiagnosis
from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json
from steelyard.plots import checks as draw
from steelyard.plots.closure import closure_summary
from steelyard.plots.convergence import convergence
from steelyard.plots.data_comparison import data_comparison
from steelyard.plots.labels import Labels
from steelyard.plots.ratio_comparison import ratio_comparison
from steelyard.plots.sensitivity import sensitivity
from steelyard.plots.simulation import simulation_error
from steelyard.plots.style import save
from steelyard.plots.total_closure import total_closure, total_closure_scan
from steelyard.runtime.jobs import logged

files, params, outputs = snakemake.input, snakemake.params, snakemake.output


def write(name, figure):
    """The PNG and the PDF of a picture."""
    save(figure, outputs[name], outputs[f"{name}_pdf"])


with logged(snakemake.log[0]):
    labels, levels = Labels(**params.labels), Thresholds.model_validate(params.thresholds)
    ratios = [from_json(RatioDiagnosis, path) for path in files.ratios]
    model, names = from_json(ModelDiagnosis, files.model), [ratio.ratio for ratio in ratios]
    write("checks", draw.overview(from_json(Checks, files.checks).checks, labels))
    quantity = r"$E_\mathrm{ref}[r]-1$ [%]"
    write(
        "normalisation",
        draw.measured(model.normalisation, names, labels, levels.normalisation, quantity, unit=100.0, signed=True),
    )
    verdicts = [ratio.classifier.check for ratio in ratios]
    write("classifier", draw.measured(verdicts, names, labels, levels.auc, "AUC of a fresh classifier", perfect=0.5))
    verdicts = [ratio.overtraining.check for ratio in ratios]
    write("overtraining", draw.measured(verdicts, names, labels, levels.overtraining, "loss, unseen minus seen"))
    write("convergence", convergence([ratio.convergence for ratio in ratios], labels))
    write("closure", closure_summary([*(r.closure for r in ratios), *model.differences], labels, levels.closure))
    write("total", total_closure(model.total, labels, params.observables, levels.difference))
    write("total_scan", total_closure_scan(model.total, labels, levels.difference))
    oracle = from_json(Scan, files.oracle_scan) if files.oracle_scan else None
    write(
        "simulation",
        simulation_error(from_json(SimulationDiagnosis, files.simulation), from_json(Scan, files.scan), labels, oracle),
    )
    if files.sensitivity:
        write("sensitivity", sensitivity(from_json(SensitivityMaps, files.sensitivity).maps, labels))
    if files.oracle:
        write("oracle", ratio_comparison(from_json(OracleDiagnosis, files.oracle).ratios, labels))
    if files.data:
        write("data", data_comparison(from_json(DataComparison, files.data), labels))
