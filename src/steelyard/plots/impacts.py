"""Nuisance parameters at a glance: the ranking with pulls and impacts, the parts of the error, the correlations."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from steelyard.finite_simulation.reference_error import ReferenceError
from steelyard.inference.impacts import STATISTICAL, Impacts
from steelyard.plots.labels import Labels
from steelyard.plots.style import (
    BLUE,
    DATA_NAMES,
    GREY,
    ORACLE,
    SKY,
    VERMILION,
    WIDTH,
    legend_above,
    new_figure,
    sign,
    styled,
)

# Rows of the error budget that are no part of the total.
FIXED, SAMPLE = "nuisances known", "reference sample"

# Parameters shown: a page holds no more that can be read.
SHOWN = 25


@styled
def ranking(result: Impacts, data: str, labels: Labels, oracle: Impacts | None = None) -> Figure:
    """Pull and post-fit error of every nuisance parameter, and how far a unit shift of its constraint moves the fit.

    Bars are refits with the global observable at +1 (filled) and -1 (open); a cross is the first-order shift from the
    covariance; unconstrained parameters have the part of the error that they cause, on both sides.

    Args:
        result: of one data set.
        data: ``asimov`` or ``observed``.
        labels: of the analysis.
        oracle: the same of the exact likelihood, drawn as open diamonds and dashed errors.
    """
    shown = result.impacts[:SHOWN]
    figure = new_figure(1.35 * WIDTH, 0.42 * len(shown) + 2.5)
    shifts, pulls = figure.subplots(1, 2, sharey=True, width_ratios=[1.0, 1.0])
    truth = {impact.name: impact for impact in oracle.impacts} if oracle else {}
    for row, impact in enumerate(shown):
        up, down = impact.up, impact.down
        if up is None and impact.inflation is not None:
            up, down = impact.inflation, -impact.inflation
        shifts.barh(row, up or 0.0, height=0.62, color=BLUE)
        shifts.barh(row, down or 0.0, height=0.62, facecolor="none", edgecolor=BLUE, linewidth=1.4)
        if impact.covariance is not None:
            shifts.plot([impact.covariance, -impact.covariance], [row, row], "x", color=VERMILION, markersize=7)
        pulls.errorbar(impact.pull, row, xerr=impact.constraint, fmt="o", color=BLUE, capsize=3)
        if impact.name in truth:
            other = truth[impact.name]
            for shift in (other.up, other.down):
                if shift is not None:
                    shifts.plot(shift, row, "D", color=ORACLE, markerfacecolor="none", markersize=7)
            bar = pulls.errorbar(
                other.pull, row + 0.24, xerr=other.constraint, fmt="D", color=ORACLE, markerfacecolor="none", capsize=2
            )
            for line in bar[2]:
                line.set_linestyle("--")
    shifts.set_yticks(range(len(shown)), [labels.nuisance(impact.name) for impact in shown])
    shifts.minorticks_off()
    pulls.minorticks_off()
    shifts.set_ylim(len(shown) - 0.4, -0.6)
    reach = 1.15 * max([impact.size for impact in shown] + [1e-6])
    shifts.set_xlim(-reach, reach)
    shifts.axvline(0.0, color=GREY, linewidth=0.8)
    shifts.set_xlabel(f"shift of the best-fit {labels.parameter}")
    for edge in (-1.0, 0.0, 1.0):
        pulls.axvline(edge, color=GREY, linewidth=0.8, linestyle="-" if edge == 0.0 else ":")
    widest = max([abs(impact.pull) + (impact.constraint or 0.0) for impact in shown] + [1.3])
    pulls.set_xlim(-1.1 * widest, 1.1 * widest)
    pulls.set_xlabel(r"pull $(\hat\alpha-a)/\sigma_a$")
    sign(shifts, labels.note)
    pulls.set_title(DATA_NAMES[data], loc="right", fontsize="medium", pad=5)
    handles = [
        Patch(color=BLUE, label=r"$a_k+1\sigma$"),
        Patch(facecolor="none", edgecolor=BLUE, label=r"$a_k-1\sigma$"),
        Line2D([], [], color=VERMILION, marker="x", linestyle="", label="covariance"),
    ]
    if oracle:
        handles.append(
            Line2D([], [], color=ORACLE, marker="D", markerfacecolor="none", linestyle="", label="exact likelihood")
        )
    legend_above(figure, handles, columns=4)
    return figure


@styled
def error_budget(
    result: Impacts,
    data: str,
    labels: Labels,
    oracle: Impacts | None = None,
    reference: ReferenceError | None = None,
) -> Figure:
    """The total parabolic error of the parameter, what fitting the nuisance parameters adds to it, and its parts.

    Light bars are the parts that move with the data and with the global observables of each group, which add up in
    quadrature to the total; bars of an outline are inflations, which do not.

    Args:
        result, data, labels, oracle: as of :func:`ranking`.
        reference: the component of the finite reference sample, which the total does not contain.
    """
    if result.error is None:
        return _nothing(data, labels)
    groups = {**dict.fromkeys(result.group_inflations or {}, 0.0), **(result.groups or {})}
    parted = [STATISTICAL, *sorted(groups, key=lambda name: -groups[name])]
    names = ["total", FIXED, *parted, *([SAMPLE] if reference is not None else [])]
    figure = new_figure(WIDTH, 0.5 * len(names) + 2.4)
    axes = figure.subplots()

    def parts(of: Impacts) -> list[float]:
        known = {"total": of.error, FIXED: of.fixed, STATISTICAL: of.statistical, **(of.groups or {})}
        return [known.get(name) or 0.0 for name in names]

    colours = [BLUE, BLUE, *[SKY] * (len(names) - 2)]
    axes.barh(range(len(names)), parts(result), height=0.55, color=colours)
    inflated = {"total": result.inflation, **(result.group_inflations or {})}
    rows = [(place, inflated[name]) for place, name in enumerate(names) if inflated.get(name)]
    places, sizes = [place for place, _ in rows], [size for _, size in rows]
    axes.barh(places, sizes, height=0.72, facecolor="none", edgecolor=VERMILION, linewidth=1.4)
    if reference is not None and reference.sigma_hat is not None:
        axes.barh(len(names) - 1, reference.sigma_hat, height=0.55, color=GREY)
    if oracle is not None and oracle.error is not None:
        drawn = len(names) - (reference is not None)
        axes.plot(parts(oracle)[:drawn], range(drawn), "D", color=ORACLE, markerfacecolor="none")
    handles = [
        Patch(color=SKY, label="parts (add up)"),
        Patch(facecolor="none", edgecolor=VERMILION, label="inflations (do not)"),
    ]
    if oracle is not None and oracle.error is not None:
        handles.append(
            Line2D([], [], color=ORACLE, marker="D", markerfacecolor="none", linestyle="", label="exact likelihood")
        )
    axes.set_yticks(range(len(names)), names)
    axes.minorticks_off()
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0.0, 1.08 * max(result.error or 0.0, (oracle.error if oracle else 0.0) or 0.0))
    axes.set_xlabel(rf"parabolic error of {labels.parameter}")
    sign(axes, labels.note, DATA_NAMES[data])
    legend_above(figure, handles, columns=2)
    return figure


@styled
def correlations(result: Impacts, data: str, labels: Labels) -> Figure:
    """Correlation matrix of the parameter of interest and the nuisance parameters after the fit.

    Args:
        result, data, labels: as of :func:`ranking`.
    """
    if result.correlation is None:
        return _nothing(data, labels)
    matrix = np.asarray(result.correlation)
    texts = [labels.parameter, *(labels.nuisance(name) for name in result.names[1:])]
    figure = new_figure(WIDTH, WIDTH)
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    axes.set_xticks(range(len(texts)), texts, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(texts)), texts)
    axes.minorticks_off()
    axes.tick_params(which="both", length=0)
    if len(texts) <= 12:
        for (row, column), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize="small", color=colour)
    figure.colorbar(image, ax=axes, label="correlation", shrink=0.8)
    sign(axes, labels.note, DATA_NAMES[data])
    return figure


def _nothing(data: str, labels: Labels) -> Figure:
    """What is drawn of a fit that has no covariance."""
    figure = new_figure(WIDTH, 2.2)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.4, f"no covariance: the best {labels.parameter} lies on a bound", ha="center", va="center")
    sign(axes, labels.note, DATA_NAMES[data])
    return figure
