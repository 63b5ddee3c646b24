from steelyard.coverage.audit import Audit
from steelyard.io.serialisation import from_json
from steelyard.plots.coverage import coverage, critical_values
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.runtime.jobs import logged

outputs, labels = snakemake.output, Labels(**snakemake.params.labels)

with logged(snakemake.log[0]):
    audit = from_json(Audit, snakemake.input.audit)
    save(coverage(audit, labels), outputs.coverage, outputs.coverage_pdf)
    save(critical_values(audit, labels), outputs.critical_values, outputs.critical_values_pdf)
