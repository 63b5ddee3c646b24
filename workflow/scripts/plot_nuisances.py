from steelyard.finite_simulation.reference_error import ReferenceError
from steelyard.inference.impacts import Impacts
from steelyard.io.serialisation import from_json
from steelyard.plots.impacts import correlations, error_budget, ranking
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.runtime.jobs import logged

files, outputs, data = snakemake.input, snakemake.output, snakemake.wildcards.data

with logged(snakemake.log[0]):
    labels, result = Labels(**snakemake.params.labels), from_json(Impacts, files.impacts)
    oracle = from_json(Impacts, files.oracle) if files.oracle else None
    save(ranking(result, data, labels, oracle), outputs.ranking, outputs.ranking_pdf)
    reference = from_json(ReferenceError, files.reference)
    save(error_budget(result, data, labels, oracle, reference), outputs.budget, outputs.budget_pdf)
    save(correlations(result, data, labels), outputs.correlations, outputs.correlations_pdf)
