"""Closure: the re-weighted reference beside the target, in observables and features."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mplhep import histplot

from steelyard.checks import Threshold
from steelyard.diagnostics.closure import Closure, ColumnClosure
from steelyard.plots.labels import Labels
from steelyard.plots.panels import paired_panels, shown
from steelyard.plots.style import BLACK, GREEN, MARKERS, NSBI, SERIES, WIDTH, legend_above, new_figure, sign, styled


@styled
def closure(
    result: Closure, labels: Labels, names: Sequence[str] | None = None, tolerance: float | None = None
) -> Figure:
    """Small panels, one a variable: the target's density and the re-weighted reference's, their ratio beneath.

    Args:
        result: the closure of one ratio.
        labels: of the analysis.
        names: of the variables to draw, such as the observables; without any the first :data:`~.grids.PANELS`.
        tolerance: relative deviation that is drawn as a band.
    """
    columns = {column.name: column for column in result.columns}
    chosen = [columns[name] for name in shown(columns, names)]
    figure, pairs = paired_panels(len(chosen))
    for (upper, lower), column in zip(pairs, chosen, strict=True):
        _panel(upper, lower, column, labels, tolerance)
    pairs[0][0].set_ylabel("density")
    pairs[0][1].set_ylabel("ratio")
    sign(pairs[0][0], labels.note)
    legend_above(
        figure,
        [
            Line2D([], [], color=BLACK, label=f"{labels.process(result.ratio)}, simulated"),
            Line2D([], [], color=NSBI, marker="o", linestyle="", label="re-weighted by the learned ratio"),
        ],
    )
    return figure


def _panel(upper: Axes, lower: Axes, column: ColumnClosure, labels: Labels, tolerance: float | None) -> None:
    width, edges = np.diff(column.edges), column.edges
    target, reweighted, error = (values / width for values in (column.target, column.reweighted, column.error))
    centre = 0.5 * (edges[1:] + edges[:-1])
    histplot(target, edges, ax=upper, color=BLACK, linewidth=1.2, yerr=False)
    upper.errorbar(centre, reweighted, yerr=error, fmt="o", color=NSBI, markersize=3.5, linewidth=1.0)
    positive = target[target > 0.0]
    if len(positive) and positive.max() > 30.0 * positive.min():
        upper.set_yscale("log")
    else:
        upper.set_ylim(bottom=0.0)
    upper.set_title(f"$\\chi^2$/ndf {column.chi2:.0f}/{column.ndf}", loc="right", fontsize="small", pad=4)
    if tolerance is not None:
        lower.axhspan(1.0 - tolerance, 1.0 + tolerance, color=GREEN, alpha=0.2, linewidth=0)
    lower.axhline(1.0, color=BLACK, linewidth=1.0)
    ratio, ratio_error = reweighted / target, error / np.abs(target)
    lower.errorbar(centre, ratio, yerr=ratio_error, fmt="o", color=NSBI, markersize=3.5, linewidth=1.0)
    reach = 1.15 * max(float(np.nanmax(np.abs(ratio - 1.0) + ratio_error)), 1.3 * (tolerance or 0.0))
    lower.set(ylim=(1.0 - reach, 1.0 + reach), xlim=(edges[0], edges[-1]))
    lower.set_xlabel(labels.column(column.name))


@styled
def closure_summary(results: Sequence[Closure], labels: Labels, threshold: Threshold | None = None) -> Figure:
    """The rms relative deviation beyond statistics in every variable, all ratios in one picture.

    Args:
        results: the closures, of the same variables.
        labels: of the analysis.
        threshold: levels of the check.
    """
    names = [column.name for column in results[0].columns]
    figure = new_figure(WIDTH, 1.9 + 0.23 * len(names))
    axes = figure.subplots()
    shift = np.linspace(-0.28, 0.28, len(results)) if len(results) > 1 else [0.0]
    for place, result in enumerate(results):
        values = 100.0 * np.array([[column.deviation, column.deviation_error] for column in result.columns])
        axes.errorbar(
            values[:, 0],
            np.arange(len(names)) + shift[place],
            xerr=values[:, 1],
            fmt=MARKERS[place % len(MARKERS)],
            color=SERIES[place % len(SERIES)],
            markersize=4,
            linewidth=1.0,
        )
    if threshold is not None:
        axes.axvline(100.0 * threshold.warn, color=BLACK, linestyle="--", linewidth=1.2)
        axes.axvline(100.0 * threshold.fail, color=BLACK, linewidth=1.2)
    axes.set_yticks(range(len(names)), [labels.symbol(name) for name in names], fontsize="small")
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    for boundary in np.arange(len(names) - 1) + 0.5:
        axes.axhline(boundary, color="0.9", linewidth=0.6, zorder=0)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="rms deviation beyond statistics [%]")
    axes.set_xlim(left=0.0)
    sign(axes, labels.note, "re-weighting closure")
    handles = [
        Line2D(
            [],
            [],
            color=SERIES[place % len(SERIES)],
            marker=MARKERS[place % len(MARKERS)],
            linestyle="",
            label=labels.process(result.ratio),
        )
        for place, result in enumerate(results)
    ]
    if threshold is not None:
        handles.append(Line2D([], [], color=BLACK, linestyle="--", label=f"warning: {100.0 * threshold.warn:g} %"))
        handles.append(Line2D([], [], color=BLACK, label=f"failure: {100.0 * threshold.fail:g} %"))
    legend_above(figure, handles, columns=3)
    return figure
