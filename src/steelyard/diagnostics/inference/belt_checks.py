"""Verdicts on the Neyman construction: failed fits, coverage, critical values."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri  # scipy.stats takes half a second to import

from steelyard.checks import Check, Kind, Level, at_least, at_most
from steelyard.coverage.audit import Audit
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.inference.belts import Belt
from steelyard.inference.toy_fits import Status

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

FAILED_TOYS = Kind(
    title="Failed fits of toys",
    name="failed fits of toys{where}",
    words={"where": ("", ", asimov data", ", observed data")},
    levels={"failed_fits": Level(0.001, 0.01, "Fraction of pseudo-experiments whose fit failed.")},
    remedy="look for nuisance parameters without effect or on a bound at the value that is named",
)
TOYS = Kind(
    title="Toys for a level",
    name="toys for {level} %{where}",  # as many as the level needs
    words={"where": ("", ", asimov data", ", observed data")},
    remedy="increase `belts.toys`",
    picture="belt-*",
)
COVERAGE = Kind(
    title="Coverage",
    name="coverage of {level} %",
    levels={
        "coverage": Level(2.0, 3.0, "Coverage of independent experiments against its level, in units of the error."),
    },
    remedy="repeat the audit with more experiments; if it stays, quote the coverage that was found with the result",
    picture="coverage",
)
CRITICAL = Kind(
    title="Critical values",
    name="critical value of {level} %",
    levels={"critical": Level(2.0, 3.0, "Critical value against that of exact toys, in units of the error.")},
    remedy="compare t against the exact one at this value: the learned t has another distribution there",
    picture="critical_values",
)

_USABLE = {Status.CONVERGED.name.lower(), Status.AT_BOUND.name.lower()}


def diagnose(given: InferenceInputs) -> Iterator[Check]:
    """The checks of all belts, and of the audit where there is one."""
    for data, belt in given.belts.items():
        yield from check_belt(belt, given.thresholds, data)
    if given.audit is not None:
        yield from check_audit(given.audit, given.thresholds)


def check_belt(belt: Belt, thresholds: "Thresholds", data: str = "any") -> tuple[Check, ...]:
    """The share of pseudo-experiments whose fit failed, at the worst point; and too few for a level, where they are.

    Args:
        belt: critical values.
        thresholds: levels of the checks.
        data: the data set at whose conditional fit the toys were thrown, or ``any``.
    """
    where = "" if data == "any" else f", {data} data"
    shares = {
        point.mu: sum(count for status, count in point.status.items() if status not in _USABLE) / point.toys
        for point in belt.points
    }
    worst = max(shares, key=shares.get)
    detail = f"worst at {worst:g}"
    checks = [at_most(FAILED_TOYS.of(where=where), shares[worst], thresholds.failed_fits, detail=detail)]
    for level in belt.levels:
        infinite = [point for point in belt.points if not np.isfinite(point.critical[str(level)].value)]
        if infinite:
            fewest, needed = min(infinite, key=lambda point: point.toys), np.ceil(level / (1.0 - level))
            detail = (
                f"{len(infinite)} points, one with {fewest.toys} toys at {fewest.mu:g}: not even the largest t covers "
                f"{100.0 * level:.4g} %, and nothing is excluded there; increase belts.toys"
            )
            name = TOYS.of(level=f"{100.0 * level:.4g}", where=where)
            checks.append(at_least(name, fewest.toys, float(needed), detail))
    return tuple(checks)


def check_audit(audit: Audit, thresholds: "Thresholds") -> tuple[Check, ...]:
    """Coverage and critical values of independent experiments at the worst point of each level.

    The value is the pull of the worst of n points, corrected for the choice: the pull with the two-sided p-value
    1 - (1 - p)^n (Sidak), so that an honest belt exceeds the threshold as often with many points as with one.
    """
    checks = []
    for index in range(len(audit.points[0].coverage)):
        worst = max(audit.points, key=lambda point: abs(point.coverage[index].pull))
        coverage = worst.coverage[index]
        level, where = f"{100.0 * coverage.level:.2f}", f"{worst.mu:g}"
        where += "".join(f", {name} = {value:+g}" for name, value in worst.nuisances.items())
        detail = (
            f"{coverage.fraction:.3f} ± {coverage.error:.3f} at {where}, the worst of {len(audit.points)} points "
            f"with a pull of {coverage.pull:+.1f}"
        )
        value = _corrected(coverage.pull, len(audit.points))
        checks.append(at_most(COVERAGE.of(level=level), value, thresholds.coverage, detail=detail))
        compared = [point for point in audit.points if point.critical]
        if compared:
            worst = max(compared, key=lambda point: abs(point.critical[index].pull))
            critical = worst.critical[index]
            detail = (
                f"{critical.learned.value:.3f}, exact {critical.exact.value:.3f} at {worst.mu:g}, the worst of "
                f"{len(compared)} points with a pull of {critical.pull:+.1f}"
            )
            value = _corrected(critical.pull, len(compared))
            checks.append(at_most(CRITICAL.of(level=level), value, thresholds.critical, detail=detail))
    return tuple(checks)


def _corrected(pull: float, points: int) -> float:
    """The size of a pull after it was chosen as the largest of ``points`` independent ones."""
    p_value = min(2.0 * ndtr(-abs(pull)), 1.0 - 1e-12)
    return float(-ndtri(-0.5 * np.expm1(points * np.log1p(-p_value))))
