import itertools
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import synthetic_results as made
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from steelyard.checks import Levels
from steelyard.configuration.picture_labels import labels_of
from steelyard.configuration.schema import load
from steelyard.inference.belts import CriticalValue
from steelyard.io.serialisation import from_data, to_data
from steelyard.plots import (
    baseline,
    belt,
    calibration,
    checks,
    closure,
    convergence,
    factorisation,
    impacts,
    intervals,
    scan,
    sensitivity,
    simulation,
    total_closure,
    training,
)
from steelyard.plots import (
    coverage as audit,
)
from steelyard.plots import (
    data_comparison as data,
)
from steelyard.plots import (
    ratio_comparison as oracle,
)
from steelyard.plots.labels import EMBEDDED, Labels
from steelyard.plots.style import BASELINES, BLACK, DATA, NSBI, ORACLE, new_figure, save, style, styled

LABELS = made.LABELS
LONG = replace(
    LABELS,
    parameter=r"strength of the signal $\mu_\text{off-shell}$",
    nuisances={"scale": "energy scale of all leptons"},
)
DISJOINT = {"asimov": made.inference([(0.0, 0.15), (0.4, 1.7)], [(0.0, 3.0)])}


def stored(result):
    """The result as a job finds it: written as JSON and read again."""
    return from_data(type(result), json.loads(json.dumps(to_data(result))))


def stored_all(results):
    return {name: stored(result) for name, result in results.items()}


def draw_belt(labels: Labels = LABELS) -> Figure:
    results = {"asimov": stored(made.belt())}, labels, {"asimov": stored(made.scan())}, stored_all(DISJOINT)
    return belt.belt(*results, {"asimov": made.belt(0.98)}, DISJOINT)


PICTURES: dict[str, Callable[[], Figure]] = {
    "belt": draw_belt,
    "scan": lambda: scan.scan(
        "asimov",
        made.scan(),
        LABELS,
        made.scan(steepness=5.9),
        {"mass": stored(made.baseline()).asimov},
        allowance=(0.15, 0.1),
    ),
    "intervals": lambda: intervals.intervals(stored(made.summary()), LABELS, (0.0, 3.0)),
    "coverage": lambda: audit.coverage(stored(made.audit()), LABELS),
    "critical values": lambda: audit.critical_values(stored(made.audit()), LABELS),
    "coverage at displaced nuisances": lambda: audit.coverage(made.displaced(made.audit()), LABELS),
    "ranking": lambda: impacts.ranking(stored(made.impacts()), "asimov", LABELS, made.impacts(0.95)),
    "ranking of small shifts": lambda: impacts.ranking(made.impacts(0.01), "asimov", LABELS),
    "ranking of small shifts of a long name": lambda: impacts.ranking(made.impacts(0.01), "asimov", LONG),
    "budget of a small error": lambda: impacts.error_budget(made.impacts(0.01), "asimov", LABELS),
    "error budget": lambda: impacts.error_budget(
        stored(made.impacts()), "observed", LABELS, made.impacts(0.95), stored(made.reference_error())
    ),
    "correlations": lambda: impacts.correlations(stored(made.impacts()), "asimov", LABELS),
    "no covariance": lambda: impacts.correlations(replace(made.impacts(), correlation=None), "asimov", LABELS),
    "baseline": lambda: baseline.baseline(stored(made.baseline()), LABELS),
    "calibration": lambda: calibration.calibration(stored(made.calibration()), LABELS),
    "closure": lambda: closure.closure(stored(made.closure()), LABELS, made.OBSERVABLES, tolerance=0.02),
    "closure summary": lambda: closure.closure_summary([stored(made.closure())], LABELS, Levels(0.02, 0.05)),
    "total closure": lambda: total_closure.total_closure(
        stored(made.total_closure()), LABELS, threshold=Levels(0.1, 0.3)
    ),
    "total closure scan": lambda: total_closure.total_closure_scan(
        stored(made.total_closure()), LABELS, Levels(0.1, 0.3)
    ),
    "normalisation": lambda: checks.measured(
        made.checks(), made.PROCESSES, LABELS, Levels(0.0025, 0.005), "deviation [%]", 100.0, signed=True
    ),
    "checks": lambda: checks.overview(made.checks(), LABELS),
    "oracle": lambda: oracle.ratio_comparison([stored(result) for result in made.ratio_comparisons()], LABELS),
    "data": lambda: data.data_comparison(stored(made.data_comparison()), LABELS),
    "convergence": lambda: convergence.convergence([stored(made.convergence())], LABELS),
    "training": lambda: training.training("signal", {0: made.training_curve(), 1: made.training_curve()}, LABELS),
    "simulation": lambda: simulation.simulation_error(
        stored(made.simulation()), made.scan(), LABELS, made.scan(steepness=5.9)
    ),
    "factorisation": lambda: factorisation.factorisation(stored(made.factorisation()), LABELS, Levels(0.5, 1.0)),
    "sensitivity": lambda: sensitivity.sensitivity(
        [stored(made.sensitivity_map()), made.sensitivity_map("angle")], LABELS
    ),
}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Figure]:
    """Every picture, laid out as it is written."""
    figures = {name: draw() for name, draw in PICTURES.items()}
    for figure in figures.values():
        with style(), warnings.catch_warnings():
            warnings.simplefilter("error")  # a layout that does not fit, a letter that no font has
            FigureCanvasAgg(figure).draw()
    return figures


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def lines(axes, colour: str) -> list:
    return [line for line in axes.lines if line.get_color() == colour]


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_says_what_it_is(name, pictures):
    found = texts(pictures[name])
    assert "Steelyard" in found and EMBEDDED in found
    if name not in ("checks", "no covariance"):
        named = [axes for axes in pictures[name].axes if axes.get_xlabel() or axes.get_ylabel()]
        shared = named[0].get_shared_y_axes()
        assert named and all(
            axes.get_ylabel() or axes.get_yticklabels() or shared.joined(axes, named[0]) for axes in named
        )


