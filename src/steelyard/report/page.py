"""The first page of the report: the verdict, the result, and the checks, those that failed first.

One HTML file without scripts and without a link to anything outside, which a browser opens by itself and which the
workflow's report includes as its first page (``workflow/report/workflow.rst``).
"""

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from steelyard.checks import Check
from steelyard.diagnostics.catalogue import kind_of
from steelyard.io.files import whole
from steelyard.io.notation import format_measured, format_number
from steelyard.report.summary import CheckResult, DataResult, Summary
from steelyard.report.summary_text import best_fit_words, column_titles, evidence_words, other_fits, table_rows

AnyCheck = Check | CheckResult

DATA_NAMES = {"asimov": "Expected", "observed": "Observed"}
READING = (
    "A bound that is in a set is written as it is; one that is excluded by little keeps its digits. ± is what the "
    "number of toys leaves open. >3) or (<1 is an open end: the set goes on beyond what was searched. Methods are "
    "compared within one construction; of the expected data, the larger t is the more sensitive analysis. Z is by toys "
    "in the rows of the Neyman construction, √t in those of Wald's approximation."
)
ORDER = ("FAIL", "WARN", "PASS")
NAMED = 5  # checks that the first line names before it only counts

# The report of Snakemake centres its first page and puts the workflow's graph beside it, in half of the width: a table
# of results needs all of it, so the graph moves below. The selectors match nothing where the page stands alone.
STYLE = """
.steelyard { max-width: 60rem; margin: 0 auto; padding: 1rem; color: #222; line-height: 1.4;
  font-family: "TeX Gyre Heros", Helvetica, Arial, sans-serif; font-size: 15px; }
.steelyard h1 { font-size: 1.6em; margin: 0 0 .4em; }
.steelyard h2 { font-size: 1.2em; margin: 1.4em 0 .4em; }
.steelyard table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.steelyard caption { text-align: left; padding: .2em 0; }
.steelyard th, .steelyard td { text-align: left; padding: .25em .7em .25em .4em; border-bottom: 1px solid #ddd;
  vertical-align: top; }
.steelyard th { font-weight: 600; border-bottom: 2px solid #888; }
.steelyard td.number, .steelyard th.number { text-align: right; white-space: nowrap; }
.steelyard .verdict { padding: .6em .9em; border-left: .5em solid; background: #f4f4f4; font-weight: 600; }
.steelyard .status { font-weight: 700; white-space: nowrap; }
.steelyard .FAIL { color: #b34700; }
.steelyard .WARN { color: #8a5a00; }
.steelyard .PASS { color: #00704f; }
.steelyard .verdict.FAIL { border-color: #d55e00; }
.steelyard .verdict.WARN { border-color: #e69f00; }
.steelyard .verdict.PASS { border-color: #009e73; }
.steelyard .detail, .steelyard .note { color: #666; font-size: .9em; }
.steelyard figure { margin: 1em 0; }
.steelyard img { max-width: 100%; width: 40rem; }
.steelyard summary { cursor: pointer; font-weight: 600; font-size: 1.2em; margin: 1.4em 0 .4em; }
.prose:has(.steelyard) { max-width: 60rem; margin: 0 auto; }
div:has(> div > .prose .steelyard) { flex-direction: column; align-items: stretch; }
div:has(> div > div > .prose .steelyard) { align-items: flex-start; }
"""


def report_page(
    summary: Summary,
    checks: Sequence[Check] | None = None,
    pictures: Mapping[str, str | os.PathLike] | None = None,
    note: str | None = None,
) -> str:
    """The page as HTML text.

    Args:
        summary: of the analysis.
        checks: the checks with their errors and details; by default those of the summary, which have neither.
        pictures: PNG files to embed below the result, by their captions.
        note: what to say beside every number, such as that the events come from an embedded model.
    """
    found: Sequence[AnyCheck] = summary.checks if checks is None else checks
    parts = [
        f"<h1>{escape(summary.analysis)}: confidence intervals on {escape(summary.parameter)}</h1>",
        f'<p class="note">{escape(note)}</p>' if note else "",
        _verdict(found),
        _advice(summary),
        *(_result(data, result, summary.parameter) for data, result in summary.results.items()),
        _negative(summary),
        _attention(found),
        *(_picture(caption, path) for caption, path in (pictures or {}).items()),
        _all_checks(found),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(summary.analysis)}</title>\n</head>\n<body>\n"
        f'<style>{STYLE}</style>\n<div class="steelyard">\n{body}\n</div>\n</body>\n</html>\n'
    )


