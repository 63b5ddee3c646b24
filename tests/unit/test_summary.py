import json

from steelyard.results import from_json, to_json
from steelyard.summary import (
    CheckResult,
    DataResult,
    LevelResult,
    SignificanceResult,
    Summary,
    format_segments,
    format_table,
)


def summary():
    level = LevelResult(neyman=[(0.0, 0.4), (0.9, 1.6)], asymptotic=[(0.5, 1.5)])
    histograms = {"m4l": {"0.6827": [(0.0, 2.0)]}}
    data = DataResult(1.02, {"0.6827": level}, SignificanceResult(asymptotic=1.3), histograms, sigma_reference=0.053)
    checks = [CheckResult("normalisation S", 0.01, 0.005, "FAIL"), CheckResult("normalisation B", 0.001, 0.005, "PASS")]
    return Summary("demo", "mu", {"asimov": data}, checks)


def test_the_file_keeps_the_contract(tmp_path):
    to_json(summary(), tmp_path / "summary.json")
    data = json.loads((tmp_path / "summary.json").read_text())
    assert set(data) == {"analysis", "parameter", "results", "checks"}  # no sigma_mc: absent, not null
    result = data["results"]["asimov"]
    assert result["levels"]["0.6827"] == {"neyman": [[0.0, 0.4], [0.9, 1.6]], "asymptotic": [[0.5, 1.5]]}
    assert result["sigma_reference"] == 0.053
    assert result["significance"] == {"asymptotic": 1.3}
    assert result["baselines"]["m4l"]["0.6827"] == [[0.0, 2.0]]
    assert from_json(Summary, tmp_path / "summary.json") == summary()


def test_the_table_shows_disjoint_sets_and_failing_checks():
    table = format_table(summary())
    assert "[0.00, 0.40] ∪ [0.90, 1.60]" in table
    assert "FAIL  normalisation S: 0.01" in table
    assert "normalisation B" not in table
    assert "1.30σ (asymptotic)" in table
    assert "finite reference sample, not in the intervals: ±0.053" in table
    assert format_segments([]) == "none"
