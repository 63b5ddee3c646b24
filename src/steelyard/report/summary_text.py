"""The result in words and numbers, as the table of the command line and the page of the report show it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steelyard.inference.belts import BestFit
from steelyard.inference.intervals import Ends
from steelyard.inference.significance import ExpectedSignificance, Significance, toys_needed
from steelyard.io.notation import format_number
from steelyard.report.summary import DataResult, HistogramResult, Range, SigmaMC, Summary

# A parameter is written to 1/200 of its range, or finer where that would hide something.
FINENESS = 200.0
MOST_DECIMALS = 9

# Toys beyond which nobody throws them.
MANY_TOYS = 1e7

DATA_WORDS = {"asimov": "expected (Asimov data)"}
SOURCES = {"asimov": "Asimov data", "observed": "observed data"}

SOURCES_MC = {
    "sample": "training events",
    "networks": "networks",
    "reference": "reference sample",
    "yields": "yields",
    "noise": "noise event by event",
}

WITH_SIMULATION = "NSBI, Neyman with σ_MC"

READINGS = {"two-sided": "Φ⁻¹(1 − p/2)", "one-sided": "Φ⁻¹(1 − p)"}


@dataclass(frozen=True)
class TableRow:
    """One method: its sets by level, t of the tested value, and standard deviations against it."""

    name: str
    cells: list[str]
    t: str
    significance: str


def format_segments(
    segments: Sequence[tuple[float, float]],
    ends: Ends | None = None,
    errors: Sequence[tuple[float, float]] | None = None,
    searched: Range | None = None,
    bounds: Range | None = None,
    hat: float | None = None,
) -> str:
    """Segments as a person writes them: ``[0, 1.20 ± 0.02] ∪ [1.80, >3.00)``.

    An end at the bound of the parameter is written as that bound; one that is excluded by little with as many digits as
    show it: [0.0042, 1.90] does not contain zero. ``>`` and ``<`` mark an end that is open: the set goes on beyond what
    was searched.

    Args:
        segments: the set.
        ends: what each end is; by default real crossings.
        errors: of each end, from the number of toys.
        searched: the range in which segments were searched.
        bounds: physical range of the parameter.
        hat: best fit: where it lies outside of ``searched``, so does at least a part of the set.
    """
    outside = hat is not None and searched is not None and not searched[0] <= hat <= searched[1]
    where = "" if searched is None else f"outside the belt [{searched[0]:g}, {searched[1]:g}]"
    if not segments:
        return where if outside else "none"
    kinds = ends or [("crossing", "crossing")] * len(segments)
    shifts = errors or [(0.0, 0.0)] * len(segments)
    span = bounds or searched or (min(low for low, _ in segments), max(high for _, high in segments))
    parts = []
    for segment, kind, shift in zip(segments, kinds, shifts, strict=True):
        low, high = (
            _format_end(end, side, what, error, span, segment[1] - segment[0])
            for side, (end, what, error) in enumerate(zip(segment, kind, shift, strict=True))
        )
        parts.append(("(" if kind[0] == "open" else "[") + f"{low}, {high}" + (")" if kind[1] == "open" else "]"))
    if outside and not (kinds[0][0] == "open" or kinds[-1][1] == "open"):
        parts.append(where)
    return " ∪ ".join(parts)


def _format_end(value: float, side: int, kind: str, error: float, span: Range, width: float) -> str:
    if kind == "bound" or value == span[side]:
        return format_number(value, 6)
    resolution = (span[1] - span[0]) / FINENESS
    decimals = -math.floor(math.log10(resolution)) if resolution > 0.0 else 2
    # Two digits of the distance from a bound, from zero and from the other end, and one of the error.
    for distance in (abs(value - span[0]), abs(value - span[1]), abs(value), width):
        if distance > 0.0:
            decimals = max(decimals, 1 - math.floor(math.log10(distance)))
    if math.isfinite(error) and error > 0.0:
        decimals = max(decimals, -math.floor(math.log10(error)))
    decimals = min(max(decimals, 0), MOST_DECIMALS)
    text = f"{value:.{decimals}f}"
    if error > 0.0:
        text += f" ± {error:.{decimals}f}" if math.isfinite(error) else " ± ∞"
    return {"open": "<>"[side]}.get(kind, "") + text


def best_fit_words(parameter: str, hat: float, fit: BestFit | None = None, searched: Range | None = None) -> str:
    """The best fit, and what is special about it: at a bound, outside of the belt, not valid."""
    words = f"best fit {parameter} = {hat:.3f}"
    if fit is not None and fit.bound:
        words += f" (at the {fit.bound} bound of its range)"
    if searched is not None and not searched[0] <= hat <= searched[1]:
        words += f" (outside the belt [{searched[0]:g}, {searched[1]:g}])"
    if fit is None:
        return words
    if fit.nuisances_at_bounds:
        words += f"; nuisance parameters at a bound of theirs: {', '.join(fit.nuisances_at_bounds)}"
    if not fit.valid:
        words += "; the fit is NOT VALID, so nothing below can be relied on"
    if fit.not_converged:
        words += f"; {fit.not_converged} conditional fits of the scan did not converge"
    return words


def table_rows(result: DataResult) -> list[TableRow]:
    """Like with like: every method by the Neyman construction first, then every one by Wald's approximation."""
    evidence, headline = result.significance, result.significance.headline
    learned = evidence.learned or Significance(math.nan, math.nan, evidence.asymptotic, evidence.neyman)
    exact = evidence.exact or Significance(math.nan, math.nan, math.nan, evidence.oracle)
    rows = [
        _row("NSBI, Neyman construction", result, "neyman", learned, headline, result.searched, result.hat),
        _row(WITH_SIMULATION, result, "neyman_simulation", learned, headline, result.searched, result.hat),
        _row("exact likelihood, Neyman", result, "oracle", exact, headline, result.oracle_searched, result.oracle_hat),
    ]
    rows += [_histogram_row(name, found, "neyman", headline, result) for name, found in result.histograms.items()]
    rows += [
        _row("NSBI, Wald approximation", result, "asymptotic", learned, headline, result.scanned, result.hat),
        _row(
            "exact likelihood, Wald",
            result,
            "oracle_asymptotic",
            exact,
            headline,
            result.scanned,
            result.oracle_hat,
        ),
    ]
    rows += [_histogram_row(name, found, "asymptotic", headline, result) for name, found in result.histograms.items()]
    return [row for row in rows if row is not None]


