"""Learned against exact log ratio, where the exact one is known."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from steelyard.diagnostics.oracle.ratio_comparison import RatioComparison
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, NSBI, WIDTH, new_figure, sign, styled


@styled
def ratio_comparison(results: Sequence[RatioComparison], labels: Labels) -> Figure:
    """Mean and width of learned minus exact log ratio in bins of the exact one, a panel a ratio.

    Args:
        results: the comparisons.
        labels: of the analysis.
    """
    figure = new_figure(WIDTH, 1.3 + 2.1 * len(results))
    panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for panel, result in zip(panels, results, strict=True):
        low, high = result.mean - result.width, result.mean + result.width
        panel.stairs(high, result.edges, baseline=low, fill=True, color=NSBI, alpha=0.25)
        panel.stairs(result.mean, result.edges, baseline=None, color=NSBI, linewidth=2.0)
        panel.axhline(0.0, color=BLACK, linewidth=1.0)
        reach = 1.25 * float(np.nanmax(np.maximum(np.abs(low), np.abs(high))))
        panel.set(ylim=(-reach, reach), xlim=(result.edges[0], result.edges[-1]), ylabel="learned \N{MINUS SIGN} exact")
        panel.set_title(
            rf"{labels.process(result.ratio)}:  rms {result.rms:.3f}", loc="right", fontsize="medium", pad=5
        )
    panels[-1].set_xlabel("exact log ratio (mean, and rms about it)")
    sign(panels[0], labels.note, f"{labels.process(results[0].ratio)}:  rms {results[0].rms:.3f}")
    return figure
