from steelyard.checks import Checks
from steelyard.io.serialisation import from_json
from steelyard.report.page import write_report_page
from steelyard.report.summary import Summary
from steelyard.runtime.jobs import logged

files, params = snakemake.input, snakemake.params

with logged(snakemake.log[0]):
    summary, checks = from_json(Summary, files.summary), from_json(Checks, files.checks).checks
    pictures = {f"The confidence belt, {data} data": path for data, path in zip(params.data, files.belts, strict=True)}
    write_report_page(snakemake.output.page, summary, checks, pictures, params.note)
