"""Learned against exact log ratio of the variations, where the exact one is known."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from steelyard.diagnostics.oracle.variation_comparison import VariationComparison
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, new_figure, sign, styled

# Decades of the colour scale.
DECADES = 4.0


@styled
def variation_comparison(results: Sequence[VariationComparison], labels: Labels) -> Figure:
    """A panel a variation: the density of events in exact and learned log g; on the diagonal they agree.

    Args:
        results: of one systematic, as its variations are ordered.
        labels: of the analysis.
    """
    columns = min(2, len(results))
    rows = -(-len(results) // columns)
    figure = new_figure(4.4 * columns + 1.1, 4.1 * rows + 0.5)
    figure.get_layout_engine().set(wspace=0.06)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.ravel()[len(results) :]:
        axes.set_visible(False)
    mesh = None
    for axes, result in zip(grid.ravel(), results, strict=False):
        share = np.ma.masked_less_equal(result.density.T / result.density.max(), 10.0**-DECADES)
        norm = LogNorm(vmin=10.0**-DECADES, vmax=1.0)
        # Pixels in the PDF too: thousands of vector cells make it slow to open.
        mesh = axes.pcolormesh(result.edges, result.edges, share, cmap="Blues", norm=norm, rasterized=True)
        ends = [result.edges[0], result.edges[-1]]
        axes.plot(ends, ends, color=BLACK, linewidth=1.0, linestyle="--")
        axes.set(xlim=ends, ylim=ends, box_aspect=1.0)
        for axis in (axes.xaxis, axes.yaxis):  # the same ticks, and none in the corners, where panels meet
            axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], prune="both"))
        axes.ticklabel_format(style="plain", useOffset=False)
        process, _, direction = result.variation.split("-")
        axes.annotate(
            f"{labels.process(process)}, {direction}\n$R^2$ = {_digits(result.r_squared)}\n"
            f"rms {result.rms:.2g} of {result.exact_rms:.2g}",
            (0.04, 0.96),
            xycoords="axes fraction",
            va="top",
            fontsize="small",
        )
    for axes in grid[:, 0]:
        axes.set_ylabel(r"learned $\ln\,g$")
    for column in range(columns):
        filled = [axes for axes in grid[:, column] if axes.get_visible()]
        filled[-1].set_xlabel(r"exact $\ln\,g$")
    figure.colorbar(mesh, ax=list(grid.ravel()), label="density of events [of the largest]", pad=0.02, aspect=22 * rows)
    figure.align_ylabels(grid[:, 0])
    sign(grid[0, 0], labels.note)
    grid[0, -1].set_title(results[0].variation.split("-")[1], loc="right", fontsize="medium", pad=5)
    return figure


def _digits(r_squared: float) -> str:
    """R² with so many decimals that what is missing to 1 shows: 0.99 and 0.9996."""
    missing = max(1.0 - r_squared, 1e-6)
    return f"{r_squared:.{max(2, int(np.ceil(-np.log10(missing))) + 1)}f}"
