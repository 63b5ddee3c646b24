"""Measured numbers of the checks against their thresholds, and the table of all checks."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.checks import Check, Threshold
from steelyard.io.notation import format_measured, format_number
from steelyard.plots.labels import Labels
from steelyard.plots.style import GREEN, STATUS, VERMILION, WIDTH, legend_above, new_figure, sign, styled
from steelyard.report.summary import CheckResult

SYMBOLS = {"PASS": "o", "WARN": "^", "FAIL": "X"}
ORDER = ("FAIL", "WARN", "PASS")


@styled
def measured(
    checks: Sequence[Check],
    names: Sequence[str],
    labels: Labels,
    threshold: Threshold,
    quantity: str,
    unit: float = 1.0,
    perfect: float = 0.0,
    signed: bool = False,
) -> Figure:
    """One measured number a ratio, with its error, over the band that passes: normalisation, overtraining, AUC.

    Args:
        checks: with their errors.
        names: of the ratios, in the same order.
        labels: of the analysis.
        threshold: levels of these checks.
        quantity: label of the abscissa.
        unit: that the values are multiplied with, 100 for per cent.
        perfect: value of a perfect model.
        signed: deviations to both sides count, as of a normalisation.
    """
    figure = new_figure(WIDTH, 1.9 + 0.42 * len(checks))
    axes = figure.subplots()
    low = (2.0 * perfect - threshold.warn if signed else perfect) * unit
    axes.axvspan(low, threshold.warn * unit, color=GREEN, alpha=0.18, linewidth=0)
    axes.axvline(perfect * unit, color="black", linewidth=1.0)
    for side in (1.0, -1.0) if signed else (1.0,):
        axes.axvline((perfect + side * (threshold.fail - perfect)) * unit, color=VERMILION, linewidth=1.4)
    for place, check in enumerate(checks):
        axes.errorbar(
            check.value * unit,
            place,
            xerr=None if check.error is None else check.error * unit,
            fmt=SYMBOLS[check.status],
            color=STATUS[check.status],
            markersize=8,
            linewidth=1.6,
        )
    axes.set_yticks(range(len(checks)), [labels.process(name) for name in names])
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set(ylim=(len(checks) - 0.5, -0.5), xlabel=quantity)
    axes.margins(x=0.08)
    sign(axes, labels.note)
    handles = [
        Line2D([], [], color=GREEN, alpha=0.3, linewidth=8, label="passes"),
        Line2D([], [], color=VERMILION, label="failure beyond"),
    ]
    handles += [
        Line2D([], [], color=STATUS[status], marker=SYMBOLS[status], linestyle="", markersize=8, label=status)
        for status in ("PASS", "WARN", "FAIL")
    ]
    legend_above(figure, handles, columns=5)
    return figure


@styled
def overview(checks: Sequence[Check | CheckResult], labels: Labels) -> Figure:
    """A table of all checks, those that failed first: verdict, name, value with error, threshold.

    Args:
        checks: of the whole analysis.
        labels: of the analysis.
    """
    ordered = sorted(checks, key=lambda check: ORDER.index(check.status))
    figure = new_figure(WIDTH + 1.2, 1.3 + 0.27 * len(ordered))
    axes = figure.subplots()
    across = axes.get_yaxis_transform()
    for place, check in enumerate(ordered):
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="0.95", linewidth=0)
        axes.plot(0.02, place, SYMBOLS[check.status], color=STATUS[check.status], markersize=8, transform=across)
        row = {"transform": across, "va": "center", "fontsize": 10.5}
        weight = "normal" if check.status == "PASS" else "bold"
        axes.text(0.05, place, check.status, color=STATUS[check.status], fontweight="bold", **row)
        axes.text(0.13, place, check.name, fontweight=weight, **row)
        axes.text(0.83, place, format_measured(check.value, getattr(check, "error", None)), ha="right", **row)
        axes.text(0.98, place, format_number(check.threshold), ha="right", **row)
    heading = {"transform": across, "va": "center", "fontsize": 10.5, "style": "italic"}
    for x, name, side in ((0.13, "check", "left"), (0.83, "value", "right"), (0.98, "threshold", "right")):
        axes.text(x, -1.0, name, ha=side, **heading)
    axes.set(ylim=(len(ordered) - 0.4, -1.6), xlim=(0.0, 1.0), xticks=[], yticks=[])
    axes.minorticks_off()
    counts = [f"{sum(check.status == status for check in ordered)} {status}" for status in ORDER]
    sign(axes, labels.note, ", ".join(counts))
    return figure
