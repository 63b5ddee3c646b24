"""Pages of small panels, each with a narrow one beneath."""

from collections.abc import Iterable, Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

# The most panels of one page that are still readable.
PANELS = 12

# Inches: a pair of axes, and what its labels and the page's legend and note need.
WIDTH, HEIGHT = 3.0, 2.7
LEFT, BELOW, ABOVE, BETWEEN = 0.75, 0.75, 0.35, 0.25
LEGEND, NOTE = 0.42, 0.2


def shown(available: Iterable[str], names: Sequence[str] | None = None) -> list[str]:
    """The variables of a page: ``names``, such as the observables, or without any the first :data:`PANELS` there are.

    An analysis need not have observables: its features are looked at then.
    """
    return list(names) if names else list(available)[:PANELS]


def paired_panels(count: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """A figure with ``count`` pairs of axes, the lower one narrow and sharing the upper one's abscissa.

    The layout is fixed and not adapted to the labels, so that all panels align and those of a pair touch.

    Args:
        count: of pairs.
    """
    columns = min(count, 2 if count <= 4 else 3)
    rows = -(-count // columns)
    width = columns * (LEFT + WIDTH + BETWEEN)
    height = LEGEND + NOTE + rows * (ABOVE + HEIGHT + BELOW)
    figure = Figure(figsize=(width, height))
    cells = figure.add_gridspec(
        rows,
        columns,
        left=LEFT / width,
        right=1.0 - BETWEEN / width,
        bottom=(NOTE + BELOW) / height,
        top=1.0 - (LEGEND + ABOVE) / height,
        wspace=(LEFT + BETWEEN) / WIDTH,
        hspace=(ABOVE + BELOW) / HEIGHT,
    )
    return figure, list(_pairs(figure, cells, count, columns))


def _pairs(figure: Figure, cells: GridSpec, count: int, columns: int) -> Iterator[tuple[Axes, Axes]]:
    for place in range(count):
        inner = cells[divmod(place, columns)].subgridspec(2, 1, height_ratios=[2.3, 1.0], hspace=0.12)
        upper = figure.add_subplot(inner[0])
        lower = figure.add_subplot(inner[1], sharex=upper)
        for axes in (upper, lower):
            axes.tick_params(labelsize="small")
        upper.tick_params(axis="x", labelbottom=False)
        lower.yaxis.set_major_locator(
            MaxNLocator(nbins=4, steps=[1, 2, 5, 10], prune="both")
        )  # no label where the panels touch
        lower.ticklabel_format(axis="y", style="plain", useOffset=False)
        yield upper, lower
