"""The expected t(mu) with its error from finite simulation and training."""

import numpy as np
from matplotlib.figure import Figure

from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis
from steelyard.inference.fit import Scan
from steelyard.plots.labels import Labels
from steelyard.plots.style import GREEN, GREY, NSBI, ORACLE, SERIES, WIDTH, legend_above, new_figure, sign, styled


@styled
def simulation_error(result: SimulationDiagnosis, scan: Scan, labels: Labels, oracle: Scan | None = None) -> Figure:
    """t(mu) with a band of sigma_t about it; beneath, sigma_t and its sources over what is allowed.

    Args:
        result: the error of t at some points of the scan; the band between them is interpolated.
        scan: t of all its points.
        labels: of the analysis.
        oracle: t of the exact likelihood on the same reference events, where it is known.
    """
    error = result.error
    figure = new_figure(WIDTH, 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 2.0])
    known = np.isfinite(error.sigma_t)
    mu, t, sigma = error.mu[known], error.t[known], error.sigma_t[known]
    curve, points = np.asarray(scan.t), np.asarray(scan.mu)
    between = np.interp(points, mu, sigma)
    handles = upper.plot(points, curve, color=NSBI, linewidth=2.6, label="NSBI")
    band = {"color": NSBI, "alpha": 0.25, "linewidth": 0, "label": r"$\pm\sigma_t$"}
    handles.append(upper.fill_between(points, np.maximum(curve - between, 0.0), curve + between, **band))
    upper.errorbar(mu, t, sigma, color=NSBI, linestyle="", marker="o")
    look = {"color": GREY, "linestyle": "", "marker": "x", "markersize": 7}
    handles += upper.plot(mu, error.corrected[known], label="less its bias", **look)
    if oracle is not None:
        look = {"color": ORACLE, "linestyle": (0, (1.5, 1.5)), "linewidth": 1.8}
        handles += upper.plot(oracle.mu, oracle.t, label="exact likelihood", **look)
    upper.set(ylabel=r"$t(\mu)$, expected")
    upper.set_ylim(bottom=0.0)
    allowed = result.allowance[known]
    sources = {
        "|bias|": np.abs(error.bias),
        **{f"training events, {name}": values for name, values in error.events.items()},
        "networks": error.members,
        "reference": error.reference,
    }
    handles += lower.plot(mu, sigma / allowed, color=NSBI, linewidth=2.6)[:0]
    colours = [colour for colour in SERIES if colour != NSBI]
    for place, (name, values) in enumerate((key, item) for key, item in sources.items() if item is not None):
        look = {"color": colours[place % len(colours)], "linewidth": 1.2}
        handles += lower.plot(mu, values[known] / allowed, label=name, **look)
    lower.axhspan(0.0, 1.0, color=GREEN, alpha=0.12, linewidth=0)
    lower.set(xlabel=labels.parameter, ylabel=r"$\sigma_t$ / allowed", xlim=(error.mu[0], error.mu[-1]))
    lower.set_ylim(bottom=0.0)
    sign(upper, labels.note, "finite simulation")
    legend_above(figure, handles, columns=3)
    return figure
