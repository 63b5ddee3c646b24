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
    scans, oracle_scans = read(Scan, files.scans), read(Scan, files.oracle_scans)
    oracle_belts, oracle_inferences = read(Belt, files.oracle_belts), read(Inference, files.oracle_inferences)
    inferences = read(Inference, files.inferences)
    for data, belt in belts.items():
        exact = {data: oracle_inferences[data]} if oracle_inferences else None
        drawn = draw_belt(belt, labels, {data: scans[data]}, {data: inferences[data]}, oracle_belts.get(data), exact)
        write(f"belt_{data}", drawn)
    belt = belts[params.data[0]]  # points and levels are those of every belt
    write("intervals", draw_intervals(from_json(Summary, files.summary), labels, belt.points[-1].mu))
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
            belt.levels,
            allowance if data == "asimov" else None,
            params.oracle_range,
        )
        write(f"scan_{data}", figure)