@pytest.mark.parametrize("name", PICTURES)
def test_no_legend_covers_data_and_nothing_is_cut_off(name, pictures):
    figure = pictures[name]
    renderer = figure.canvas.get_renderer()
    for legend in figure.legends:
        box = legend.get_window_extent(renderer)
        assert not any(box.overlaps(axes.bbox) for axes in figure.axes)
    with style():  # the fonts of formulae are looked up when they are measured
        whole = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    slack = 0.02  # inches
    assert whole.x0 > -slack and whole.y0 > -slack and whole.x1 < width + slack and whole.y1 < height + slack


def drawn_texts(figure: Figure) -> list[mpl.text.Text]:
    """All texts that are seen: not those of ticks beyond the ends of an axis."""
    beyond = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        rounding = 1e-9 * (high - low)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - rounding <= tick.get_loc() <= high + rounding:
                beyond |= {tick.label1, tick.label2}
    found = figure.findobj(mpl.text.Text)
    return [text for text in found if text.get_visible() and text.get_text().strip() and text not in beyond]


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_covers_another(name, pictures):
    renderer = pictures[name].canvas.get_renderer()
    with style():
        boxes = {text: text.get_window_extent(renderer) for text in drawn_texts(pictures[name])}
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        common = Bbox.intersection(first, second)
        # a box has room for letters below the line, by which numbers at a common corner of two axes touch
        allowed = 0.4 * min(first.height, second.height)
        assert common is None or min(common.width, common.height) < allowed, (one.get_text(), other.get_text())


