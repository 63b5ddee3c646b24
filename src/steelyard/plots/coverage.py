"""The audit with independently simulated experiments: coverage, and critical values against the exact likelihood's."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.coverage.audit import Audit, AuditPoint
from steelyard.plots.labels import Labels
from steelyard.plots.style import BLACK, GREEN, NSBI, ORACLE, WIDTH, legend_above, new_figure, sign, styled


@styled
def coverage(result: Audit, labels: Labels) -> Figure:
    """Fraction of simulated experiments whose set contains the truth, a panel a level, against the nominal level.

    The bands are one, two and three standard errors of an honest belt, the toys behind the critical value included.
    Open symbols: experiments whose nuisance parameters are not at their nominal values.
    """
    levels = [entry.level for entry in result.points[0].coverage]
    nominal_points = [point for point in result.points if not point.nuisances] or list(result.points)
    displaced = [point for point in result.points if point.nuisances]
    figure, panels = _panels(result, labels, levels)
    mu = np.array([point.mu for point in nominal_points])
    for panel, place in zip(panels, range(len(levels)), strict=True):
        entries = [point.coverage[place] for point in nominal_points]
        fraction = 100.0 * np.array([entry.fraction for entry in entries])
        error = 100.0 * np.array([entry.error for entry in entries])
        nominal = 100.0 * levels[place]
        for width, alpha in ((3.0, 0.13), (2.0, 0.18), (1.0, 0.25)):
            panel.fill_between(
                mu, nominal - width * error, nominal + width * error, color=GREEN, alpha=alpha, linewidth=0
            )
        panel.axhline(nominal, color=BLACK, linewidth=1.0)
        panel.plot(mu, fraction, "o", color=NSBI, markersize=6)
        for point in displaced:
            entry = point.coverage[place]
            panel.errorbar(
                point.mu + _apart(result, point),
                100.0 * entry.fraction,
                yerr=100.0 * entry.error,
                fmt="o",
                color=NSBI,
                markerfacecolor="white",
                markersize=5,
                linewidth=1.0,
            )
        panel.set_ylabel(f"coverage of {nominal:.4g} % [%]", fontsize="medium")
        panel.margins(y=0.12)
    handles = [
        Line2D([], [], color=NSBI, marker="o", linestyle="", label="independent experiments"),
        Line2D([], [], color=GREEN, alpha=0.4, linewidth=8, label=r"nominal $\pm$ 1, 2, 3 standard errors"),
    ]
    if displaced:
        hollow = {"marker": "o", "markerfacecolor": "white", "linestyle": ""}
        handles.insert(1, Line2D([], [], color=NSBI, label=r"a nuisance parameter at $\pm1\sigma$ or beyond", **hollow))
    legend_above(figure, handles)
    return figure


@styled
def critical_values(result: Audit, labels: Labels) -> Figure:
    """Critical values of the belt against those of simulated experiments fitted with the exact likelihood."""
    points = [point for point in result.points if point.critical]
    levels = [entry.level for entry in points[0].critical]
    figure, panels = _panels(result, labels, levels)
    mu = np.array([point.mu for point in points])
    apart = 0.006 * float(np.ptp(mu) or 1.0)  # so that the error bars stay visible side by side
    for panel, place in zip(panels, range(len(levels)), strict=True):
        entries = [point.critical[place] for point in points]
        for name, side, look in (
            ("learned", -apart, {"fmt": "o", "color": NSBI}),
            ("exact", apart, {"fmt": "s", "color": ORACLE, "markerfacecolor": "white"}),
        ):
            values = np.array(
                [[getattr(getattr(entry, name), edge) for edge in ("low", "value", "high")] for entry in entries]
            )
            down, up = values[:, 1] - values[:, 0], values[:, 2] - values[:, 1]
            panel.errorbar(mu + side, values[:, 1], yerr=[down, up], markersize=6, linewidth=1.4, **look)
        panel.set_ylabel(f"$c(\\mu)$ at {100.0 * levels[place]:.4g} %", fontsize="medium")
        panel.margins(y=0.12)
    legend_above(
        figure,
        [
            Line2D([], [], color=NSBI, marker="o", linestyle="", label="NSBI belt, toys"),
            Line2D(
                [],
                [],
                color=ORACLE,
                marker="s",
                markerfacecolor="white",
                linestyle="",
                label="exact likelihood, simulated",
            ),
        ],
    )
    return figure


def _apart(result: Audit, point: AuditPoint) -> float:
    """Horizontal shift of a point among those of one parameter value, so that none hides another."""
    same = [other for other in result.points if other.mu == point.mu]
    width = 0.035 * float(np.ptp([other.mu for other in result.points]) or 1.0)
    return width * (same.index(point) / len(same) - 0.5) * 2.0


def _panels(result: Audit, labels: Labels, levels: list[float]) -> tuple[Figure, list[Axes]]:
    figure = new_figure(WIDTH, 1.6 + 2.3 * len(levels))
    panels = list(figure.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0])
    mu = [point.mu for point in result.points]
    margin = 0.05 * ((max(mu) - min(mu)) or 1.0)
    panels[-1].set(xlabel=labels.parameter, xlim=(min(mu) - margin, max(mu) + margin))
    sign(panels[0], labels.note)
    return figure, panels
