from dataclasses import replace

import pytest
import synthetic_results as made

from steelyard.checks import Advice
from steelyard.inference.belts import BestFit
from steelyard.report.summary import CheckResult
from steelyard.report.summary_text import (
    best_fit_words,
    evidence_words,
    format_segments,
    format_table,
    other_fits,
    table_rows,
)

REAL, BOUND, OPEN = "crossing", "bound", "open"


@pytest.mark.parametrize(
    ("segments", "ends", "text"),
    [
        ([(0.0042, 1.897)], [(REAL, REAL)], "[0.0042, 1.90]"),  # excludes zero, which [0.00, 1.90] does not say
        ([(0.0, 2.533)], [(BOUND, REAL)], "[0, 2.53]"),
        ([(1.96, 3.0)], [(REAL, OPEN)], "[1.96, >3.00)"),
        ([(0.5, 1.2)], [(OPEN, REAL)], "(<0.50, 1.20]"),
        ([(3.9, 5.0)], [(REAL, BOUND)], "[3.90, 5]"),
        ([(3.9, 4.9996)], [(REAL, REAL)], "[3.90, 4.99960]"),  # excludes the upper bound
        ([(0.0, 0.1), (0.9, 1.6)], [(BOUND, REAL), (REAL, REAL)], "[0, 0.10] ∪ [0.90, 1.60]"),
        ([(1.00012, 1.00034)], [(REAL, REAL)], "[1.00012, 1.00034]"),  # narrower than two digits
    ],
)
def test_sets_are_written_by_what_matters(segments, ends, text):
    assert format_segments(segments, ends, None, (0.0, 3.0), (0.0, 5.0)) == text


def test_a_parameter_of_another_size_has_its_own_digits():
    assert format_segments([(-0.00123, 0.00234)], None, None, None, (-0.01, 0.01)) == "[-0.0012, 0.0023]"
    assert format_segments([(120.4, 271.6)], None, None, None, (-1000.0, 1000.0)) == "[120, 272]"


def test_errors_of_the_toys_have_at_least_a_digit():
    text = format_segments([(0.0042, 1.897)], None, [(0.0008, 0.023)], (0.0, 3.0), (0.0, 5.0))
    assert text == "[0.0042 ± 0.0008, 1.90 ± 0.02]"
    assert format_segments([(0.5, 1.897)], None, [(0.0, 0.0016)], None, (0.0, 5.0)) == "[0.50, 1.897 ± 0.002]"


def test_outside_the_belt_is_not_none():
    """mu_hat = 5 and a belt to 3: everything that is accepted lies where nobody looked."""
    assert format_segments([], [], [], (0.0, 3.0), (0.0, 5.0), hat=5.0) == "outside the belt [0, 3]"
    assert format_segments([], [], [], (0.0, 3.0), (0.0, 5.0), hat=1.0) == "none"
    cut = format_segments([(1.96, 3.0)], [(REAL, OPEN)], None, (0.0, 3.0), (0.0, 5.0), hat=3.11)
    assert cut == "[1.96, >3.00)"
    apart = format_segments([(0.0, 0.2)], [(BOUND, REAL)], None, (0.0, 3.0), (0.0, 5.0), hat=4.0)
    assert apart == "[0, 0.20] ∪ outside the belt [0, 3]"


def test_the_best_fit_in_words():
    assert best_fit_words("mu", 5.0, BestFit("upper")) == "best fit mu = 5.000 (at the upper bound of its range)"
    assert best_fit_words("mu", 0.0, BestFit("lower")) == "best fit mu = 0.000 (at the lower bound of its range)"
    assert best_fit_words("mu", 3.11, BestFit(), (0.0, 3.0)) == "best fit mu = 3.110 (outside the belt [0, 3])"
    words = best_fit_words("mu", 1.0, BestFit(None, ("scale", "tail"), False, 3))
    assert "bound of theirs: scale, tail" in words and "NOT VALID" in words and "3 conditional fits" in words