def test_a_power_of_ten_stands_in_the_label(pictures):
    for name in ("ranking of small shifts", "ranking of small shifts of a long name", "budget of a small error"):
        axes = pictures[name].axes[0]
        assert (
            axes.get_xlabel().endswith(r" [$\mathdefault{10^{-3}}$]") and not axes.xaxis.get_offset_text().get_visible()
        )
        ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        written = {
            text.get_text().strip("$").removeprefix(r"\mathdefault{").rstrip("}"): place for place, text in ticks
        }
        assert written["2"] == pytest.approx(2e-3)
    with style():
        figure = new_figure()
        axes = figure.subplots()
        axes.plot([0.0, 2e6], [0.0, 1.0])
        axes.set(xlabel="mass [GeV]", ylabel="events")
    drawn = styled(lambda: figure)()
    assert drawn.axes[0].get_xlabel() == r"mass [$\mathdefault{10^{6}}$ GeV]" and drawn.axes[0].get_ylabel() == "events"


def test_a_picture_has_the_same_bytes_twice_and_changes_nothing_global(tmp_path):
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    for attempt in ("first", "second"):
        save(draw_belt(), tmp_path / f"{attempt}.png", tmp_path / f"{attempt}.pdf")
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []
    for suffix in (".png", ".pdf"):
        first, second = ((tmp_path / f"{attempt}{suffix}").read_bytes() for attempt in ("first", "second"))
        assert first == second
    assert first.startswith(b"%PDF") and b"CreationDate" not in first
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pdf", ".pdf", ".png", ".png"]


def test_the_belt_draws_its_points_and_the_data_over_them(pictures):
    upper, lower = pictures["belt"].axes
    (curve,) = lines(upper, DATA)
    np.testing.assert_array_equal(curve.get_ydata(), made.scan().t)
    critical = [line for line in lines(upper, NSBI) if len(line.get_xdata()) == 9]
    expected = [[point.critical[str(level)].value for point in made.belt().points] for level in made.LEVELS]
    np.testing.assert_allclose([line.get_ydata() for line in critical], expected)
    band = upper.collections[0].get_datalim(upper.transData)
    assert band.y0 == pytest.approx(0.95 * expected[0][0])  # the error that the toys leave
    assert lower.get_xlabel() == r"$\mu$"
    assert [label.get_text() for label in lower.get_yticklabels()] == [
        "expected, NSBI",
        "expected, Wald",
        "expected, exact",
    ]


def test_disjoint_segments_are_two_bars_and_a_set_at_the_edge_has_an_arrow(pictures):
    lower = pictures["belt"].axes[1]
    thick = [line for line in lines(lower, NSBI) if line.get_linewidth() == 7.0 and len(line.get_xdata()) == 2]
    assert [tuple(line.get_xdata()) for line in thick] == [(0.0, 0.15), (0.4, 1.7)]
    (arrow,) = [line for line in lines(lower, NSBI) if line.get_marker() == ">"]
    assert arrow.get_xdata()[0] == 3.0
    assert {"goes on", "best fit", "its error from the toys"} <= set(texts(pictures["belt"]))


def test_a_best_fit_outside_of_the_belt_points_to_where_it_is():
    inference = {"observed": made.inference([(2.4, 3.0)], [(1.96, 3.0)], hat=3.11)}
    figure = belt.belt({"observed": made.belt()}, LABELS, {"observed": made.scan()}, inference)
    white = [line for line in figure.axes[1].lines if line.get_color() == "white"]
    assert [(line.get_marker(), line.get_xdata()[0]) for line in white] == [(">", 3.0)]
    assert "best fit outside" in texts(figure)
    beyond = replace(made.scan(), fit=replace(made.scan().fit, hat=4.2))
    assert "best fit at 4.2" in texts(scan.scan("observed", beyond, LABELS))


def test_a_set_that_ends_at_the_edge_has_no_arrow():
    """At the bound of the parameter, or by chance where the picture ends: it does not go on."""
    inference = replace(made.inference([(0.0, 0.5)], [(0.0, 2.0)]), bounds=(0.0, 5.0))
    figure = belt.belt({"observed": made.belt()}, LABELS, {"observed": made.scan()}, {"observed": inference})
    assert not [line for line in figure.axes[1].lines if line.get_marker() in ("<", ">")]
    assert "goes on" not in texts(figure)


