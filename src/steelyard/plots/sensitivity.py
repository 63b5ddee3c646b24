"""Shares of the sensitivity in the plane of two variables."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from steelyard.diagnostics.model.sensitivity import SensitivityMap
from steelyard.io.notation import format_number
from steelyard.plots.labels import Labels
from steelyard.plots.style import VERMILION, new_figure, sign, styled

# Decades of the colour scale: what is fainter than a thousandth of the brightest cell does not matter.
DECADES = 3.0


@styled
def sensitivity(maps: Sequence[SensitivityMap], labels: Labels) -> Figure:
    """Maps of the expected share in t per cell, contours of the expected events over them.

    Args:
        maps: of one tested value, over several pairs of variables.
        labels: of the analysis.
    """
    columns = min(2, len(maps))
    rows = -(-len(maps) // columns)
    figure = new_figure(5.2 * columns, 4.2 * rows + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(maps) :]:
        axes.set_visible(False)
    for axes, found in zip(grid, maps, strict=False):
        share = np.ma.masked_less_equal(found.share.T, 0.0)
        brightest = float(share.max())
        norm = LogNorm(vmin=brightest * 10.0**-DECADES, vmax=brightest)
        # Pixels in the PDF too: thousands of vector cells make it slow to open.
        mesh = axes.pcolormesh(found.x_edges, found.y_edges, share, cmap="Blues", norm=norm, rasterized=True)
        figure.colorbar(mesh, ax=axes, label=r"share of $t$ per cell", pad=0.02)
        x, y = (0.5 * (edges[1:] + edges[:-1]) for edges in (found.x_edges, found.y_edges))
        levels = float(found.events.max()) * np.array([0.01, 0.1, 0.5])
        axes.contour(
            x,
            y,
            found.events.T,
            levels=levels,
            colors=VERMILION,
            linewidths=1.0,
            linestyles=["dotted", "dashed", "solid"],
        )
        axes.set(xlabel=labels.column(found.x), ylabel=labels.column(found.y))
    first = maps[0]
    title = rf"$t$({format_number(first.tested)}) = {first.total:.3g}, expected at {format_number(first.truth)}"
    sign(grid[0], labels.note, title)
    return figure
