from steelyard.diagnostics.ratio.ratio_diagnosis import RatioDiagnosis
from steelyard.io.serialisation import from_json
from steelyard.plots.calibration import calibration
from steelyard.plots.closure import closure
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.plots.training import read_curve, training
from steelyard.runtime.jobs import logged

files, params, outputs = snakemake.input, snakemake.params, snakemake.output

with logged(snakemake.log[0]):
    labels, diagnosis = Labels(**params.labels), from_json(RatioDiagnosis, files.diagnosis)
    tolerance = params.thresholds["closure"]["warn"]
    curves = {member: read_curve(path) for member, path in enumerate(files.curves)}
    save(calibration(diagnosis.calibration, labels), outputs.calibration, outputs.calibration_pdf)
    save(closure(diagnosis.closure, labels, params.observables, tolerance), outputs.closure, outputs.closure_pdf)
    save(training(diagnosis.ratio, curves, labels), outputs.training, outputs.training_pdf)