def test_data_sets_with_belts_of_their_own_have_panels_of_their_own():
    inferences = {data: made.inference([(0.4, 1.7)], [(0.0, 2.3)]) for data in ("asimov", "observed")}
    scans = {data: made.scan() for data in inferences}
    shared = belt.belt({data: made.belt() for data in inferences}, LABELS, scans, inferences)
    assert len(shared.axes) == 2
    figure = belt.belt({"asimov": made.belt(), "observed": made.belt(1.1)}, LABELS, scans, inferences)
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["expected", "observed", ""]


def test_a_critical_value_of_too_few_toys_is_a_gap():
    points = list(made.belt().points)
    points[4] = replace(points[4], critical=dict.fromkeys(points[4].critical, CriticalValue(np.inf, 1.0, np.inf)))
    broken = replace(made.belt(), points=tuple(points))
    figure = belt.belt({"asimov": stored(broken)}, LABELS, {"asimov": made.scan()}, DISJOINT)
    curves = [line for line in lines(figure.axes[0], NSBI) if len(line.get_xdata()) == len(points)]
    assert len(curves) == 2 and all(np.isnan(line.get_ydata()[4]) for line in curves)


def test_an_empty_set_is_not_a_missing_row():
    inference = {"observed": made.inference([], [(0.2, 0.4)])}
    figure = belt.belt({"observed": made.belt()}, LABELS, {"observed": made.scan()}, inference)
    assert "empty: 68.27 %" in texts(figure)


def test_a_set_that_goes_on_beyond_the_edge_is_cut_there():
    figure = intervals.intervals(made.summary(), LABELS, (0.0, 2.0))
    bars = [line for line in figure.axes[0].lines if line.get_color() == BASELINES[0]]
    assert max(line.get_xdata()[-1] for line in bars) == 2.0  # it was 3
    assert sum(line.get_marker() == ">" for line in bars) == 1  # the other set ends just there


def test_the_belt_without_an_exact_likelihood():
    figure = belt.belt({"asimov": made.belt()}, Labels("mu"), {"asimov": made.scan()}, DISJOINT)
    assert not lines(figure.axes[0], ORACLE)
    assert not any("exact" in text for text in texts(figure))
    assert EMBEDDED not in texts(figure)


def test_the_scan_compares_with_the_exact_one(pictures):
    _, lower = pictures["scan"].axes
    (difference,) = lines(lower, NSBI)
    np.testing.assert_allclose(difference.get_ydata(), made.scan().t - made.scan(steepness=5.9).t)
    band = lower.collections[0].get_datalim(lower.transData)
    assert band.y1 == pytest.approx(0.59)  # 10 % of t(0) = 5.9
    assert {"NSBI", "exact likelihood", "histogram: mass"} <= set(texts(pictures["scan"]))


def test_the_scan_without_an_exact_likelihood_has_one_panel():
    figure = scan.scan("observed", made.scan(), LABELS)
    (axes,) = figure.axes
    assert axes.get_xlabel() == r"$\mu$" and "observed" in axes.get_ylabel()


def test_the_band_of_simulation_and_training_is_about_the_curve_and_the_difference():
    found, exact = made.uncertainty(), made.scan(steepness=5.9)
    figure = scan.scan("observed", made.scan(), LABELS, exact, uncertainty=found)
    upper, lower = (axes.collections[0].get_paths()[0].vertices[:, 1] for axes in figure.axes)
    assert upper.max() == pytest.approx((made.scan().t + found.sigma_t).max())
    difference = made.scan().t - exact.t
    assert (lower.min(), lower.max()) == pytest.approx(
        ((difference - found.sigma_t).min(), (difference + found.sigma_t).max())
    )
    assert any("simulation and training" in text for text in texts(figure))


