"""The confidence belt: critical values along the parameter, and where the data lie below them."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.plots.labels import Labels
from steelyard.plots.segments import Row, draw_rows
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
from steelyard.statistics.belts import Belt, Inference
from steelyard.statistics.fits import Scan
from steelyard.statistics.intervals import wald_threshold

LEVEL_MARKERS = ("o", "s", "^")
DATA_LINES = {"asimov": (0, (6, 2)), "observed": "-"}


@styled
def belt(
    belt: Belt,
    labels: Labels,
    scans: Mapping[str, Scan],
    inferences: Mapping[str, Inference],
    oracle: Belt | None = None,
    oracle_inferences: Mapping[str, Inference] | None = None,
) -> Figure:
    """Critical values with their errors from toys, t of each data set over them, the accepted segments beneath.

    Args:
        belt: of the learned likelihood.
        labels: of the analysis.
        scans, inferences: by data set, ``asimov`` or ``observed``.
        oracle: belt of the exact likelihood, where there is one.
        oracle_inferences: what that belt says of the same data sets.
    """
    oracle_inferences = oracle_inferences or {}
    rows = [row for data in inferences for row in _rows(data, inferences[data], oracle_inferences.get(data))]
    figure = new_figure(WIDTH, 5.4 + 0.24 * len(rows))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.6, 0.24 * len(rows) + 0.1])
    top = max(point.critical[str(level)].high for point in belt.points for level in belt.levels)
    for place, level in enumerate(belt.levels):
        upper.axhline(wald_threshold(level), color=WALD, linestyle="--", linewidth=1.4)
        _critical(upper, belt, level, NSBI, place, filled=True)
        if oracle is not None:
            _critical(upper, oracle, level, ORACLE, place, filled=False)
        mark_level(upper, belt.points[-1].critical[str(level)].value, level, NSBI)
    for data, scan in scans.items():
        upper.plot(scan.mu, scan.t, color=DATA, linestyle=DATA_LINES[data], zorder=5)
    first, last = belt.points[0].mu, belt.points[-1].mu
    margin = 0.02 * (last - first)
    upper.set(ylabel=r"$t(\mu)$ and $c(\mu)$", ylim=(0.0, 1.45 * top), xlim=(first - margin, last + margin))
    draw_rows(lower, rows, belt.levels, edge=last)
    lower.set_xlabel(labels.parameter)
    sign(upper, labels.note)
    legend_above(figure, _handles(scans, oracle is not None))
    return figure


def _critical(axes: Axes, belt: Belt, level: float, colour: str, place: int, filled: bool) -> None:
    mu = [point.mu for point in belt.points]
    values = [point.critical[str(level)] for point in belt.points]
    centre, low, high = ([getattr(value, name) for value in values] for name in ("value", "low", "high"))
    if filled:
        axes.fill_between(mu, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(mu, centre, color=colour, linewidth=1.4, marker=LEVEL_MARKERS[place], markersize=4)
    else:
        down, up = ([abs(a - b) for a, b in zip(side, centre, strict=True)] for side in (low, high))
        marker = LEVEL_MARKERS[place]
        axes.errorbar(
            mu, centre, yerr=[down, up], color=colour, fmt=marker, markerfacecolor="none", markersize=6, linewidth=1.0
        )


def _rows(data: str, inference: Inference, oracle: Inference | None) -> list[Row]:
    name = DATA_NAMES[data]
    rows = [
        Row(f"{name}, NSBI", NSBI, [interval.neyman for interval in inference.intervals], inference.hat),
        Row(f"{name}, Wald", WALD, [interval.asymptotic for interval in inference.intervals]),
    ]
    if oracle is not None:
        rows.append(Row(f"{name}, exact", ORACLE, [interval.neyman for interval in oracle.intervals], oracle.hat))
    return rows


def _handles(scans: Mapping[str, Scan], oracle: bool) -> list[Line2D]:
    handles = [Line2D([], [], color=NSBI, marker="o", markersize=4, label=r"NSBI $c(\mu)$, toys")]
    if oracle:
        exact = Line2D([], [], color=ORACLE, marker="o", markerfacecolor="none", linestyle="", markersize=6)
        exact.set_label(r"exact likelihood $c(\mu)$, toys")
        handles.append(exact)
    handles.append(Line2D([], [], color=WALD, linestyle="--", linewidth=1.4, label=r"Wald: $\chi^2_1$"))
    handles += [
        Line2D([], [], color=DATA, linestyle=DATA_LINES[data], label=rf"NSBI $t(\mu)$, {DATA_NAMES[data]}")
        for data in scans
    ]
    return handles
