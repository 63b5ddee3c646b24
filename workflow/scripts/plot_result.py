from steelyard.baselines.results import BaselineResult
from steelyard.finite_simulation.simulation_uncertainty import SimulationUncertainty
from steelyard.inference.belts import Belt, Inference
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_json
from steelyard.plots.baseline import baseline as draw_baseline
from steelyard.plots.belt import belt as draw_belt
from steelyard.plots.intervals import intervals as draw_intervals
from steelyard.plots.labels import Labels
from steelyard.plots.scan import scan as draw_scan
from steelyard.plots.style import save
from steelyard.report.summary import Summary
from steelyard.runtime.jobs import logged

files, params, outputs = snakemake.input, snakemake.params, snakemake.output


def read(kind, paths):
    """One result a data set."""
    return {data: from_json(kind, path) for data, path in zip(params.data, paths, strict=bool(paths))}


def write(name, figure):
    """The PNG and the PDF of a picture."""
    save(figure, outputs[name], outputs[f"{name}_pdf"])


with logged(snakemake.log[0]):
    labels, belts = Labels(**params.labels), read(Belt, files.belts)
    errors = read(SimulationUncertainty, files.uncertainty)
    scans, oracle_scans = read(Scan, files.scans), read(Scan, files.oracle_scans)
    oracle_belts = read(Belt, files.oracle_belts)
    inferences, oracle_inferences = read(Inference, files.inferences), read(Inference, files.oracle_inferences)
    for data in belts:
        learned, oracle = (
            [{data: items[data]} if data in items else {} for items in kinds]
            for kinds in ((belts, scans, inferences), (oracle_belts, oracle_inferences))
        )
        write(f"belt_{data}", draw_belt(learned[0], labels, *learned[1:], oracle[0], oracle[1] or None))
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
