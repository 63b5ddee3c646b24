import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
import synthetic_results as made

from steelyard.checks import Advice, Check
from steelyard.inference.belts import BestFit
from steelyard.report.page import report_page, write_report_page
from steelyard.report.summary import CheckResult

REPORT = Path(__file__).parents[3] / "workflow" / "report"


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def visible(page: str) -> str:
    return re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


def test_the_page_is_whole_html_that_needs_nothing_from_outside():
    page = report_page(made.summary(), made.checks())
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert "<script" not in page and "http" not in page and "<link" not in page


def test_it_starts_with_the_checks_that_fail_then_the_result_then_all_checks():
    page = visible(report_page(made.summary(), made.checks()))
    places = [
        page.index(text)
        for text in (
            "1 of 3 checks FAIL; understand them before using the result: normalisation of background.",
            "Expected result",
            "[0, 0.15 ± 0.03] ∪ [0.40 ± 0.02, 1.70 ± 0.03]",
            "Observed result",
            "Checks that need attention",
            "All 3 checks",
            "normalisation of signal",
        )
    ]
    assert places == sorted(places)
    attention = page[places[4] : places[5]]
    assert attention.index("FAIL") < attention.index("WARN") and "PASS" not in attention
    assert "raw E_ref[r] = 1.00800" in attention and "0.00800 ± 0.00050" in attention


def test_the_next_steps_stand_below_the_verdict_in_their_order():
    steps = [
        Advice("events", "simulate 2.6 times the events of gg", "σ_t at mu = 0", 0.12, 0.074, "gg", 2.6),
        Advice("members", "train 4 members <each>", "σ_t at mu = 0", 0.074, 0.06, None, 2.0),
    ]
    page = report_page(replace(made.summary(), advice=steps), made.checks())
    words = visible(page)
    places = [
        words.index(text) for text in ("What to do next", "Simulate 2.6 times", "Train 4 members", "Expected result")
    ]
    assert places == sorted(places) and "&lt;each&gt;" in page
    assert "What to do next" not in report_page(made.summary(), made.checks())


def test_a_check_that_did_not_pass_says_what_to_do():
    page = visible(report_page(made.summary(), made.checks()))
    attention = page[page.index("Checks that need attention") : page.index("All 3 checks")]
    assert attention.count("To do: train this ratio for more epochs") == 2
    assert "Picture: plots/" in attention
    assert page.count("To do:") == 2  # not in the list of all


def test_every_method_has_its_row():
    page = visible(report_page(made.summary()))
    for text in ("Neyman construction", "Wald", "exact likelihood", "histogram: mass, Wald", "68.27 %", "95.45 %"):
        assert text in page
    assert "1.30σ two-sided (Φ⁻¹(1 − p/2)), 0.86σ one-sided (Φ⁻¹(1 − p))" in page
    assert "t(0)" in page and "Z, two-sided" in page and "[0, &gt;3.00)" in page  # the histogram's
    assert "median of 1,000 toys at mu = 1" in page
    assert "exact likelihood" not in visible(report_page(made.summary(oracle=False)))


def test_what_is_special_about_a_fit_is_said():
    fit = BestFit("upper", ("scale",), valid=False, not_converged=2)
    page = visible(report_page(made.summary(hat=5.0, fit=fit)))
    for text in (
        "mu = 5.000 (at the upper bound of its range) (outside the belt [0, 3])",
        "NOT VALID",
        "scale",
        "2 con",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        ([], "No checks were made"),
        (["PASS", "PASS"], "All 2 checks pass."),
        (["PASS", "WARN"], "No check fails, 1 of 2 WARN; read them before quoting the result: check 1."),
        (["FAIL"] * 7, "check 0, check 1, check 2, check 3, check 4 and 2 more."),
    ],
)
def test_the_verdict(statuses, text):
    checks = [CheckResult(f"check {number}", 1.0, 2.0, status) for number, status in enumerate(statuses)]
    assert text in visible(report_page(made.summary(checks)))


def test_names_cannot_break_the_page():
    check = Check("a < b & </script><b>", 1.0, 2.0, "FAIL", None, "<!-- detail")
    page = report_page(made.summary(), [check])
    assert "</script>" not in page and "<!--" not in page and "a &lt; b &amp; " in page


def test_pictures_are_inside(tmp_path):
    picture = tmp_path / "belt.png"
    picture.write_bytes(b"\x89PNG picture")
    write_report_page(tmp_path / "result.html", made.summary(), pictures={"the belt": picture}, note="a note")
    page = (tmp_path / "result.html").read_text(encoding="utf-8")
    assert "data:image/png;base64,iVBORyBwaWN0dXJl" in page and "the belt" in page and "a note" in page


def render(template: str, **given) -> str:
    """What Snakemake makes of a description or a caption: jinja2 first, docutils then."""
    from docutils.core import publish_parts
    from jinja2 import Environment

    text = Environment(trim_blocks=True, lstrip_blocks=True).from_string(template).render(**given)
    return publish_parts(text, writer="html")["html_body"]


def test_the_report_starts_with_the_page(tmp_path):
    write_report_page(tmp_path / "result.html", made.summary(), made.checks())
    files = [SimpleNamespace(name=path.name, path=path) for path in (tmp_path / "belt.png", tmp_path / "result.html")]
    html = render((REPORT / "workflow.rst").read_text(), files=files)
    assert html.index("1 of 3 checks FAIL") < html.index("How to read this report")
    assert "not been made yet" not in html and "system-message" not in html
    assert "not been made yet" in render((REPORT / "workflow.rst").read_text(), files=files[:1])


@pytest.mark.parametrize("caption", sorted(path.name for path in REPORT.glob("*.rst") if path.name != "workflow.rst"))
def test_captions_are_valid_and_say_what_failure_looks_like(caption):
    html = render((REPORT / caption).read_text())
    assert "system-message" not in html and "{{" not in html
    assert caption == "result.rst" or ("Shows" in html and "Failure" in html)
