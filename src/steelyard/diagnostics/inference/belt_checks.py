"""Verdicts on the Neyman construction: failed fits, coverage, critical values."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri  # scipy.stats takes half a second to import

from steelyard.checks import Check, at_least, at_most
from steelyard.coverage.audit import Audit
from steelyard.inference.belts import Belt
from steelyard.inference.toy_fits import Status

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

_USABLE = {Status.CONVERGED.name.lower(), Status.AT_BOUND.name.lower()}


def check_belt(belt: Belt, thresholds: "Thresholds", data: str = "any") -> tuple[Check, ...]:
    """The share of pseudo-experiments whose fit failed, at the worst point; and too few for a level, where they are.

    Args:
        belt: critical values.
        thresholds: levels of the checks.
        data: the data set at whose conditional fit the toys were thrown, or ``any``.
    """
    suffix = "" if data == "any" else f", {data} data"
    shares = {
        point.mu: sum(count for status, count in point.status.items() if status not in _USABLE) / point.toys
        for point in belt.points
    }
    worst = max(shares, key=shares.get)
    checks = [
        at_most(f"failed fits of toys{suffix}", shares[worst], thresholds.failed_fits, detail=f"worst at {worst:g}")
    ]
    for level in belt.levels:
        infinite = [point for point in belt.points if not np.isfinite(point.critical[str(level)].value)]
        if infinite:
            fewest, needed = min(infinite, key=lambda point: point.toys), np.ceil(level / (1.0 - level))
            detail = (
                f"{len(infinite)} points, one with {fewest.toys} toys at {fewest.mu:g}: not even the largest t covers "
                f"{100.0 * level:.4g} %, and nothing is excluded there; increase belts.toys"
            )
            checks.append(at_least(f"toys for {100.0 * level:.4g} %{suffix}", fewest.toys, float(needed), detail))
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
        level, where = f"{100.0 * coverage.level:.2f} %", f"{worst.mu:g}"
        where += "".join(f", {name} = {value:+g}" for name, value in worst.nuisances.items())
        detail = (
            f"{coverage.fraction:.3f} ± {coverage.error:.3f} at {where}, the worst of {len(audit.points)} points "
            f"with a pull of {coverage.pull:+.1f}"
        )
        value = _corrected(coverage.pull, len(audit.points))
        checks.append(at_most(f"coverage of {level}", value, thresholds.coverage, detail=detail))
        compared = [point for point in audit.points if point.critical]
        if compared:
            worst = max(compared, key=lambda point: abs(point.critical[index].pull))
            critical = worst.critical[index]
            detail = (
                f"{critical.learned.value:.3f}, exact {critical.exact.value:.3f} at {worst.mu:g}, the worst of "
                f"{len(compared)} points with a pull of {critical.pull:+.1f}"
            )
            value = _corrected(critical.pull, len(compared))
            checks.append(at_most(f"critical value of {level}", value, thresholds.critical, detail=detail))
    return tuple(checks)


def _corrected(pull: float, points: int) -> float:
    """The size of a pull after it was chosen as the largest of ``points`` independent ones."""
    p_value = min(2.0 * ndtr(-abs(pull)), 1.0 - 1e-12)
    return float(-ndtri(-0.5 * np.expm1(points * np.log1p(-p_value))))
