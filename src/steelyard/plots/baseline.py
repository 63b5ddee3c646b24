"""A histogram analysis: its templates, and the observed events."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.baselines.results import BaselineResult
from steelyard.io.notation import format_number
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, SERIES, WIDTH, legend_above, new_figure, sign, styled


@styled
def baseline(result: BaselineResult, labels: Labels) -> Figure:
    """Templates of all processes at unit coefficient, the expectation at the truth, and observed over expected.

    Args:
        result: of one histogram analysis.
        labels: of the analysis.
    """
    observed = result.observed
    figure = new_figure(WIDTH, 5.0 if observed is None else 6.4)
    if observed is None:
        upper = lower = figure.subplots()
    else:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.3])
    expected, edges = result.asimov.counts, result.edges
    handles = []
    for place, process in enumerate(result.processes):
        look = {"color": SERIES[place % len(SERIES)], "linewidth": 1.5}
        counts, errors = result.templates[place], result.template_errors[place]
        upper.stairs(counts, edges, baseline=None, **look)
        upper.stairs(counts + errors, edges, baseline=counts - errors, fill=True, color=look["color"], alpha=0.25)
        handles.append(Line2D([], [], label=labels.process(process), **look))
    upper.stairs(expected, edges, baseline=None, color=BLACK, linewidth=2.0, linestyle="--")
    handles.append(
        Line2D([], [], color=BLACK, linewidth=2.0, linestyle="--", label=f"expected at {format_number(result.truth)}")
    )
    if observed is not None:
        centre, poisson = 0.5 * (edges[1:] + edges[:-1]), np.sqrt(np.maximum(observed.counts, 1.0))
        points = {"fmt": "o", "color": BLACK, "markersize": 5, "linewidth": 1.2}
        upper.errorbar(centre, observed.counts, yerr=poisson, **points)
        lower.axhline(1.0, color=BLACK, linestyle="--", linewidth=1.2)
        lower.errorbar(centre, observed.counts / expected, yerr=poisson / expected, **points)
        lower.set_ylabel("obs./exp.")
        lower.set_ylim(bottom=0.0)
        handles.append(Line2D([], [], color=BLACK, marker="o", linestyle="", label="observed"))
    filled = result.templates[result.templates > 0.0]
    top = float(expected.max())
    upper.set_yscale("log")
    upper.set(
        ylabel="events / bin", ylim=(0.5 * max(float(filled.min()), 1e-4 * top), 2.5 * top), xlim=(edges[0], edges[-1])
    )
    lower.set_xlabel(labels.column(result.observable))
    sign(upper, labels.note, f"histogram: {result.name}")
    legend_above(figure, handles, columns=3)
    return figure