def test_the_fits_of_the_other_methods_are_named_too():
    result = replace(made.summary().results["observed"], oracle_hat=5.0, oracle_fit=BestFit("upper", (), False))
    (words,) = other_fits(result, "mu")
    assert words.startswith("exact likelihood: best fit mu = 5.000 (at the upper bound of its range) (outside the belt")
    assert "NOT VALID" in words and words.endswith("; histogram mass: best fit mu = 1.100.")
    assert other_fits(replace(result, oracle_hat=None, histograms={}), "mu") == []


def test_like_stands_with_like():
    names = [row.name for row in table_rows(made.summary().results["asimov"])]
    assert names == [
        "NSBI, Neyman construction",
        "exact likelihood, Neyman",
        "NSBI, Wald approximation",
        "exact likelihood, Wald",
        "histogram: mass, Wald",
    ]
    found = {row.name: row for row in table_rows(made.summary().results["asimov"])}
    assert (found["NSBI, Neyman construction"].t, found["NSBI, Neyman construction"].significance) == ("1.77", "1.30")
    assert found["NSBI, Wald approximation"].significance == "1.33"
    assert (found["histogram: mass, Wald"].t, found["histogram: mass, Wald"].significance) == ("0.65", "0.80")


def test_a_limit_is_a_limit():
    evidence = replace(
        made.EVIDENCE,
        t=106.09,
        asymptotic=10.3,
        neyman=3.31,
        one_sided=3.11,
        is_limit=True,
        p_value=(5e-4, 0.0, 9.2e-4),
    )
    result = made.summary(significance=evidence).results["observed"]
    assert table_rows(result)[0].significance == ">3.31"
    words = evidence_words("observed", result, "mu")[0]
    assert "p < 0.00092" in words and ">3.31σ two-sided" in words and ">3.11σ one-sided" in words
    assert "more than can be thrown" in words
    reachable = made.summary(significance=replace(evidence, t=9.0)).results["observed"]
    assert "3.7e+04 per point" in evidence_words("observed", reachable, "mu")[0]


def test_numbers_against_the_bound_have_their_names():
    result = made.summary().results["asimov"]
    learned, _, expected, _ = evidence_words("observed", result, "mu")
    assert learned.startswith("NSBI, observed data, against mu = 0: t = 1.77, √t = 1.33")
    assert "p = 0.194 [0.185, 0.203] from 2,000 toys" in learned and "t = 0 in 30 % of these toys" in learned
    assert "t(0) 2.41 ± 0.08, 68 % [0.60, 4.50], 95 % [0.00, 6.80]" in expected
    assert "two-sided 1.40σ, 68 % [0.80, 2.05], 95 % [0.00, >2.70]" in expected
    one_sided = replace(result, significance=replace(result.significance, headline="one-sided"))
    assert table_rows(one_sided)[0].significance == "0.86"
    assert "0.86σ one-sided (Φ⁻¹(1 − p)), 1.30σ two-sided" in evidence_words("asimov", one_sided, "mu")[0]


def test_the_table_shows_disjoint_sets_and_failing_checks():
    checks = [CheckResult("normalisation S", 0.01, 0.005, "FAIL"), CheckResult("normalisation B", 0.001, 0.005, "PASS")]
    table = format_table(made.summary(checks))
    assert "[0, 0.15 ± 0.03] ∪ [0.40 ± 0.02, 1.70 ± 0.03]" in table
    assert "FAIL  normalisation S: 0.01" in table
    assert "normalisation B" not in table
    assert "expected (Asimov data): best fit mu = 1.020" in table
    assert "t(0)" in table and "Z, two-sided" in table


def test_the_next_steps_end_the_table():
    step = Advice("events", "simulate 2.6 times the events of gg", "σ_t at mu = 0", 0.12, 0.074, "gg", 2.6)
    assert format_table(replace(made.summary(), advice=[step])).endswith(
        "what to do next:\n  1. simulate 2.6 times the events of gg"
    )
    assert "what to do next" not in format_table(made.summary())