def test_the_error_budget_shows_parts_and_inflations(pictures):
    (axes,) = pictures["error budget"].axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [
        *("total", "nuisances known", "statistical", "experimental", "theory", "norm factors", "reference sample")
    ]
    widths = [patch.get_width() for patch in axes.patches]
    assert widths[:7] == pytest.approx([0.8, 0.6, 0.66, 0.4, 0.2, 0.0, 0.0])
    assert widths[7:11] == pytest.approx([0.53, 0.5, 0.21, 0.1])  # where there is any
    assert widths[11] == pytest.approx(0.05)


def test_the_allowance_is_drawn_where_it_is_demanded():
    figure = scan.scan("asimov", made.scan(), LABELS, made.scan(), allowance=(0.15, 0.1), compared=(0.5, 2.0))
    band = figure.axes[1].collections[0].get_datalim(figure.axes[1].transData)
    assert (band.x0, band.x1) == pytest.approx((0.5, 2.0))


def test_intervals_show_every_method_of_every_data_set(pictures):
    expected, observed = pictures["intervals"].axes
    names = [label.get_text() for label in expected.get_yticklabels()]
    assert names == ["NSBI, toys", "exact, toys", "NSBI, Wald", "exact, Wald", "mass, Wald"]
    assert len(lines(observed, NSBI)) == 3 and len(lines(expected, ORACLE)) == 3  # two segments and one
    figure = intervals.intervals(made.summary(oracle=False), LABELS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "NSBI, toys",
        "NSBI, Wald",
        "mass, Wald",
    ]


def test_closure_panels_show_densities_and_their_ratio(pictures):
    axes = pictures["closure"].axes
    assert len(axes) == 2 * len(made.OBSERVABLES)
    column = made.closure().columns[0]
    points = axes[0].containers[-1].lines[0]
    np.testing.assert_allclose(points.get_ydata(), column.reweighted / np.diff(column.edges))
    np.testing.assert_allclose(axes[1].containers[-1].lines[0].get_ydata(), column.reweighted / column.target)
    assert axes[1].get_xlabel() == LABELS.columns["mass"]
    assert axes[0].get_yscale() == "log"  # it falls by more than a factor of 30


def test_a_page_of_panels_has_a_limit():
    figure = closure.closure(made.closure(features=20), LABELS)
    assert len(figure.axes) == 2 * 12


def test_total_closure_is_in_units_of_the_poisson_error(pictures):
    lower = pictures["total closure"].axes[1]
    np.testing.assert_allclose(lower.containers[-1].lines[0].get_ydata(), 0.05)
    named = [text for text in texts(pictures["total closure scan"]) if text.startswith("feature_")]
    assert named == ["feature_7", "feature_6", "feature_5", "feature_4", "feature_3"]  # the worst ones


def test_calibration_shows_the_difference(pictures):
    result = made.calibration()
    lower = pictures["calibration"].axes[1]
    np.testing.assert_allclose(lower.containers[0].lines[0].get_ydata(), result.observed - result.predicted)


def test_coverage_in_per_cent_against_the_level(pictures):
    for axes, level in zip(pictures["coverage"].axes, made.LEVELS, strict=True):
        nominal = [line for line in lines(axes, BLACK) if line.get_linestyle() == "-"]
        assert nominal[0].get_ydata()[0] == pytest.approx(100.0 * level)
        assert len(axes.collections) == 3  # one, two, three standard errors


def test_checks_are_sorted_by_their_verdict(pictures):
    found = [text for text in texts(pictures["checks"]) if text.startswith("normalisation")]
    assert [text.split()[-1] for text in found] == ["background", "interfering", "signal"]
    assert "1 FAIL, 1 WARN, 1 PASS" in texts(pictures["checks"])
    assert "0.00800 ± 0.00050" in texts(pictures["checks"])