def write_report_page(
    path: str | os.PathLike,
    summary: Summary,
    checks: Sequence[Check] | None = None,
    pictures: Mapping[str, str | os.PathLike] | None = None,
    note: str | None = None,
) -> None:
    """Write :func:`report_page` to ``path``, whole."""
    page = report_page(summary, checks, pictures, note)
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _verdict(checks: Sequence[AnyCheck]) -> str:
    if not checks:
        return '<p class="verdict WARN">No checks were made: nothing vouches for these numbers.</p>'
    names = {status: [check.name for check in checks if check.status == status] for status in ORDER}
    total = len(checks)
    if names["FAIL"]:
        advice, status = f"{len(names['FAIL'])} of {total} checks FAIL; understand them before using the result", "FAIL"
    elif names["WARN"]:
        advice, status = (
            f"no check fails, {len(names['WARN'])} of {total} WARN; read them before quoting the result",
            "WARN",
        )
    else:
        return f'<p class="verdict PASS">All {total} checks pass.</p>'
    listed = ", ".join(names[status][:NAMED])
    others = f" and {len(names[status]) - NAMED} more" if len(names[status]) > NAMED else ""
    return f'<p class="verdict {status}">{escape(advice[0].upper() + advice[1:])}: {escape(listed)}{others}.</p>'


def _advice(summary: Summary) -> str:
    """The steps that help, those that help most first."""
    if not summary.advice:
        return ""
    steps = "\n".join(f"<li>{escape(step.text[0].upper() + step.text[1:])}.</li>" for step in summary.advice)
    return f"<h2>What to do next</h2>\n<ol>\n{steps}\n</ol>"


def _result(data: str, result: DataResult, parameter: str) -> str:
    heading = "".join(f"<th>{escape(title)}</th>" for title in column_titles(result))
    lines = "\n".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in (row.name, *row.cells, row.t, row.significance))
        + "</tr>"
        for row in table_rows(result)
    )
    sentences = [*other_fits(result, parameter), *evidence_words(data, result, parameter)]
    words = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return (
        f"<h2>{escape(DATA_NAMES.get(data, data))} result</h2>\n<table>\n"
        f"<caption>{escape(best_fit_words(parameter, result.hat, result.fit, result.searched))}</caption>\n"
        f"<tr><th>confidence set</th>{heading}</tr>\n{lines}\n</table>\n"
        f'<p class="note">{escape(READING)}</p>\n' + (f'<ul class="note">\n{words}\n</ul>' if words else "")
    )


def _negative(summary: Summary) -> str:
    if not summary.negative_weights:
        return ""
    parts = [f"{name} {100 * share:.3g} %" for name, share in summary.negative_weights.items() if share]
    words = f"Events of negative weight, in the sum of |w| of their process: {', '.join(parts)}."
    return f"<p>{escape(words)}</p>"


def _attention(checks: Sequence[AnyCheck]) -> str:
    """The checks that did not pass, the worst first."""
    wanting = [check for status in ("FAIL", "WARN") for check in checks if check.status == status]
    return f"<h2>Checks that need attention</h2>\n{_table(wanting, remedies=True)}" if wanting else ""


def _all_checks(checks: Sequence[AnyCheck]) -> str:
    if not checks:
        return ""
    ordered = sorted(checks, key=lambda check: ORDER.index(check.status))
    return f"<details>\n<summary>All {len(checks)} checks</summary>\n{_table(ordered)}\n</details>"


def _table(checks: Sequence[AnyCheck], remedies: bool = False) -> str:
    rows = []
    for check in checks:
        notes = [getattr(check, "detail", None), _remedy(check.name) if remedies else None]
        words = "".join(f'<br><span class="detail">{escape(note)}</span>' for note in notes if note)
        rows.append(
            f'<tr><td class="status {check.status}">{check.status}</td><td>{escape(check.name)}{words}</td>'
            f'<td class="number">{format_measured(check.value, getattr(check, "error", None))}</td>'
            f'<td class="number">{format_number(check.threshold)}</td></tr>'
        )
    heading = '<tr><th></th><th>check</th><th class="number">value</th><th class="number">threshold</th></tr>'
    return "<table>\n" + "\n".join([heading, *rows]) + "\n</table>"


def _remedy(name: str) -> str | None:
    """What to do about a check of this name, and the picture to look at."""
    kind = kind_of(name)
    return None if kind is None else f"To do: {kind.remedy}. Picture: plots/{kind.picture_of(name)}.png"


def _picture(caption: str, path: str | os.PathLike) -> str:
    data = base64.b64encode(Path(path).read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">\n'
        f'<figcaption class="note">{escape(caption)}</figcaption></figure>'
    )
