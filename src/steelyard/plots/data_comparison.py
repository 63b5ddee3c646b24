"""Data against simulation in the observable that the likelihood sees."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.diagnostics.inference.data_comparison import DataComparison
from steelyard.io.notation import format_number
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, NSBI, WIDTH, legend_above, new_figure, sign, styled


@styled
def data_comparison(result: DataComparison, labels: Labels) -> Figure:
    """Observed and expected events in log p(x|mu)/p_ref, their ratio beneath.

    Args:
        result: the comparison at one parameter value.
        labels: of the analysis.
    """
    figure = new_figure(WIDTH, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.3])
    edges = result.edges
    centre = 0.5 * (edges[1:] + edges[:-1])
    poisson = np.sqrt(np.maximum(result.observed, 1.0))
    points = {"fmt": "o", "color": BLACK, "markersize": 5, "linewidth": 1.2}
    upper.stairs(result.expected, edges, baseline=None, color=NSBI, linewidth=2.0)
    upper.stairs(
        result.expected + result.error, edges, baseline=result.expected - result.error, fill=True, color=NSBI, alpha=0.3
    )
    upper.errorbar(centre, result.observed, yerr=poisson, **points)
    upper.set_ylabel("events / bin")
    upper.set_ylim(0.0, 1.15 * float(max((result.observed + poisson).max(), result.expected.max())))
    relative = result.error / result.expected
    lower.stairs(1.0 + relative, edges, baseline=1.0 - relative, fill=True, color=NSBI, alpha=0.3)
    lower.axhline(1.0, color=NSBI, linewidth=1.5)
    lower.errorbar(centre, result.observed / result.expected, yerr=poisson / result.expected, **points)
    lower.set(ylabel="data/model", xlim=(edges[0], edges[-1]), xlabel=r"$\ln\,p(x|\mu)/p_\mathrm{ref}(x)$ + const.")
    sign(upper, labels.note, f"{labels.parameter} = {format_number(result.mu)},  p-value {result.p_value:.2g}")
    legend_above(
        figure,
        [
            Line2D([], [], color=BLACK, marker="o", linestyle="", label="observed"),
            Line2D([], [], color=NSBI, linewidth=2.0, label="expected (error: simulation)"),
        ],
    )
    return figure
