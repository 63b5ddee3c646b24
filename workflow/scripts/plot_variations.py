from steelyard.diagnostics.variation.variation_diagnosis import SystematicDiagnosis
from steelyard.io.serialisation import from_json
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.plots.variation_closure import variation_closure
from steelyard.plots.variation_comparison import variation_comparison
from steelyard.runtime.jobs import logged

files, params, outputs = snakemake.input, snakemake.params, snakemake.output


def write(name, figure):
    """The PNG and the PDF of a picture."""
    save(figure, outputs[name], outputs[f"{name}_pdf"])


with logged(snakemake.log[0]):
    labels = Labels(**params.labels)
    for path in files.diagnoses:
        diagnosis = from_json(SystematicDiagnosis, path)
        by_process = {}
        for result in diagnosis.closure:
            by_process.setdefault(result.variation.split("-")[0], []).append(result)
        for process, results in by_process.items():
            figure = variation_closure(results, labels, params.observables)
            write(f"closure_{process}_{diagnosis.systematic}", figure)
        if diagnosis.comparison:
            write(f"oracle_{diagnosis.systematic}", variation_comparison(diagnosis.comparison, labels))
