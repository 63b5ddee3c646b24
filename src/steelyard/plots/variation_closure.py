"""±1σ closure: varied densities beside the nominal one re-weighted by the learned ratios."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mplhep import histplot

from steelyard.diagnostics.closure import ColumnClosure
from steelyard.diagnostics.variation.variation_closure import VariationClosure
from steelyard.plots.labels import Labels
from steelyard.plots.panels import paired_panels, shown
from steelyard.plots.style import BLACK, BLUE, VERMILION, legend_above, sign, styled

COLOURS = {"up": VERMILION, "down": BLUE}
MARKERS = {"up": "^", "down": "v"}


@styled
def variation_closure(
    results: Sequence[VariationClosure], labels: Labels, names: Sequence[str] | None = None, title: str = ""
) -> Figure:
    """Small panels, one a variable: densities above, and beneath their ratios to the nominal one.

    Lines are simulated, points re-weighted. Above each panel stands the rms difference of the two, beyond statistics,
    and that of the simulated ones to the nominal density, the larger of both directions each.

    Args:
        results: up and down, or up alone, of one process and systematic.
        labels: of the analysis.
        names: of the variables to draw, such as the observables; without any the first :data:`~.grids.PANELS`.
        title: of the legend's first line; by default the process, and the systematic's name.
    """
    places = {column.name: place for place, column in enumerate(results[0].closure.columns)}
    chosen = [places[name] for name in shown(places, names)]
    figure, pairs = paired_panels(len(chosen))
    for (upper, lower), place in zip(pairs, chosen, strict=True):
        _panel(upper, lower, results, place, labels)
    pairs[0][0].set_ylabel("density")
    pairs[0][1].set_ylabel("to nominal")
    sign(pairs[0][0], labels.note)
    process, systematic, _ = results[0].variation.split("-")
    handles = [Line2D([], [], color=BLACK, label=title or f"{labels.process(process)}, {systematic}: nominal")]
    for result in results:
        direction = result.variation.rsplit("-", 1)[1]
        style = {"color": COLOURS[direction], "marker": MARKERS[direction], "markersize": 4}
        handles.append(Line2D([], [], **style, label=f"{direction}: simulated (line), re-weighted"))
    legend_above(figure, handles, columns=len(handles) if len(chosen) > 4 else 1)
    if len(chosen) <= 4:
        _make_room(figure, len(handles) - 1)
    return figure


def _panel(upper: Axes, lower: Axes, results: Sequence[VariationClosure], place: int, labels: Labels) -> None:
    first = results[0].closure.columns[place]
    histplot(results[0].nominal[place] / np.diff(first.edges), first.edges, ax=upper, color=BLACK, yerr=False)
    lower.axhline(1.0, color=BLACK, linewidth=1.0)
    reach = 0.0
    for result in results:
        column, nominal = result.closure.columns[place], result.nominal[place]
        direction = result.variation.rsplit("-", 1)[1]
        width, centre = np.diff(column.edges), 0.5 * (column.edges[1:] + column.edges[:-1])
        points = {"fmt": MARKERS[direction], "color": COLOURS[direction], "markersize": 3.5, "linewidth": 1.0}
        for axes, scale in ((upper, width), (lower, nominal)):
            axes.stairs(column.target / scale, column.edges, baseline=None, color=COLOURS[direction], linewidth=1.2)
            axes.errorbar(centre, column.reweighted / scale, yerr=column.error / np.abs(scale), **points)
        reach = max(reach, _reach(column, nominal))
    positive = first.target[first.target > 0.0] / np.diff(first.edges)[first.target > 0.0]
    if len(positive) and positive.max() > 30.0 * positive.min():
        upper.set_yscale("log")
    else:
        upper.set_ylim(bottom=0.0)
    difference, effect = (
        100.0 * max(values)
        for values in zip(
            *((result.closure.columns[place].deviation, result.effect[place]) for result in results), strict=True
        )
    )
    upper.set_title(f"{difference:.2g} % of {effect:.2g} %", loc="right", fontsize="small", pad=4)
    lower.set(ylim=(1.0 - reach, 1.0 + reach), xlim=(first.edges[0], first.edges[-1]))
    lower.set_xlabel(labels.column(first.name))


def _reach(column: ColumnClosure, nominal: np.ndarray) -> float:
    """Half the height of the ratio panel that shows all points with their errors."""
    spread = np.abs(column.reweighted / nominal - 1.0) + column.error / np.abs(nominal)
    return 1.15 * float(np.nanmax(np.maximum(spread, np.abs(column.target / nominal - 1.0))))


def _make_room(figure: Figure, lines: int) -> None:
    """A legend of several lines on a narrow page: the page grows by what they take."""
    extra = 0.24 * lines
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        box = axes.get_position()
        bottom, top = (value * height / (height + extra) for value in (box.y0, box.y1))
        axes.set_position([box.x0, bottom, box.width, top - bottom])
    figure.set_size_inches(width, height + extra)
