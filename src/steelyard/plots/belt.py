"""The confidence belt: critical values along the parameter, and where the data lie below them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from steelyard.inference.belts import Belt, Inference
from steelyard.inference.fit import Scan
from steelyard.inference.intervals import wald_threshold
from steelyard.plots.labels import Labels
from steelyard.plots.segments import Row, draw_rows, mark_handles
from steelyard.plots.style import (
    DATA,
    DATA_NAMES,
    NSBI,
    ORACLE,
    WALD,
    WIDTH,
    legend_above,
    mark_level,
    new_figure,
    sign,
    styled,
)

LEVEL_MARKERS = ("o", "s", "^")
DATA_LINES = {"asimov": (0, (6, 2)), "observed": "-"}


@styled
def belt(
    belts: Mapping[str, Belt],
    labels: Labels,
    scans: Mapping[str, Scan],
    inferences: Mapping[str, Inference],
    oracle: Mapping[str, Belt] | None = None,
    oracle_inferences: Mapping[str, Inference] | None = None,
) -> Figure:
    """Critical values with their errors from toys, t of each data set over them, the accepted segments beneath.

    Data sets with the same belt share a panel; one that has a belt of its own, at its own conditional fit of the
    nuisance parameters, has a panel of its own.

    Args:
        belts: of the learned likelihood, by data set, ``asimov`` or ``observed``.
        labels: of the analysis.
        scans, inferences: by data set.
        oracle: belts of the exact likelihood, where there are any.
        oracle_inferences: what they say of the same data sets.
    """
    oracle, oracle_inferences = oracle or {}, oracle_inferences or {}
    panels: list[list[str]] = []
    for data in inferences:
        same = [panel for panel in panels if belts[panel[0]] == belts[data]]
        if same:
            same[0].append(data)
        else:
            panels.append([data])
    rows = [row for data in inferences for row in _rows(data, inferences[data], oracle_inferences.get(data))]
    height = 3.6 if len(panels) == 1 else 2.7
    figure = new_figure(WIDTH, 2.0 + height * len(panels) + 0.24 * len(rows))
    ratios = [*[height] * len(panels), 0.24 * len(rows) + 0.1]
    *uppers, lower = figure.subplots(len(panels) + 1, 1, sharex=True, height_ratios=ratios)
    points = [point.mu for data in inferences for point in belts[data].points]
    first, last = min(points), max(points)
    margin = 0.02 * (last - first)
    for axes, panel in zip(uppers, panels, strict=True):
        _panel(axes, belts[panel[0]], oracle.get(panel[0]), {data: scans[data] for data in panel})
        axes.set_xlim(first - margin, last + margin)
        if len(panels) > 1:
            axes.set_title(DATA_NAMES[panel[0]], loc="right", fontsize="medium", pad=5)
    levels = belts[next(iter(inferences))].levels
    draw_rows(lower, rows, levels, (first, last))
    lower.set_xlabel(labels.parameter)
    sign(uppers[0], labels.note, DATA_NAMES[panels[0][0]] if len(panels) > 1 else None)
    handles = _handles(levels, scans, bool(oracle))
    legend_above(figure, [*handles, *mark_handles(rows, (first, last))])
    return figure


def _panel(axes: Axes, belt: Belt, oracle: Belt | None, scans: Mapping[str, Scan]) -> None:
    heights = [point.critical[str(level)].high for point in belt.points for level in belt.levels]
    top = max((height for height in heights if np.isfinite(height)), default=wald_threshold(max(belt.levels)))
    for place, level in enumerate(belt.levels):
        axes.axhline(wald_threshold(level), color=WALD, linestyle="--", linewidth=1.4)
        _critical(axes, belt, level, NSBI, place, filled=True)
        if oracle is not None:
            _critical(axes, oracle, level, ORACLE, place, filled=False)
        end = belt.points[-1].critical[str(level)].value
        mark_level(axes, end if np.isfinite(end) else top, level, NSBI)
    for data, scan in scans.items():
        axes.plot(scan.mu, scan.t, color=DATA, linestyle=DATA_LINES[data], zorder=5)
    axes.set(ylabel=r"$t(\mu)$ and $c(\mu)$", ylim=(0.0, 1.45 * top))


def _critical(axes: Axes, belt: Belt, level: float, colour: str, place: int, filled: bool) -> None:
    mu = np.array([point.mu for point in belt.points])
    values = [point.critical[str(level)] for point in belt.points]
    # An infinite value, of too few toys, is a gap in the line.
    found = [np.array([getattr(value, name) for value in values]) for name in ("value", "low", "high")]
    centre, low, high = (np.where(np.isfinite(found[0]), numbers, np.nan) for numbers in found)
    if filled:
        axes.fill_between(mu, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(mu, centre, color=colour, linewidth=1.4, marker=LEVEL_MARKERS[place], markersize=4)
    else:
        marker, errors = LEVEL_MARKERS[place], np.abs([low - centre, high - centre])
        axes.errorbar(mu, centre, yerr=errors, color=colour, fmt=marker, markerfacecolor="none", markersize=6, lw=1.0)


def _rows(data: str, inference: Inference, oracle: Inference | None) -> list[Row]:
    name, intervals = DATA_NAMES[data], inference.intervals
    rows = []
    if all(interval.neyman is not None for interval in intervals):
        sets = [interval.neyman for interval in intervals]
        rows.append(Row(f"{name}, NSBI", NSBI, sets, inference.hat, [interval.neyman_ends for interval in intervals]))
    wald = [interval.asymptotic for interval in intervals]
    rows.append(Row(f"{name}, Wald", WALD, wald, None, [interval.asymptotic_ends for interval in intervals]))
    if oracle is not None:
        ends = [interval.neyman_ends for interval in oracle.intervals]
        sets = [interval.neyman for interval in oracle.intervals]
        rows.append(Row(f"{name}, exact", ORACLE, sets, oracle.hat, ends))
    return rows


def _handles(levels: Sequence[float], scans: Mapping[str, Scan], oracle: bool) -> list[Line2D]:
    handles = []
    for place, level in enumerate(levels):
        line = {"color": NSBI, "marker": LEVEL_MARKERS[place], "markersize": 4, "linewidth": 1.4}
        handles.append(Line2D([], [], label=rf"NSBI $c(\mu)$, {100.0 * level:.4g} %", **line))
    handles.append(Patch(color=NSBI, alpha=0.25, linewidth=0, label="its error from the toys"))
    if oracle:
        exact = Line2D([], [], color=ORACLE, marker="o", markerfacecolor="none", linestyle="", markersize=6)
        exact.set_label(r"exact likelihood $c(\mu)$")
        handles.append(exact)
    handles.append(Line2D([], [], color=WALD, linestyle="--", linewidth=1.4, label=r"Wald: $\chi^2_1$"))
    handles += [
        Line2D([], [], color=DATA, linestyle=DATA_LINES[data], label=rf"NSBI $t(\mu)$, {DATA_NAMES[data]}")
        for data in scans
    ]
    return handles
