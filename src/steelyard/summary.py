"""The summary of an analysis: one JSON file that other software can rely on, and the table a person reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steelyard.baselines.results import BaselineResult
from steelyard.diagnostics.verdict import Check
from steelyard.statistics.belts import Inference

if TYPE_CHECKING:
    from steelyard.statistics.reference_error import ReferenceError  # which brings the compiled code


@dataclass(frozen=True)
class LevelResult:
    """Confidence sets at one level, each a list of segments of the parameter."""

    neyman: list[tuple[float, float]]
    asymptotic: list[tuple[float, float]]
    oracle: list[tuple[float, float]] | None = None


@dataclass(frozen=True)
class SignificanceResult:
    """Standard deviations against the lower bound of the parameter."""

    asymptotic: float
    neyman: float | None = None
    oracle: float | None = None


@dataclass(frozen=True)
class DataResult:
    """What one data set (Asimov or observed) says. ``levels`` and ``baselines`` are keyed by the level as text.

    ``sigma_reference`` is the component of the finite reference sample in ``hat``, which the intervals do not contain.
    """

    hat: float
    levels: dict[str, LevelResult]
    significance: SignificanceResult
    baselines: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    sigma_reference: float | None = None


@dataclass(frozen=True)
class CheckResult:
    """One diagnostic with its verdict."""

    name: str
    value: float
    threshold: float
    status: str


@dataclass(frozen=True)
class Summary:
    """The contract of ``summary.json`` (DESIGN 3). What an analysis does not have is absent."""

    analysis: str
    parameter: str
    results: dict[str, DataResult]
    checks: list[CheckResult]
    sigma_mc: float | None = None


def summarise(
    analysis: str,
    parameter: str,
    inferences: Mapping[str, Inference],
    exact: Mapping[str, Inference],
    baselines: Sequence[BaselineResult],
    checks: Sequence[Check],
    reference: "Mapping[str, ReferenceError] | None" = None,
) -> Summary:
    """Put the results of an analysis together.

    Args:
        analysis, parameter: names.
        inferences: what the learned belt says of each data set, ``asimov`` and perhaps ``observed``.
        exact: the same of the exact likelihood's belt; empty where there is none.
        baselines: the binned analyses.
        checks: the verdicts of all diagnostics.
        reference: what the finite reference sample adds to each data set.
    """
    results = {}
    for data, inference in inferences.items():
        oracle = exact.get(data)
        scans = {baseline.name: getattr(baseline, data) for baseline in baselines}
        results[data] = DataResult(
            hat=inference.hat,
            levels={
                str(interval.level): LevelResult(
                    interval.neyman, interval.asymptotic, oracle.intervals[index].neyman if oracle else None
                )
                for index, interval in enumerate(inference.intervals)
            },
            significance=SignificanceResult(
                inference.significance.asymptotic,
                inference.significance.neyman,
                (oracle.significance.neyman or oracle.significance.asymptotic) if oracle else None,
            ),
            baselines={name: scan.intervals for name, scan in scans.items() if scan is not None},
            sigma_reference=reference[data].sigma_hat if reference and data in reference else None,
        )
    verdicts = [CheckResult(check.name, check.value, check.threshold, check.status) for check in checks]
    return Summary(analysis, parameter, results, verdicts)


def format_segments(segments: list[Any]) -> str:
    """Segments as a person writes them: ``[0.05, 1.20] ∪ [1.80, 2.10]``."""
    return " ∪ ".join(f"[{low:.2f}, {high:.2f}]" for low, high in segments) if segments else "none"


def format_table(summary: Summary) -> str:
    """The result as plain text: intervals of every method, significance, and the checks that did not pass."""
    lines = [f"{summary.analysis}: confidence intervals on {summary.parameter}", ""]
    for data, result in summary.results.items():
        lines.append(f"{data}: best fit {summary.parameter} = {result.hat:.3f}")
        if result.sigma_reference is not None:
            lines.append(f"  finite reference sample, not in the intervals: ±{result.sigma_reference:.2g}")
        rows: dict[str, list[str]] = {}
        for sets in result.levels.values():
            for method in ("neyman", "asymptotic", "oracle"):
                segments = getattr(sets, method)
                if segments is not None:
                    rows.setdefault(_NAMES[method], []).append(format_segments(segments))
        for name, levels in result.baselines.items():
            rows[f"histogram: {name}"] = [format_segments(levels[level]) for level in result.levels if level in levels]
        widths = [max(len(row[column]) for row in rows.values()) for column in range(len(result.levels))]
        titles = [f"{100.0 * float(level):.2f} %" for level in result.levels]
        widths = [max(width, len(title)) for width, title in zip(widths, titles, strict=True)]
        lines.append(
            "  " + " " * 30 + "  ".join(title.ljust(width) for title, width in zip(titles, widths, strict=True))
        )
        for name, row in rows.items():
            lines.append(
                "  " + name.ljust(30) + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            )
        evidence = result.significance
        words = [("toys", evidence.neyman), ("asymptotic", evidence.asymptotic), ("exact likelihood", evidence.oracle)]
        lines += [
            "  against the lower bound: " + ", ".join(f"{z:.2f}σ ({how})" for how, z in words if z is not None),
            "",
        ]
    counts = {status: sum(check.status == status for check in summary.checks) for status in ("PASS", "WARN", "FAIL")}
    lines.append("checks: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    for check in sorted(summary.checks, key=lambda check: check.status):
        if check.status != "PASS":
            lines.append(f"  {check.status}  {check.name}: {check.value:.4g} (threshold {check.threshold:.4g})")
    return "\n".join(lines)


_NAMES = {
    "neyman": "NSBI, Neyman construction",
    "asymptotic": "NSBI, Wald approximation",
    "oracle": "exact likelihood, Neyman",
}
