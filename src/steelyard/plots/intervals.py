"""The result at a glance: the confidence sets of every method, one bar each."""

from matplotlib.figure import Figure

from steelyard.plots.labels import Labels
from steelyard.plots.segments import Row, draw_rows, level_handles, mark_handles
from steelyard.plots.style import (
    BASELINES,
    DATA_NAMES,
    GREY,
    NSBI,
    ORACLE,
    WALD,
    WIDTH,
    legend_above,
    new_figure,
    sign,
    styled,
)
from steelyard.report.summary import DataResult, LevelResult, Summary


@styled
def intervals(summary: Summary, labels: Labels, limits: tuple[float, float] | None = None) -> Figure:
    """Sets at every level, a panel a data set: every method by the Neyman construction, then by Wald's approximation.

    Args:
        summary: of the analysis.
        labels: of the analysis.
        limits: range of the parameter that is drawn; by default all that was searched.
    """
    panels = {data: _rows(result) for data, result in summary.results.items()}
    levels = sorted({float(level) for result in summary.results.values() for level in result.levels})
    heights = [0.34 * len(rows) + 0.3 for rows in panels.values()]
    limits = limits or _limits(summary)
    figure = new_figure(WIDTH, sum(heights) + 2.1)
    axes = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for panel, (data, rows) in zip(axes, panels.items(), strict=True):
        draw_rows(panel, rows, levels, limits)
        wald = sum(row.colour == WALD or row.name.endswith("Wald") for row in rows)
        panel.axhline(len(rows) - wald - 0.5, color=GREY, linewidth=0.6)
        panel.set_title(DATA_NAMES[data], loc="right", fontsize="medium", pad=5)
    axes[-1].set_xlabel(labels.parameter)
    if limits is not None:
        margin = 0.02 * (limits[1] - limits[0])
        axes[-1].set_xlim(limits[0] - margin, limits[1] + margin)
    sign(axes[0], labels.note, DATA_NAMES[next(iter(panels))])
    marks = mark_handles([row for rows in panels.values() for row in rows], limits)
    legend_above(figure, [*level_handles(levels), *marks], columns=3)
    return figure


def _limits(summary: Summary) -> tuple[float, float] | None:
    ranges = [reach for result in summary.results.values() for reach in (result.searched, result.scanned) if reach]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def _rows(result: DataResult) -> list[Row]:
    levels = [result.levels[level] for level in sorted(result.levels, key=float)]
    rows = [
        _row("NSBI, toys", NSBI, levels, "neyman", result.hat),
        _row("exact, toys", ORACLE, levels, "oracle", result.oracle_hat),
        *_histograms(result, "neyman", "toys"),
        _row("NSBI, Wald", WALD, levels, "asymptotic"),
        _row("exact, Wald", GREY, levels, "oracle_asymptotic"),
        *_histograms(result, "asymptotic", "Wald"),
    ]
    return [row for row in rows if row is not None]


def _histograms(result: DataResult, method: str, construction: str) -> list[Row | None]:
    rows = []
    for place, (name, found) in enumerate(result.histograms.items()):
        levels = [found.levels[level] for level in sorted(result.levels, key=float) if level in found.levels]
        by_toys = any(level.neyman is not None for level in levels)
        hat = found.hat if by_toys == (method == "neyman") else None  # once a method
        rows.append(_row(f"{name}, {construction}", BASELINES[place % len(BASELINES)], levels, method, hat))
    return rows


def _row(name: str, colour: str, levels: list[LevelResult], method: str, hat: float | None = None) -> Row | None:
    sets = [getattr(level, method) for level in levels]
    if any(segments is None for segments in sets):
        return None
    return Row(name, colour, sets, hat, [level.ends.get(method) for level in levels])
