"""Verdicts on the Neyman construction: failed fits, coverage, critical values."""

from steelyard.configuration.thresholds import Thresholds
from steelyard.diagnostics.verdict import Check, at_most
from steelyard.statistics.audit import Audit
from steelyard.statistics.belts import Belt
from steelyard.statistics.toy_fits import Status

_USABLE = {Status.CONVERGED.name.lower(), Status.AT_BOUND.name.lower()}


def check_belt(belt: Belt, thresholds: Thresholds) -> tuple[Check, ...]:
    """The share of pseudo-experiments whose fit failed, at the worst point."""
    shares = {
        point.mu: sum(count for status, count in point.status.items() if status not in _USABLE) / point.toys
        for point in belt.points
    }
    worst = max(shares, key=shares.get)
    return (at_most("failed fits of toys", shares[worst], thresholds.failed_fits, detail=f"worst at {worst:g}"),)


def check_audit(audit: Audit, thresholds: Thresholds) -> tuple[Check, ...]:
    """Coverage and critical values of independent experiments, in units of their errors, worst point of each level."""
    checks = []
    for index in range(len(audit.points[0].coverage)):
        covered = max(audit.points, key=lambda point: abs(point.coverage[index].pull))
        coverage = covered.coverage[index]
        level = f"{100.0 * coverage.level:.2f} %"
        detail = f"{coverage.fraction:.3f} ± {coverage.error:.3f} at {covered.mu:g}, the worst point"
        checks.append(at_most(f"coverage of {level}", abs(coverage.pull), thresholds.coverage, detail=detail))
        compared = max(audit.points, key=lambda point: abs(point.critical[index].pull))
        critical = compared.critical[index]
        detail = f"{critical.learned.value:.3f}, exact {critical.exact.value:.3f} at {compared.mu:g}, the worst point"
        checks.append(at_most(f"critical value of {level}", abs(critical.pull), thresholds.critical, detail=detail))
    return tuple(checks)
