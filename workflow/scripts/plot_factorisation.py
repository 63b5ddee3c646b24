from steelyard.diagnostics.factorisation.factorisation_checks import FactorisationDiagnosis
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.io.serialisation import from_json
from steelyard.plots.factorisation import factorisation
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.runtime.jobs import logged

params, outputs = snakemake.params, snakemake.output

with logged(snakemake.log[0]):
    result = from_json(FactorisationDiagnosis, snakemake.input.diagnosis)
    levels = Thresholds.model_validate(params.thresholds).factorisation
    figure = factorisation(result, Labels(**params.labels), levels)
    save(figure, outputs.factorisation, outputs.factorisation_pdf)