def test_a_measured_number_in_its_band(pictures):
    (axes,) = pictures["normalisation"].axes
    values = [container.lines[0].get_xdata()[0] for container in axes.containers]
    assert values == pytest.approx([0.07, -0.3, 0.8])  # per cent
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gg→H*→ZZ", "interfering", "qq→ZZ"]


def test_training_marks_the_epoch_that_was_kept(pictures, tmp_path):
    upper = pictures["training"].axes[0]
    kept = [line for line in upper.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in kept] == [4.0, 4.0]
    path = tmp_path / "training.csv"
    path.write_text("epoch,training_loss,validation_loss,learning_rate,seconds\n1,0.69,0.68,0.002,1.5\n")
    curve = training.read_curve(path)  # a single epoch is a curve too
    assert curve["validation_loss"].tolist() == [0.68]
    assert len(training.training("signal", {0: curve}, LABELS).axes) == 2


def test_many_members_share_a_colour():
    figure = training.training("signal", {member: made.training_curve() for member in range(20)}, LABELS)
    assert "20 members" in texts(figure)
    assert {line.get_color() for line in figure.axes[0].lines} == {NSBI}


def test_one_member_has_no_spread_but_a_picture(tmp_path):
    single = replace(made.convergence(members=1), spread=None, error_of_mean=None)
    figure = convergence.convergence([stored(single)], LABELS)
    assert len(figure.axes[0].lines[0].get_xdata()) == 0
    assert f"one member, which has no spread:\n{LABELS.process('signal')}" in texts(figure)
    save(figure, tmp_path / "convergence.png")


@pytest.mark.parametrize("names", [[], None])
def test_without_observables_the_features_are_shown(names):
    first = closure.closure(made.closure(), LABELS, names, tolerance=0.02)
    total = total_closure.total_closure(made.total_closure(), LABELS, names)
    assert len(first.axes) == 2 * min(12, len(made.closure().columns))
    assert len(total.axes) == 2 * min(12, len(made.total_closure().columns))


def test_one_variable_is_a_page_too(tmp_path):
    one, total = made.closure(), made.total_closure()
    one, total = replace(one, columns=one.columns[:1]), replace(total, columns=total.columns[:1])
    save(closure.closure(one, LABELS, [one.columns[0].name]), tmp_path / "closure.png")
    save(closure.closure_summary([one], LABELS), tmp_path / "summary.png")
    save(total_closure.total_closure(total, LABELS, []), tmp_path / "total.png")
    save(total_closure.total_closure_scan(total, LABELS), tmp_path / "scan.png")


def test_a_baseline_without_observed_events_is_drawn(tmp_path):
    full = made.baseline()
    empty = replace(full, observed=replace(full.observed, counts=np.zeros_like(full.observed.counts)))
    save(baseline.baseline(stored(empty), LABELS), tmp_path / "baseline.png")


def test_cells_without_a_share_stay_white(pictures):
    mesh = pictures["sensitivity"].axes[0].collections[0]
    assert mesh.get_array().mask.sum() == 40  # two rows of twenty cells
    assert pictures["sensitivity"].axes[0].get_xlabel() == LABELS.columns["mass"]


def test_a_baseline_without_observed_data_has_one_panel(pictures):
    assert len(pictures["baseline"].axes) == 2
    assert len(baseline.baseline(made.baseline(observed=False), LABELS).axes) == 1


def test_labels_come_from_the_configuration():
    labels = labels_of(load(Path(__file__).parents[3] / "config" / "config.yaml"))
    assert labels.note == EMBEDDED
    assert labels.parameter.startswith("$") and labels.process("S") != "S"
    assert labels.process("S/unknown") == f"{labels.process('S')}/unknown"
    assert "GeV" in labels.column("m4l") and "GeV" not in labels.symbol("m4l")
    assert labels.column("a_feature") == "a_feature"
