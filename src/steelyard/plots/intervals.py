"""The result at a glance: the confidence sets of every method, one bar each."""

from matplotlib.figure import Figure

from steelyard.plots.labels import Labels
from steelyard.plots.segments import Row, draw_rows, level_handles
from steelyard.plots.style import (
    BASELINES,
    DATA_NAMES,
    NSBI,
    ORACLE,
    WALD,
    WIDTH,
    legend_above,
    new_figure,
    sign,
    styled,
)
from steelyard.summary import DataResult, Summary


@styled
def intervals(summary: Summary, labels: Labels, edge: float | None = None) -> Figure:
    """Sets at every level, a panel a data set: toys, Wald's approximation, the exact likelihood, the histograms.

    Args:
        summary: of the analysis.
        labels: of the analysis.
        edge: upper end of the range searched, so that a set that reaches it gets an arrow head.
    """
    panels = {data: _rows(result) for data, result in summary.results.items()}
    levels = sorted({float(level) for result in summary.results.values() for level in result.levels})
    heights = [0.34 * len(rows) + 0.3 for rows in panels.values()]
    figure = new_figure(WIDTH, sum(heights) + 1.9)
    axes = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for panel, (data, rows) in zip(axes, panels.items(), strict=True):
        draw_rows(panel, rows, levels, edge)
        panel.set_title(DATA_NAMES[data], loc="right", fontsize="medium", pad=5)
    axes[-1].set_xlabel(labels.parameter)
    if edge is not None:
        axes[-1].set_xlim(right=edge)
    sign(axes[0], labels.note, DATA_NAMES[next(iter(panels))])
    legend_above(figure, level_handles(levels))
    return figure


def _rows(result: DataResult) -> list[Row]:
    levels = [result.levels[level] for level in sorted(result.levels, key=float)]
    rows = [
        Row("NSBI, toys", NSBI, [sets.neyman for sets in levels], result.hat),
        Row("NSBI, Wald", WALD, [sets.asymptotic for sets in levels]),
    ]
    if all(sets.oracle is not None for sets in levels):
        rows.append(Row("exact, toys", ORACLE, [sets.oracle for sets in levels]))
    for place, (name, sets) in enumerate(result.baselines.items()):
        colour = BASELINES[place % len(BASELINES)]
        rows.append(Row(name, colour, [sets.get(level, []) for level in sorted(result.levels, key=float)]))
    return rows
