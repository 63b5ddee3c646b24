"""Pictures of the variations, from made-up results that went through JSON."""

import json
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic_results import LABELS, OBSERVABLES, PASSED

from steelyard.diagnostics.closure import Closure, ColumnClosure
from steelyard.diagnostics.oracle.variation_comparison import VariationComparison
from steelyard.diagnostics.variation.variation_closure import VariationClosure
from steelyard.io.serialisation import from_data, to_data
from steelyard.plots.labels import EMBEDDED
from steelyard.plots.style import BLACK, BLUE, VERMILION, save, style
from steelyard.plots.variation_closure import variation_closure
from steelyard.plots.variation_comparison import variation_comparison

EDGES = np.concatenate([np.linspace(200.0, 600.0, 12), [1500.0]])
NOMINAL = np.diff(EDGES) * np.exp(-(EDGES[1:] - 200.0) / 200.0)
NOMINAL /= NOMINAL.sum()


def stored(result):
    return from_data(type(result), json.loads(json.dumps(to_data(result))))


def closed(direction, names=OBSERVABLES, edges=EDGES, nominal=NOMINAL):
    shape = 1.0 + (0.1 if direction == "up" else -0.08) * np.linspace(-1.0, 1.0, len(nominal))
    target = nominal * shape
    columns = tuple(
        ColumnClosure(name, edges, target, 1.002 * target, 0.01 * target, 11.0, 11, deviation, 0.001)
        for name, deviation in zip(names, np.linspace(0.001, 0.003, len(names)), strict=True)
    )
    effect = tuple(0.06 if direction == "up" else 0.05 for _ in names)
    variation = f"signal-energy_scale-{direction}"
    return stored(VariationClosure(variation, Closure(variation, columns, PASSED), (nominal,) * len(names), effect))


def compared(process, direction, size=0.3):
    edges = np.linspace(-size, size, 61)
    centre = 0.5 * (edges[1:] + edges[:-1])
    density = np.exp(-(((centre[:, None] - centre) / (0.1 * size)) ** 2) - (centre[:, None] / (0.5 * size)) ** 2)
    name = f"{process}-energy_scale-{direction}"
    return stored(
        VariationComparison(
            name, "events", 0.5 * size, 0.1 * size, 0.0, 0.9604, 0, edges, density / density.sum(), PASSED
        )
    )


SIDES = ("up", "down")
PICTURES = {
    "closure": lambda: variation_closure([closed(side) for side in SIDES], LABELS, OBSERVABLES),
    "closure, one": lambda: variation_closure([closed("up")], LABELS, ["angle"]),
    "closure, many": lambda: variation_closure([closed(side, tuple("abcdef")) for side in SIDES], LABELS),
    "comparison": lambda: variation_comparison(
        [compared(process, side, size) for process, size in (("signal", 1.2), ("background", 0.04)) for side in SIDES],
        LABELS,
    ),
    "comparison, three": lambda: variation_comparison(
        [compared("signal", "up"), compared("signal", "down"), compared("background", "up")], LABELS
    ),
    "comparison, one": lambda: variation_comparison([compared("signal", "up")], LABELS),
}


@pytest.fixture(scope="module")
def pictures():
    figures = {name: draw() for name, draw in PICTURES.items()}
    for figure in figures.values():
        with style(), warnings.catch_warnings():
            warnings.simplefilter("error")  # a layout that does not fit, a letter that no font has
            FigureCanvasAgg(figure).draw()
    return figures


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_says_what_it_is_and_nothing_is_cut_off_or_covered(name, pictures):
    figure = pictures[name]
    assert "Steelyard" in texts(figure) and EMBEDDED in texts(figure)
    assert any("energy_scale" in text for text in texts(figure))
    renderer = figure.canvas.get_renderer()
    for legend in figure.legends:
        assert not any(legend.get_window_extent(renderer).overlaps(axes.bbox) for axes in figure.axes)
        for axes in figure.axes:
            titles = [axes.title, axes._left_title, axes._right_title]
            assert not any(
                title.get_text() and title.get_window_extent(renderer).overlaps(legend.get_window_extent(renderer))
                for title in titles
            )
    with style():  # the fonts of formulae are looked up when they are measured
        whole = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    slack = 0.02  # inches
    assert whole.x0 > -slack and whole.y0 > -slack and whole.x1 < width + slack and whole.y1 < height + slack


