"""The change of t(mu) by the cross term of nuisance parameters that are off together."""

import numpy as np
from matplotlib.figure import Figure

from steelyard.checks import Threshold
from steelyard.diagnostics.factorisation.factorisation_checks import FactorisationDiagnosis
from steelyard.plots.labels import Labels
from steelyard.plots.style import (
    BLACK,
    DATA,
    GREEN,
    GREY,
    NSBI,
    ORANGE,
    SERIES,
    WIDTH,
    legend_above,
    new_figure,
    sign,
    styled,
)


@styled
def factorisation(result: FactorisationDiagnosis, labels: Labels, levels: Threshold) -> Figure:
    """The change over its allowance along the fits; beneath, that of data at the point in units of t, by process.

    Args:
        result: of one joint point.
        labels: of the analysis.
        levels: at which the check warns and fails.
    """
    figure = new_figure(WIDTH, 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 2.0])
    looks = dict(zip(("expected fit", "observed fit", "data at the point"), (NSBI, DATA, BLACK), strict=True))
    handles, reach = [], float(levels.fail)
    for curve in result.curves:
        colour = looks[curve.where]
        value, error = curve.change / curve.allowance, curve.error / curve.allowance
        handles += upper.plot(curve.mu, value, color=colour, marker="o", label=curve.where)
        upper.fill_between(curve.mu, value - error, value + error, color=colour, alpha=0.25, linewidth=0)
        reach = max(reach, float(np.max(np.abs(value) + error, initial=0.0)))
    for level, colour in ((levels.fail, ORANGE), (levels.warn, GREEN)):
        upper.axhspan(-level, level, color=colour, alpha=0.12, linewidth=0)
    upper.set_ylim(-1.15 * reach, 1.15 * reach)
    upper.set(ylabel=r"$\delta t$ / allowed")
    there = result.curves[-1]
    lower.axhline(0.0, color=GREY, linewidth=1.0)
    handles += lower.errorbar(there.mu, there.change, there.error, color=BLACK, marker="o")[:0]
    colours = [colour for colour in SERIES if colour not in (NSBI, BLACK)]
    for place, (process, values) in enumerate(there.processes.items()):
        look = {"color": colours[place % len(colours)], "linewidth": 1.2, "linestyle": "--"}
        handles += lower.plot(there.mu, values, label=labels.process(process), **look)
    lower.set(xlabel=labels.parameter, ylabel=r"$\delta t$, data at the point", xlim=(there.mu[0], there.mu[-1]))
    sign(upper, labels.note, f"factorisation, {result.point}")
    legend_above(figure, handles, columns=3)
    return figure
