"""Calibration of a ratio: the observed fraction of target events against the predicted one."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.diagnostics.ratio.calibration import Calibration
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, NSBI, WIDTH, legend_above, new_figure, sign, styled


@styled
def calibration(result: Calibration, labels: Labels) -> Figure:
    """Observed fraction against the predicted probability s = r/(1+r), and their difference beneath.

    Args:
        result: the calibration of one ratio.
        labels: of the analysis.
    """
    figure = new_figure(WIDTH, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.3])
    low, high = (float(edge(result.predicted)) for edge in (np.min, np.max))
    margin = 0.05 * (high - low or 1.0)
    ends = [low - margin, high + margin]
    points = {"fmt": "o", "color": NSBI, "markersize": 4.5, "linewidth": 1.2}
    upper.plot(ends, ends, color=BLACK, linewidth=1.0)
    upper.errorbar(result.predicted, result.observed, yerr=result.error, **points)
    upper.set_ylabel("observed fraction")
    lower.axhline(0.0, color=BLACK, linewidth=1.0)
    lower.errorbar(result.predicted, result.observed - result.predicted, yerr=result.error, **points)
    reach = 1.2 * float(np.max(np.abs(result.observed - result.predicted) + result.error))
    lower.set(ylabel="difference", xlabel=r"predicted $s = r/(1+r)$", ylim=(-reach, reach), xlim=ends)
    sign(upper, labels.note, f"$\\chi^2$/ndf {result.chi2:.0f}/{result.ndf}")
    legend_above(
        figure,
        [
            Line2D(
                [], [], color=NSBI, marker="o", linestyle="", label=f"{labels.process(result.ratio)} against reference"
            ),
            Line2D([], [], color=BLACK, linewidth=1.0, label="perfect"),
        ],
    )
    return figure
