"""The test statistic along the parameter: learned, exact, and of the histogram analyses."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.finite_simulation.simulation_uncertainty import SimulationUncertainty
from steelyard.inference.fit import Scan
from steelyard.inference.intervals import wald_threshold
from steelyard.plots.labels import Labels
from steelyard.plots.style import (
    BASELINE_LINES,
    BASELINES,
    DATA_NAMES,
    GREEN,
    GREY,
    NSBI,
    ORACLE,
    WIDTH,
    legend_above,
    mark_level,
    new_figure,
    sign,
    styled,
)


@styled
def scan(
    data: str,
    nsbi: Scan,
    labels: Labels,
    oracle: Scan | None = None,
    baselines: Mapping[str, Scan] | None = None,
    levels: Sequence[float] = (0.6827, 0.9545),
    allowance: tuple[float, float] | None = None,
    compared: tuple[float, float] | None = None,
    uncertainty: SimulationUncertainty | None = None,
) -> Figure:
    """t(mu) of one data set by every method; with an oracle, learned minus exact beneath.

    Args:
        data: ``asimov`` or ``observed``.
        nsbi: of the learned likelihood.
        labels: of the analysis.
        oracle: of the exact likelihood, on the same grid.
        baselines: of each histogram analysis, by its name.
        levels: whose Wald thresholds are drawn.
        allowance: (absolute, relative) allowed difference from the exact t, of which the larger counts.
        compared: range of the parameter in which it is demanded; everywhere without it.
        uncertainty: from finite simulation and training, a band about the learned curve, above and beneath.
    """
    figure = new_figure(WIDTH, 6.4 if oracle is not None else 5.0)
    if oracle is None:
        upper = lower = figure.subplots()
    else:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.3])
    lines = []
    for place, (name, result) in enumerate((baselines or {}).items()):
        colour, dashes = BASELINES[place % len(BASELINES)], BASELINE_LINES[place % len(BASELINE_LINES)]
        lines += upper.plot(result.mu, result.t, color=colour, linestyle=dashes, label=f"histogram: {name}")
    lines += upper.plot(nsbi.mu, nsbi.t, color=NSBI, linewidth=2.6, label="NSBI")
    width = None if uncertainty is None else uncertainty.at(nsbi.mu)
    if width is not None:
        band = {
            "color": NSBI,
            "alpha": 0.25,
            "linewidth": 0,
            "label": r"$\pm1\sigma_\mathrm{MC}$, simulation and training",
        }
        lines.append(upper.fill_between(nsbi.mu, np.maximum(nsbi.t - width, 0.0), nsbi.t + width, **band))
    if oracle is not None:
        exact = {"color": ORACLE, "linestyle": (0, (1.5, 1.5)), "linewidth": 1.8}
        lines += upper.plot(oracle.mu, oracle.t, label="exact likelihood", **exact)
    searched = nsbi.mu[0], nsbi.mu[-1]
    hats = [(nsbi.fit.hat, NSBI)] + ([(oracle.fit.hat, ORACLE)] if oracle is not None else [])
    outside = [(hat, colour) for hat, colour in hats if not searched[0] <= hat <= searched[1]]
    for hat, colour in outside:  # at the edge, pointing to where it is
        edge, marker = (searched[1], ">") if hat > searched[1] else (searched[0], "<")
        look = {"markerfacecolor": "white", "markersize": 9, "clip_on": False, "zorder": 6, "linestyle": ""}
        upper.plot([edge], [0.04], marker=marker, color=colour, transform=upper.get_xaxis_transform(), **look)
        lines.insert(0, Line2D([], [], marker=marker, color=colour, label=f"best fit at {hat:.3g}", **look))
    top = max(1.15 * float(np.nanmax(nsbi.t)), 1.1 * max(wald_threshold(level) for level in levels))
    for level in levels:
        height = wald_threshold(level)
        upper.axhline(height, color=GREY, linewidth=0.8)
        mark_level(upper, height, level, GREY)
    upper.set(ylabel=rf"$t(\mu)$, {DATA_NAMES[data]}", ylim=(0.0, top), xlim=(nsbi.mu[0], nsbi.mu[-1]))
    if oracle is not None:
        if allowance is not None:
            inside = _inside(oracle.mu, compared)
            band = np.maximum(allowance[0], allowance[1] * oracle.t[inside])
            lower.fill_between(oracle.mu[inside], -band, band, color=GREEN, alpha=0.2, linewidth=0, label="allowed")
            limit = 1.6 * float(band.max())
            lower.set_ylim(-limit, limit)
            lower.legend(loc="upper left")
        if width is not None:
            lower.fill_between(
                nsbi.mu, nsbi.t - oracle.t - width, nsbi.t - oracle.t + width, color=NSBI, alpha=0.25, lw=0
            )
        lower.axhline(0.0, color=ORACLE, linestyle=(0, (1.5, 1.5)), linewidth=1.2)
        lower.plot(nsbi.mu, nsbi.t - oracle.t, color=NSBI)
        lower.set_ylabel("NSBI \N{MINUS SIGN} exact")
    lower.set_xlabel(labels.parameter)
    sign(upper, labels.note)
    legend_above(figure, lines[::-1])
    return figure


def _inside(mu: np.ndarray, compared: tuple[float, float] | None) -> np.ndarray:
    return np.ones(len(mu), dtype=bool) if compared is None else (mu >= compared[0]) & (mu <= compared[1])
