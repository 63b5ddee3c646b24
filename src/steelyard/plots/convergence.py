"""Ensemble convergence: how far the mean of the members still moves as members are added."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.diagnostics.ratio.convergence import Convergence
from steelyard.plots.labels import Labels
from steelyard.plots.style import MARKERS, SERIES, WIDTH, legend_above, new_figure, sign, styled


@styled
def convergence(results: Sequence[Convergence], labels: Labels) -> Figure:
    """Rms distance of the log ratio of the first members from that of all, and the error of the mean as dashed lines.

    Ensembles of one member have neither, which is said where their curves would be.

    Args:
        results: one a ratio.
        labels: of the analysis.
    """
    figure = new_figure(WIDTH, 5.0)
    axes = figure.subplots()
    handles = []
    for place, result in enumerate(results):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        # The last point is zero by construction: it says nothing.
        axes.plot(result.members[:-1], result.rms[:-1], color=colour, marker=marker)
        if result.error_of_mean is not None:
            axes.axhline(result.error_of_mean, color=colour, linestyle="--", linewidth=1.0)
        handles.append(Line2D([], [], color=colour, marker=marker, label=labels.process(result.ratio)))
    handles.append(Line2D([], [], color="black", linestyle="--", linewidth=1.0, label="error of the mean"))
    single = [labels.process(result.ratio) for result in results if result.error_of_mean is None]
    if single:
        text = f"one member, which has no spread:\n{', '.join(single)}"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize="small", wrap=True)
    axes.set(xlabel="members", ylabel=r"rms distance of $\log r$ from all members")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set_xlim(0.8, max(int(result.members[-1]) for result in results) + 0.2)
    sign(axes, labels.note)
    legend_above(figure, handles, columns=3)
    return figure
