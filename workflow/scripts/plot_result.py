from steelyard.baselines.results import BaselineResult
from steelyard.jobs import logged
from steelyard.plots.baseline import baseline as draw_baseline
from steelyard.plots.belt import belt as draw_belt
from steelyard.plots.intervals import intervals as draw_intervals
from steelyard.plots.labels import Labels
from steelyard.plots.scan import scan as draw_scan
from steelyard.plots.style import save
from steelyard.results import from_json
from steelyard.statistics.belts import Belt, Inference
from steelyard.statistics.fits import Scan
from steelyard.statistics.reference_error import ReferenceError
from steelyard.summary import Summary

files, params, outputs = snakemake.input, snakemake.params, snakemake.output


def read(kind, paths):
    """One result a data set."""
    return {data: from_json(kind, path) for data, path in zip(params.data, paths, strict=bool(paths))}


def write(name, figure):
    """The PNG and the PDF of a picture."""
    save(figure, outputs[name], outputs[f"{name}_pdf"])


with logged(snakemake.log[0]):
    labels, belts = Labels(**params.labels), read(Belt, files.belts)
    errors = read(ReferenceError, files.reference)
    scans, oracle_scans = read(Scan, files.scans), read(Scan, files.oracle_scans)
    oracle_belts = read(Belt, files.oracle_belts)
    inferences = read(Inference, files.inferences), read(Inference, files.oracle_inferences) or None
    write("belt", draw_belt(belts, labels, scans, inferences[0], oracle_belts, inferences[1]))
    write("intervals", draw_intervals(from_json(Summary, files.summary), labels))
    baselines = [from_json(BaselineResult, path) for path in files.baselines]
    for result in baselines:
        write(f"baseline_{result.name}", draw_baseline(result, labels))
    allowance = params.thresholds["scan_absolute"], params.thresholds["scan_relative"]
    for data, scan in scans.items():
        histograms = {result.name: getattr(result, data) for result in baselines}
        figure = draw_scan(
            data,
            scan,
            labels,
            oracle_scans.get(data),
            histograms,
            belts[data].levels,
            allowance if data == "asimov" else None,
            params.oracle_range,
            errors.get(data),
        )
        write(f"scan_{data}", figure)