def points(axes, colour):
    """Heights of the points with errors."""
    return [bars.lines[0].get_ydata() for bars in axes.containers if bars.lines[0].get_color() == colour]


def test_closure_draws_simulated_lines_and_re_weighted_points_of_both_directions(pictures):
    axes = pictures["closure"].axes
    assert len(axes) == 2 * len(OBSERVABLES)
    upper, lower = axes[:2]
    for side, colour in (("up", VERMILION), ("down", BLUE)):
        column = closed(side).closure.columns[0]
        for panel, scale in ((upper, np.diff(EDGES)), (lower, NOMINAL)):
            (found,) = points(panel, colour)
            np.testing.assert_allclose(found, column.reweighted / scale)
            (line,) = [patch for patch in panel.patches if patch.get_edgecolor() == mpl.colors.to_rgba(colour)]
            np.testing.assert_allclose(line.get_data().values, column.target / scale)
    assert any(patch.get_edgecolor() == mpl.colors.to_rgba(BLACK) for patch in upper.patches)
    # the larger of both directions: non-closure and effect in per cent
    assert upper.get_title(loc="right") == "0.1 % of 6 %"
    assert axes[1].get_xlabel() == LABELS.columns["mass"]
    low, high = lower.get_ylim()
    assert low < 0.9 and high > 1.1 and low + high == pytest.approx(2.0)


def test_directions_may_have_bins_of_their_own():
    """The closure joins sparse bins, and the two directions need not join the same ones."""
    joined = np.add.reduceat(NOMINAL, range(0, 12, 2))
    figure = variation_closure([closed("up"), closed("down", OBSERVABLES, EDGES[::2], joined)], LABELS, ["mass"])
    up, down = points(figure.axes[1], VERMILION), points(figure.axes[1], BLUE)
    assert (len(up[0]), len(down[0])) == (12, 6)
    np.testing.assert_allclose(down[0], 1.002 * (1.0 - 0.08 * np.linspace(-1.0, 1.0, 6)))


def test_comparison_has_a_panel_a_variation_with_its_numbers(pictures):
    figure = pictures["comparison"]
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == 4
    assert "gg→H*→ZZ, up\n$R^2$ = 0.960\nrms 0.12 of 0.6" in texts(figure)
    for axes, size in zip(panels, (1.2, 1.2, 0.04, 0.04), strict=True):
        assert axes.get_xlim() == axes.get_ylim() == (-size, size)
        (mesh,) = [item for item in axes.collections if isinstance(item, mpl.collections.QuadMesh)]
        assert mesh.get_array().max() == pytest.approx(1.0)
        assert mesh.get_array().mask.any()  # empty cells stay white
    hidden = [axes for axes in pictures["comparison, three"].axes if not axes.get_visible()]
    assert len(hidden) == 1


def test_a_learned_ratio_is_drawn_upwards():
    """density is exact by learned: what lies above the diagonal is learned too large."""
    edges = np.linspace(-1.0, 1.0, 61)
    density = np.zeros((60, 60))
    density[10, 50] = 1.0
    made = VariationComparison("signal-energy_scale-up", "events", 1.0, 1.0, 0.0, 0.0, 0, edges, density, PASSED)
    mesh = variation_comparison([made], LABELS).axes[0].collections[0]
    row, column = np.argwhere(~mesh.get_array().mask)[0]
    assert (row, column) == (50, 10)


def test_the_same_figure_has_the_same_bytes(tmp_path):
    for attempt in ("first", "second"):
        save(PICTURES["comparison, one"](), tmp_path / f"{attempt}.png", tmp_path / f"{attempt}.pdf")
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"first{suffix}").read_bytes() == (tmp_path / f"second{suffix}").read_bytes()
