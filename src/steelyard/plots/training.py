"""Training curves: the loss of every member of a ratio by epoch."""

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from steelyard.plots.labels import Labels
from steelyard.plots.style import GREY, NSBI, SERIES, WIDTH, legend_above, new_figure, sign, styled

# Beyond it members share one colour: nobody follows a hundred of them.
COLOURED = len(SERIES)


def read_curve(path: str | os.PathLike) -> np.ndarray:
    """Read ``training.csv`` of a member: a structured array with an entry an epoch and the file's columns as fields."""
    return np.atleast_1d(np.genfromtxt(path, delimiter=",", names=True))


@styled
def training(ratio: str, curves: Mapping[int, np.ndarray], labels: Labels) -> Figure:
    """Training and validation loss of all members, the kept epoch marked; the learning rate beneath.

    Args:
        ratio: its name.
        curves: of each member, from :func:`read_curve`.
        labels: of the analysis.
    """
    figure = new_figure(WIDTH, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, 1.1])
    many = len(curves) > COLOURED
    for place, (_, curve) in enumerate(sorted(curves.items())):
        look = {"color": NSBI if many else SERIES[place], "linewidth": 1.4, "alpha": 0.35 if many else 1.0}
        upper.plot(curve["epoch"], curve["training_loss"], linestyle=":", **look)
        upper.plot(curve["epoch"], curve["validation_loss"], **look)
        best = int(np.argmin(curve["validation_loss"]))
        upper.plot(curve["epoch"][best], curve["validation_loss"][best], "o", markersize=6, **look)
        lower.plot(curve["epoch"], curve["learning_rate"], **look)
    longest = max(float(curve["epoch"][-1]) for curve in curves.values())
    upper.set(ylabel="loss", xlim=(0.5, longest + 0.5))
    upper.margins(y=0.08)
    upper.ticklabel_format(axis="y", useOffset=False)
    lower.set(ylabel="learning rate", xlabel="epoch")
    lower.set_ylim(bottom=0.0)
    lower.xaxis.get_major_locator().set_params(integer=True)
    lower.xaxis.minorticks_off()
    sign(upper, labels.note, labels.process(ratio))
    handles = [
        Line2D([], [], color=GREY, label="validation"),
        Line2D([], [], color=GREY, linestyle=":", label="training (while it changes)"),
        Line2D([], [], color=GREY, marker="o", linestyle="", markersize=6, label="kept"),
    ]
    if many:
        handles.append(Line2D([], [], color=NSBI, label=f"{len(curves)} members"))
    else:
        handles += [
            Line2D([], [], color=SERIES[place], label=f"member {member}") for place, member in enumerate(sorted(curves))
        ]
    legend_above(figure, handles, columns=3)
    return figure
