"""Confidence sets drawn as horizontal bars, a segment each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from steelyard.inference.intervals import Ends

# Line widths of the first, second, ... level: the narrowest set has the thickest bar.
WIDTHS = (7.0, 2.5, 1.0)


@dataclass(frozen=True)
class Row:
    """One line of bars.

    Attributes:
        name: written at the left.
        colour: of its bars.
        sets: a list of segments (low, high) for each level, the levels rising.
        hat: best fit, marked where given; at the edge, as a triangle that points outwards, where it lies beyond.
        ends: for each level what both ends of each segment are; an open one gets an arrow head.
    """

    name: str
    colour: str
    sets: Sequence[Sequence[tuple[float, float]]]
    hat: float | None = None
    ends: Sequence[Ends | None] | None = None


def draw_rows(
    axes: Axes, rows: Sequence[Row], levels: Sequence[float], limits: tuple[float, float] | None = None
) -> None:
    """Draw rows from top to bottom; a set that goes on beyond what was searched, or was drawn, gets an arrow head.

    Args:
        axes: to draw into.
        rows: the lines of bars.
        levels: of the rows' sets, rising.
        limits: range of the parameter that is drawn.
    """
    low, high = limits or (-np.inf, np.inf)
    for place, row in enumerate(rows):
        empty = []
        for level, segments in enumerate(row.sets):
            width = WIDTHS[min(level, len(WIDTHS) - 1)]
            kinds = row.ends[level] if row.ends is not None else None
            shown = False
            for number, segment in enumerate(segments):
                start, end = max(segment[0], low), min(segment[1], high)
                cut = segment[0] < low, segment[1] > high
                if start > high or end < low:
                    continue
                shown = True
                axes.plot([start, end], [place, place], color=row.colour, linewidth=width, solid_capstyle="butt")
                for side, (x, marker) in enumerate(((start, "<"), (end, ">"))):
                    if cut[side] or (kinds is not None and kinds[number][side] == "open"):
                        look = {"color": row.colour, "markersize": max(8.0, width + 5.0)}  # wider than the bar
                        axes.plot(x, place, marker=marker, clip_on=False, zorder=4, **look)
            if not shown:
                empty.append(f"{100.0 * levels[level]:.4g} %")
        outside = row.hat is not None and not low <= row.hat <= high
        # An empty set is a statement too, and must not look like a missing row.
        if empty:
            where = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
            what = "outside: " if outside else "empty: "
            axes.text(0.96 if outside else 0.99, place, what + ", ".join(empty), fontsize="x-small", **where)
        if row.hat is not None:
            x = min(max(row.hat, low), high)
            marker = "o" if not outside else ">" if row.hat > high else "<"
            look = {"color": "white", "markeredgecolor": row.colour, "markersize": 8 if outside else 6}
            axes.plot(x, place, marker, clip_on=False, zorder=6, **look)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize="small")
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.set_tick_params(which="minor", left=False, right=False)


def mark_handles(rows: Sequence[Row], limits: tuple[float, float] | None = None) -> list[Line2D]:
    """What the marks on the bars mean, for a legend: those that there are."""
    low, high = limits or (-np.inf, np.inf)
    handles = []
    look = {"color": "white", "markeredgecolor": "black", "linestyle": ""}
    hats = [row.hat for row in rows if row.hat is not None]
    if any(low <= hat <= high for hat in hats):
        bar = {"color": "black", "linewidth": WIDTHS[0], "markerfacecolor": "white", "markeredgecolor": "black"}
        handles.append(Line2D([], [], marker="o", markersize=6, label="best fit", **bar))
    if any(not low <= hat <= high for hat in hats):
        handles.append(Line2D([], [], marker=">", markersize=8, label="best fit outside", **look))
    kinds = [kind for row in rows for level in row.ends or [] for pair in level or [] for kind in pair]
    edges = [(segment[0] < low or segment[1] > high) for row in rows for level in row.sets for segment in level]
    if "open" in kinds or any(edges):
        handles.append(Line2D([], [], color="black", marker=">", markersize=8, linestyle="", label="goes on"))
    return handles


def level_handles(levels: Sequence[float]) -> list[Line2D]:
    """What thick and thin bars mean, for a legend."""
    return [
        Line2D([], [], color="black", linewidth=WIDTHS[min(place, len(WIDTHS) - 1)], label=f"{100.0 * level:.4g} % set")
        for place, level in enumerate(sorted(levels))
    ]
