"""The common look of all pictures, and their files."""

import functools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ParamSpec

import matplotlib as mpl
import mplhep
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import ScalarFormatter

from steelyard.io.files import whole

# Okabe and Ito's palette, which people of every colour vision can tell apart. A method has one colour in all pictures.
BLUE, SKY, BLACK, GREEN, ORANGE, VERMILION, PINK = (
    "#0072B2",
    "#56B4E9",
    "#000000",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
)
GREY = "#767676"
NSBI, WALD, ORACLE, DATA = BLUE, SKY, BLACK, "#882255"
BASELINES = (VERMILION, GREEN, ORANGE, PINK)
BASELINE_LINES = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STATUS = {"PASS": GREEN, "WARN": ORANGE, "FAIL": VERMILION}

DATA_NAMES = {"asimov": "expected", "observed": "observed"}

# Width of a single picture in inches: with letters of 13 points it is read at half the width of a page.
WIDTH = 6.4

_OVERRIDES = {
    "font.size": 13,
    "axes.titlesize": "medium",
    "axes.labelsize": "large",
    "axes.labelpad": 5,
    "axes.autolimit_mode": "data",
    "axes.unicode_minus": True,
    "axes.prop_cycle": mpl.cycler(color=SERIES),
    "xtick.labelsize": "medium",
    "ytick.labelsize": "medium",
    "ytick.major.size": 6,
    "ytick.minor.size": 3,
    "xtick.major.size": 6,
    "legend.fontsize": "small",
    "legend.borderpad": 0.2,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    # Letters that the first font lacks are taken from the next one: DejaVu comes with matplotlib and has them all.
    "font.sans-serif": ["TeX Gyre Heros", "DejaVu Sans"],
    "mathtext.fallback": "stixsans",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "pdf.fonttype": 3,  # the letters are OpenType, which type 42 would embed under a false name
}

# The power of ten that all numbers of an axis are to be multiplied with, as matplotlib writes it at its end.
_POWER = re.compile(r"\$\\times\\mathdefault\{10\^\{(.+)\}\}\\mathdefault\{\}\$")

Parameters = ParamSpec("Parameters")


@contextmanager
def style() -> Iterator[None]:
    """The style of mplhep for ATLAS, adapted to small pictures, within the block and nowhere else."""
    with mpl.rc_context():
        mpl.rcParams.update({**mplhep.style.ATLAS, **_OVERRIDES})
        yield


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Run a plotting function within :func:`style`."""

    @functools.wraps(draw)
    def wrapped(*arguments: Parameters.args, **options: Parameters.kwargs) -> Figure:
        with style():
            figure = draw(*arguments, **options)
            for axes in figure.axes:  # that of the ordinate stands above the axes, where nothing else is
                _power_into_label(axes.xaxis)
        return figure

    return wrapped


def _power_into_label(axis: XAxis) -> None:
    """Write the power of ten of an axis into its label, as a unit: beside the label either may cover the other."""
    formatter, label = axis.get_major_formatter(), axis.get_label_text()
    if not isinstance(formatter, ScalarFormatter) or not label:
        return
    formatter.set_locs(axis.get_majorticklocs())
    found = _POWER.fullmatch(formatter.get_offset())
    if found is None:
        return
    power = int(found[1].replace("\N{MINUS SIGN}", "-"))
    formatter.set_powerlimits((power, power))  # also with other ticks, after the layout
    axis.get_offset_text().set_visible(False)
    words, bracket, unit = label.rpartition("[") if label.endswith("]") else (f"{label} ", "[", "]")
    axis.set_label_text(f"{words}{bracket}$\\mathdefault{{10^{{{power}}}}}${' ' if unit != ']' else ''}{unit}")


def new_figure(width: float = WIDTH, height: float = 4.8) -> Figure:
    """An empty figure (inches) without pyplot, so that nothing global is touched and no window opens."""
    return Figure(figsize=(width, height), layout="constrained")


def sign(axes: Axes, note: str | None = None, title: str | None = None) -> None:
    """Write who made the picture above the axes, the title at its right end and the note beneath everything."""
    axes.set_title("Steelyard", loc="left", fontsize=13, fontweight="bold", pad=5)
    if title:
        axes.set_title(title, loc="right", fontsize="medium", pad=5)
    if note:
        axes.figure.supxlabel(note, x=0.5, ha="center", fontsize=9, color=GREY, style="italic")


def mark_level(axes: Axes, height: float, level: float, colour: str) -> None:
    """Write a confidence level at the right of the axes, outside, where it covers nothing."""
    axes.annotate(
        f"{100.0 * level:.4g} %",
        (1.0, height),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
        color=colour,
        annotation_clip=False,
    )


def legend_above(figure: Figure, handles: Sequence[Line2D], columns: int = 2) -> None:
    """A legend above the axes, where it cannot cover data."""
    figure.legend(handles=list(handles), loc="outside upper center", ncols=columns, columnspacing=1.4)


def save(figure: Figure, png: str | os.PathLike | None = None, pdf: str | os.PathLike | None = None) -> None:
    """Write a figure as PNG (150 dpi) and PDF, each whole, and with the same bytes for the same figure.

    Raises:
        OSError: a folder is not writable.
    """
    with style():
        if png is not None:
            with whole(png) as temporary:
                figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})
            figure.set_layout_engine("none")  # found once: the PDF has the same layout, in half the time
        if pdf is not None:
            with whole(pdf) as temporary:
                figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