def _histogram_row(
    name: str, found: HistogramResult, method: str, headline: str, result: DataResult
) -> TableRow | None:
    construction = "Neyman" if method == "neyman" else "Wald"
    levels = {level: found.levels[level] for level in result.levels if level in found.levels}
    return _row(
        f"histogram: {name}, {construction}",
        DataResult(found.hat, levels, result.significance, bounds=result.bounds),
        method,
        found.significance,
        headline,
        found.searched,
        found.hat,
    )


def _row(
    name: str,
    result: DataResult,
    method: str,
    evidence: Significance,
    headline: str,
    searched: Range | None,
    hat: float | None,
) -> TableRow | None:
    levels = [result.levels[level] for level in sorted(result.levels, key=float)]
    if any(getattr(level, method) is None for level in levels):
        return None
    cells = [
        format_segments(
            getattr(level, method),
            level.ends.get(method),
            level.errors.get(method),
            searched,
            result.bounds,
            hat,
        )
        for level in levels
    ]
    by_toys = method in ("neyman", "oracle")
    if method == "neyman_simulation":  # the p-value is that of the row above
        return TableRow(name, cells, "", "")
    value = _reading(evidence, headline) if by_toys else f"{evidence.asymptotic:.2f}"
    return TableRow(name, cells, "" if math.isnan(evidence.t) else f"{evidence.t:.2f}", value)


def _reading(evidence: Significance, headline: str) -> str:
    value = evidence.neyman if headline == "two-sided" else evidence.one_sided
    return "" if value is None else (">" if evidence.is_limit else "") + f"{value:.2f}"


def column_titles(result: DataResult) -> list[str]:
    """Headings of the columns of :func:`table_rows` after the first."""
    evidence = result.significance.learned
    tested = f"{evidence.tested:g}" if evidence else "bound"
    levels = [f"{100.0 * float(level):.4g} %" for level in sorted(result.levels, key=float)]
    return [*levels, f"t({tested})", f"Z, {result.significance.headline}"]


def other_fits(result: DataResult, parameter: str) -> list[str]:
    """The best fits of the other methods in the same words, one sentence, if there are other methods."""
    others = []
    if result.oracle_hat is not None:
        others.append(("exact likelihood", result.oracle_hat, result.oracle_fit, result.oracle_searched))
    others += [(f"histogram {name}", found.hat, found.fit, found.searched) for name, found in result.histograms.items()]
    return ["; ".join(f"{who}: {best_fit_words(parameter, *found)}" for who, *found in others) + "."] if others else []


def evidence_words(data: str, result: DataResult, parameter: str) -> list[str]:
    """What each number against the lower bound is, in sentences: of the data, and of toys of the nominal value."""
    evidence, headline = result.significance, result.significance.headline
    sentences = []
    if result.sigma_mc is not None:
        sentences.append(_simulation(result.sigma_mc, evidence.learned))
    elif result.sigma_reference is not None:
        sentences.append(
            f"Finite reference sample, not in the intervals: ±{result.sigma_reference:.2g} of the best fit."
        )
    for who, found in (("NSBI", evidence.learned), ("exact likelihood", evidence.exact)):
        if found is not None:
            name = f"{who}, {SOURCES.get(data, data)},"
            sentences.append(_evidence(name, found, parameter, headline))
    for who, expected in (("NSBI", evidence.expected), ("exact likelihood", evidence.expected_exact)):
        if expected is not None:
            sentences.append(_expected(who, expected, parameter, headline))
    return sentences


