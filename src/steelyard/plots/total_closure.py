"""Closure of the total: what the model predicts for an observable against what the templates give."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mplhep import histplot

from steelyard.checks import Threshold
from steelyard.diagnostics.model.total_closure import ColumnTotal, TotalClosure
from steelyard.io.notation import format_number
from steelyard.plots.labels import Labels
from steelyard.plots.panels import paired_panels, shown
from steelyard.plots.style import BLACK, GREEN, NSBI, SERIES, VERMILION, WIDTH, legend_above, new_figure, sign, styled

# Lines that are named in a scan over the parameter; the others are drawn thin and grey.
NAMED = 5


@styled
def total_closure(
    result: TotalClosure, labels: Labels, names: Sequence[str] | None = None, threshold: Threshold | None = None
) -> Figure:
    """Expected events by templates and by model, each variable at the parameter value where it agrees worst.

    The narrow panels show the difference in units of the Poisson error that data would have in the bin.

    Args:
        result: the closure.
        labels: of the analysis.
        names: of the variables to draw, such as the observables; without any the first :data:`~.grids.PANELS`.
        threshold: levels of the check on the rms of the difference.
    """
    columns = {column.name: column for column in result.columns}
    chosen = [columns[name] for name in shown(columns, names)]
    figure, pairs = paired_panels(len(chosen))
    for (upper, lower), column in zip(pairs, chosen, strict=True):
        _panel(upper, lower, column, labels, threshold)
    pairs[0][0].set_ylabel("events / width")
    pairs[0][1].set_ylabel(r"$\Delta$/Poisson")
    sign(pairs[0][0], labels.note)
    legend_above(
        figure,
        [
            Line2D([], [], color=BLACK, label="templates"),
            Line2D([], [], color=NSBI, marker="o", linestyle="", label="re-weighted reference"),
        ],
    )
    return figure


def _panel(upper: Axes, lower: Axes, column: ColumnTotal, labels: Labels, threshold: Threshold | None) -> None:
    width, edges = np.diff(column.edges), column.edges
    centre, poisson = 0.5 * (edges[1:] + edges[:-1]), np.sqrt(column.expected)
    points = {"fmt": "o", "color": NSBI, "markersize": 3.5, "linewidth": 1.0}
    histplot(column.expected / width, edges, ax=upper, color=BLACK, linewidth=1.2, yerr=False)
    upper.errorbar(centre, column.model / width, yerr=column.error / width, **points)
    if column.expected.max() > 0.0 and np.max(column.expected / width) > 30.0 * np.min(column.expected / width):
        upper.set_yscale("log")
    else:
        upper.set_ylim(bottom=0.0)
    upper.set_title(f"{labels.parameter} = {format_number(column.worst)}", loc="right", fontsize="small", pad=4)
    if threshold is not None:
        lower.axhspan(-threshold.warn, threshold.warn, color=GREEN, alpha=0.2, linewidth=0)
    lower.axhline(0.0, color=BLACK, linewidth=1.0)
    pull, error = (column.model - column.expected) / poisson, column.error / poisson
    lower.errorbar(centre, pull, yerr=error, **points)
    reach = 1.2 * max(float(np.max(np.abs(pull) + error)), 1.2 * threshold.warn if threshold else 0.0)
    lower.set(ylim=(-reach, reach), xlim=(edges[0], edges[-1]))
    lower.set_xlabel(labels.column(column.name))


@styled
def total_closure_scan(result: TotalClosure, labels: Labels, threshold: Threshold | None = None) -> Figure:
    """The rms non-closure of every variable along the parameter; the worst variables are named.

    Args:
        result: the closure.
        labels: of the analysis.
        threshold: levels of the check.
    """
    figure = new_figure(WIDTH, 5.2)
    axes = figure.subplots()
    ranked = sorted(result.columns, key=lambda column: -float(column.deviation.max()))
    handles = []
    for column in ranked[NAMED:]:
        axes.plot(column.mu, column.deviation, color="0.75", linewidth=0.8)
    for place, column in enumerate(ranked[:NAMED]):
        look = {"color": SERIES[place], "linewidth": 1.8}
        axes.plot(column.mu, column.deviation, **look)
        low, high = column.deviation - column.deviation_error, column.deviation + column.deviation_error
        axes.fill_between(column.mu, low, high, color=SERIES[place], alpha=0.12, linewidth=0)
        handles.append(Line2D([], [], label=labels.symbol(column.name), **look))
    if len(ranked) > NAMED:
        handles.append(Line2D([], [], color="0.75", linewidth=0.8, label=f"{len(ranked) - NAMED} others"))
    if threshold is not None:
        axes.axhspan(0.0, threshold.warn, color=GREEN, alpha=0.15, linewidth=0)
        axes.axhline(threshold.fail, color=VERMILION, linewidth=1.2)
        handles.append(Line2D([], [], color=GREEN, alpha=0.3, linewidth=8, label="passes"))
        handles.append(Line2D([], [], color=VERMILION, linewidth=1.2, label="failure beyond"))
    axes.set(xlabel=labels.parameter, ylabel="rms of difference / Poisson error")
    axes.set_ylim(bottom=0.0)
    axes.margins(x=0.0)
    sign(axes, labels.note, "closure of the total")
    legend_above(figure, handles, columns=4)
    return figure
