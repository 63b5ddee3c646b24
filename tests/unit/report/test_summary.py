import json
from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.io.serialisation import from_data, from_json, to_data, to_json
from steelyard.report.page import report_page
from steelyard.report.summary import CheckResult, DataResult, LevelResult, SignificanceResult, Summary, summarise
from steelyard.report.summary_text import format_table


def summary():
    level = LevelResult(neyman=[(0.0, 0.4), (0.9, 1.6)], asymptotic=[(0.5, 1.5)])
    histograms = {"m4l": {"0.6827": [(0.0, 2.0)]}}
    data = DataResult(1.02, {"0.6827": level}, SignificanceResult(asymptotic=1.3), histograms, sigma_reference=0.053)
    checks = [CheckResult("normalisation S", 0.01, 0.005, "FAIL"), CheckResult("normalisation B", 0.001, 0.005, "PASS")]
    return Summary("demo", "mu", {"asimov": data}, checks)


def test_the_file_keeps_the_contract(tmp_path):
    """Segments stay lists of two numbers; what came later stands beside them."""
    to_json(summary(), tmp_path / "summary.json")
    data = json.loads((tmp_path / "summary.json").read_text())
    assert set(data) == {"analysis", "parameter", "results", "checks", "version"}  # no advice: absent, not null
    assert data["version"] == 2
    assert "sigma_mc" not in data["results"]["asimov"]
    result = data["results"]["asimov"]
    sets = {"neyman": [[0.0, 0.4], [0.9, 1.6]], "asymptotic": [[0.5, 1.5]], "ends": {}, "errors": {}}
    assert result["levels"]["0.6827"] == sets
    assert result["sigma_reference"] == 0.053
    assert result["significance"] == {"asymptotic": 1.3, "headline": "two-sided"}
    assert result["baselines"]["m4l"]["0.6827"] == [[0.0, 2.0]]
    assert from_json(Summary, tmp_path / "summary.json") == summary()


def test_sigma_mc_stands_beside_every_interval_by_source(tmp_path):
    """As software reads it, and in words."""
    given = {"asimov": made.inference([(0.4, 1.7)], [(0.0, 2.3)])}
    found = made.uncertainty()
    result = summarise("demo", "mu", given, {}, [], [], uncertainty={"asimov": found})
    to_json(result, tmp_path / "summary.json")
    assert from_json(Summary, tmp_path / "summary.json") == result
    own = json.loads((tmp_path / "summary.json").read_text())["results"]["asimov"]["sigma_mc"]
    assert own["hat"] == 0.05 and own["of_sigma"] == 0.1 and own["bias"] == 0.005 and "reason" not in own
    assert list(own["sources"]) == ["sample", "networks", "reference", "yields", "noise"] == list(own["sources_t"])
    assert own["sigma_t"] == pytest.approx(found.sigma_t.tolist()) and own["mu"][0] == 0.0
    words = "σ_MC, in no interval that does not say so: ±0.05 of the best fit, 10 % of its statistical error"
    assert words in format_table(result) and "σ_MC" in report_page(result)
    assert f"±{found.sigma_t[0]:.2g} of t(0) (training events" in format_table(result)


def test_a_best_fit_without_sigma_mc_says_why():
    given = {"asimov": made.inference([(0.4, 1.7)], [(0.0, 2.3)])}
    result = summarise("demo", "mu", given, {}, [], [], uncertainty={"asimov": made.uncertainty("it is on a bound")})
    assert result.results["asimov"].sigma_mc.hat is None
    assert "no uncertainty of the best fit, for it is on a bound" in format_table(result)


def test_sets_with_the_uncertainty_are_a_row_of_their_own():
    learned = made.inference([(0.4, 1.7)], [(0.0, 2.3)])
    wider = tuple(
        replace(interval, simulation=[(0.3, 1.8)], simulation_ends=[("crossing", "crossing")])
        for interval in learned.intervals
    )
    result = summarise("demo", "mu", {"asimov": replace(learned, intervals=wider)}, {}, [], [])
    level = result.results["asimov"].levels["0.6827"]
    assert level.neyman_simulation == [(0.3, 1.8)] and level.ends["neyman_simulation"] == [("crossing", "crossing")]
    assert "NSBI, Neyman with σ_MC" in format_table(result)
    assert "NSBI, Neyman with σ_MC" not in format_table(made.summary())