def _simulation(found: SigmaMC, evidence: Significance | None) -> str:
    """sigma_MC of the best fit and of t of the tested value, by source."""

    def parts(sources: Mapping[str, float]) -> str:
        return ", ".join(f"{SOURCES_MC.get(name, name)} {value:.2g}" for name, value in sources.items())

    if found.hat is None:
        words = f"no uncertainty of the best fit, for {found.reason}"
    else:
        of_sigma = "" if found.of_sigma is None else f", {100.0 * found.of_sigma:.2g} % of its statistical error"
        words = f"±{found.hat:.2g} of the best fit{of_sigma} ({parts(found.sources)})"
    if evidence is not None and evidence.tested in found.mu:
        place = found.mu.index(evidence.tested)
        own = parts({name: values[place] for name, values in found.sources_t.items()})
        words += f"; ±{found.sigma_t[place]:.2g} of t({evidence.tested:g}) ({own})"
    return f"Finite simulation and training, σ_MC, in no interval that does not say so: {words}."


def _evidence(who: str, found: Significance, parameter: str, headline: str) -> str:
    where = f"{who} against {parameter} = {found.tested:g}: t = {found.t:.2f}, √t = {found.asymptotic:.2f}"
    if found.p_value is None:
        return f"{where} (no toys)."
    values = {"two-sided": found.neyman, "one-sided": found.one_sided}
    order = sorted(READINGS, key=lambda reading: reading != headline)
    sign = ">" if found.is_limit else ""
    readings = ", ".join(
        f"{sign}{values[reading]:.2f}σ {reading} ({READINGS[reading]})"
        for reading in order
        if values[reading] is not None
    )
    p_value, low, high = (format_number(number, 3) for number in found.p_value)
    toys = f"{found.toys:,} toys at {parameter} = {found.tested:g}"
    zero = f"t = 0 in {100.0 * found.at_zero:.3g} % of these toys (50 % without interference)."
    if found.is_limit:
        needed = toys_needed(found.t)
        enough = f"{needed:.1e} per point" if needed < MANY_TOYS else "more than can be thrown"
        return (
            f"{where}; none of {toys} is as extreme, so p < {high} (84 % Clopper-Pearson), a limit: {readings}. For a "
            f"value it takes some {enough}. {zero}"
        )
    return (
        f"{where}; p = {p_value} [{low}, {high}] from {toys} ((n + 1)/(T + 1); 68 % Clopper-Pearson), that is "
        f"{readings}. {zero}"
    )


def _expected(who: str, found: ExpectedSignificance, parameter: str, headline: str) -> str:
    order = sorted(READINGS, key=lambda reading: reading != headline)
    values = {"two-sided": found.neyman, "one-sided": found.one_sided}
    limits = [">" if limit else "" for limit in found.is_limit]

    def band(numbers: Sequence[float], signs: Sequence[str], unit: str) -> str:
        low, inner, middle, outer, high = (f"{sign}{value:.2f}" for sign, value in zip(signs, numbers, strict=True))
        return f"{middle}{unit}, 68 % [{inner}, {outer}], 95 % [{low}, {high}]"

    error = "" if found.error is None else f" ± {found.error:.2f}"
    parts = "; ".join(f"{reading} {band(values[reading], limits, 'σ')}" for reading in order)
    return (
        f"{who}, median of {found.toys - found.failed:,} toys at {parameter} = {found.thrown:g} and bands: "
        f"t({found.tested:g}) {band(found.t, [''] * 5, error)}; {parts}."
    )


def format_table(summary: Summary) -> str:
    """The result as plain text: intervals of every method, significance, and the checks that did not pass."""
    lines = [f"{summary.analysis}: confidence intervals on {summary.parameter}", ""]
    for data, result in summary.results.items():
        lines.append(
            f"{DATA_WORDS.get(data, data)}: "
            + best_fit_words(summary.parameter, result.hat, result.fit, result.searched)
        )
        rows, titles = table_rows(result), column_titles(result)
        columns = [[row.name, *row.cells, row.t, row.significance] for row in rows]
        widths = [max(len(row[place]) for row in [["", *titles], *columns]) for place in range(len(titles) + 1)]
        for row in [["", *titles], *columns]:
            lines.append("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        sentences = [*other_fits(result, summary.parameter), *evidence_words(data, result, summary.parameter)]
        lines += [f"  {sentence}" for sentence in sentences]
        lines.append("")
    counts = {status: sum(check.status == status for check in summary.checks) for status in ("PASS", "WARN", "FAIL")}
    lines.append("checks: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    for check in sorted(summary.checks, key=lambda check: check.status):
        if check.status != "PASS":
            lines.append(f"  {check.status}  {check.name}: {check.value:.4g} (threshold {check.threshold:.4g})")
    if summary.advice:
        lines.append("what to do next:")
        lines += [f"  {number}. {step.text}" for number, step in enumerate(summary.advice, start=1)]
    return "\n".join(lines)
