"""Confidence sets drawn as horizontal bars, a segment each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

# Line widths of the first, second, ... level: the narrowest set has the thickest bar.
WIDTHS = (7.0, 2.5, 1.0)


@dataclass(frozen=True)
class Row:
    """One line of bars.

    Attributes:
        name: written at the left.
        colour: of its bars.
        sets: a list of segments (low, high) for each level, the levels rising.
        hat: best fit, marked where given.
    """

    name: str
    colour: str
    sets: Sequence[Sequence[tuple[float, float]]]
    hat: float | None = None


def draw_rows(axes: Axes, rows: Sequence[Row], levels: Sequence[float], edge: float | None = None) -> None:
    """Draw rows from top to bottom; a set that goes on to ``edge`` or beyond gets an arrow head there.

    Args:
        axes: to draw into.
        rows: the lines of bars.
        levels: of the rows' sets, rising.
        edge: upper end of the range that is drawn, where the search for segments ends.
    """
    for place, row in enumerate(rows):
        for level, segments in enumerate(row.sets):
            width = WIDTHS[min(level, len(WIDTHS) - 1)]
            for low, high in segments:
                start, end = (low, high) if edge is None else (min(low, edge), min(high, edge))
                axes.plot([start, end], [place, place], color=row.colour, linewidth=width, solid_capstyle="butt")
                if edge is not None and end >= edge - 1e-9 * max(1.0, abs(edge)):
                    axes.plot(end, place, marker=">", color=row.colour, markersize=8, clip_on=False, zorder=4)
        # An empty set is a statement too, and must not look like a missing row.
        empty = [f"{100.0 * level:.4g} %" for level, segments in zip(levels, row.sets, strict=True) if not segments]
        if empty:
            where = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
            axes.text(0.99, place, "empty: " + ", ".join(empty), fontsize="x-small", **where)
        if row.hat is not None:
            axes.plot(row.hat, place, "o", color="white", markeredgecolor=row.colour, markersize=6, zorder=5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize="small")
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.set_tick_params(which="minor", left=False, right=False)


def level_handles(levels: Sequence[float], colour: Any = "black") -> list[Line2D]:
    """What thick and thin bars mean, for a legend."""
    return [
        Line2D([], [], color=colour, linewidth=WIDTHS[min(place, len(WIDTHS) - 1)], label=f"{100.0 * level:.4g} % set")
        for place, level in enumerate(sorted(levels))
    ]