def test_negative_weights_are_there_where_any_process_has_some(tmp_path):
    for fractions, kept in (({"S": 0.19, "B": 0.0}, {"S": 0.19, "B": 0.0}), ({"S": 0.0, "B": 0.0}, None), (None, None)):
        made_of = summarise("demo", "mu", {}, {}, [], [], negative_fractions=fractions)
        assert made_of.negative_weights == kept
        to_json(made_of, tmp_path / "summary.json")
        assert json.loads((tmp_path / "summary.json").read_text()).get("negative_weights") == kept
        assert from_json(Summary, tmp_path / "summary.json") == made_of
        assert ("negative weight, in the sum of |w| of their process: S 19 %." in report_page(made_of)) is bool(kept)


def test_everything_that_a_reader_of_the_file_needs_is_in_it(tmp_path):
    evidence = replace(made.EVIDENCE, t=106.0, neyman=3.31, is_limit=True, p_value=(0.0005, 0.0, 0.00092))
    to_json(made.summary(significance=evidence), tmp_path / "summary.json")
    assert from_json(Summary, tmp_path / "summary.json") == made.summary(significance=evidence)
    result = json.loads((tmp_path / "summary.json").read_text())["results"]["observed"]
    level = result["levels"]["0.6827"]
    assert level["ends"]["neyman"] == [["bound", "crossing"], ["crossing", "crossing"]]
    assert level["errors"]["oracle"] == [[0.0, 0.03], [0.02, 0.03]]
    learned = result["significance"]["learned"]
    assert learned["is_limit"] is True and learned["p_value"] == [0.0005, 0.0, 0.00092]
    assert learned["at_zero"] == 0.3 and learned["one_sided"] == 0.86 and learned["toys"] == 2000
    assert result["significance"]["expected"]["t"][2] == 2.41
    assert result["searched"] == [0.0, 3.0] and result["bounds"] == [0.0, 5.0]


def test_a_histogram_has_its_ends_and_its_significance():
    found = made.summary().results["asimov"].histograms["mass"]
    assert found.levels["0.9545"].ends == {"asymptotic": [("bound", "open")]}  # [0, 3] of a scan to 3, bounds [0, 5]
    assert found.levels["0.9545"].neyman is None
    assert found.significance.t == 0.65 and found.significance.tested == 0.0


def test_a_histogram_with_toys_is_taken_as_it_is():
    binned = replace(made.baseline(), name="mass", observed=None)
    own = made.inference([(0.1, 1.9)], [(0.0, 3.0)])
    binned = replace(binned, asimov=replace(binned.asimov, inference=own))
    result = summarise("demo", "mu", {"asimov": own, "observed": own}, {}, [binned], [])
    level = result.results["asimov"].histograms["mass"].levels["0.9545"]
    assert level.neyman == [(0.0, 3.0)] and level.ends["neyman"] == [("bound", "open")]
    assert result.results["observed"].histograms == {}


@pytest.mark.parametrize("headline", ["two-sided", "one-sided"])
def test_the_headline_is_carried(headline):
    learned = made.inference([(0.4, 1.7)], [(0.0, 2.3)])
    result = summarise("demo", "mu", {"asimov": learned}, {}, [], [], headline)
    assert result.results["asimov"].significance.headline == headline
    assert result.results["asimov"].significance.neyman == 1.3  # the field keeps its meaning


def test_the_table_says_what_the_finite_reference_adds():
    assert "Finite reference sample, not in the intervals: ±0.053 of the best fit." in format_table(summary())


def test_what_finite_simulation_leaves_unknown_of_t_is_in_it():
    points = made.simulation().points
    result = summarise("demo", "mu", {}, {}, [], [], simulation=points)
    again = from_data(Summary, to_data(result))
    assert [point.name for point in again.simulation] == ["lower bound", "twice nominal", "worst"]
    assert [vars(point) for point in again.simulation] == [vars(point) for point in points]
    assert "simulation" not in to_data(summarise("demo", "mu", {}, {}, [], []))
