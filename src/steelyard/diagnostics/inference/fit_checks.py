"""Verdicts on the fits themselves: whether they found their minimum, and whether a bound stopped them."""

import math
from collections.abc import Mapping

from steelyard.checks import Check, Kind, Levels, at_most
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.inference.fit import Fit, Scan

# Numbers of things of which there should be none: no levels to choose.
FAILED = Kind(
    title="Failed fits",
    name="failed fits, {data} data{likelihood}",
    words={"likelihood": ("", ", exact likelihood")},
    remedy="look for nuisance parameters without effect or on a bound",
)
UPPER = Kind(
    title="Best fit at the upper bound",
    name="best fit at the upper bound, {data} data{likelihood}",
    words={"likelihood": ("", ", exact likelihood")},
    remedy="widen the bounds of the parameter, and the scan and the belts with them",
    picture="scan-{data}",
)
ON_BOUND = Kind(
    title="Nuisance parameters on a bound",
    name="nuisance parameters on a bound, {data} data{likelihood}",
    words={"likelihood": ("", ", exact likelihood")},
    remedy="widen their bounds, or ask why the data contradict their effects",
    picture="ranking-{data}",
)
VALLEYS = Kind(
    title="Nuisance parameters with two valleys",
    name="nuisance parameters with two valleys, {data} data{likelihood}",
    words={"likelihood": ("", ", exact likelihood")},
    remedy="symmetrise the parameters that are named, unless both sides are meant to go the same way",
)

# No fit at all may fail, and none may end where only the range of the parameter stops it.
NONE = 0.5
# A nuisance parameter on a bound is a matter for thought in data, and a fault of the model in Asimov data; one with two
# valleys may be meant.
IN_DATA = Levels(0.5, math.inf)


def diagnose(given: InferenceInputs) -> tuple[Check, ...]:
    """The checks of the fits to all data sets."""
    return check_fits(given.scans, given.exact_scans, given.parameter, given.bounds)


def check_fits(
    scans: Mapping[str, Scan], exact: Mapping[str, Scan], parameter: str, bounds: tuple[float, float]
) -> tuple[Check, ...]:
    """All verdicts.

    Args:
        scans: of the data sets ``asimov`` and perhaps ``observed``.
        exact: the same of the exact likelihood; empty where there is none.
        parameter: name of the parameter of interest.
        bounds: its range.
    """
    checks = []
    for results, likelihood in ((scans, ""), (exact, ", exact likelihood")):
        for data, scan in results.items():
            where = {"data": data, "likelihood": likelihood}
            checks.append(_converged(where, scan))
            checks.append(_inside(where, scan.fit, parameter, bounds))
            if scan.fit.nuisances:
                level = Levels(NONE, NONE) if data == "asimov" else IN_DATA
                checks.append(_nuisances_inside(where, scan.fit, level, parameter))
                if data == "asimov":
                    checks.append(_opposite(where, scan.fit))
    return tuple(checks)


def _converged(where: dict[str, str], scan: Scan) -> Check:
    """The global fit and the conditional ones of the scan."""
    failed = scan.not_converged + (0 if scan.fit.valid else 1)
    detail = f"{'valid' if scan.fit.valid else 'invalid'} best fit, {len(scan.mu)} points scanned"
    if failed:
        detail += "; a failed fit makes t wrong: look for nuisance parameters without effect or on a bound"
    return at_most(FAILED.of(**where), float(failed), NONE, detail=detail)


def _inside(where: dict[str, str], fit: Fit, parameter: str, bounds: tuple[float, float]) -> Check:
    """Physics may stop the best fit at the lower end; at the upper end it is the range that somebody chose."""
    low, high = min(bounds), max(bounds)
    at_high = fit.at_bound and abs(fit.hat - high) < abs(fit.hat - low)
    detail = f"{parameter} = {fit.hat:.4g} in [{low:g}, {high:g}]"
    if at_high:
        detail += f"; the data want more: widen the bounds of {parameter}, and the scan and the belts with them"
    elif fit.at_bound:
        detail += "; at its lower end, where the sets are one-sided"
    return at_most(UPPER.of(**where), float(at_high), NONE, detail=detail)


def _opposite(where: dict[str, str], fit: Fit) -> Check:
    """Two sides that go the same way, in yields or shapes, are rarely meant, and no single fit shows them."""
    detail = f"of {len(fit.nuisances)}"
    if fit.folded:
        detail += (
            f": {', '.join(fit.folded)}; up and down go the same way, or one of them nowhere: the likelihood has a "
        )
        detail += "minimum on either side, and the deeper one counts. If that is not meant, symmetrise them"
    return at_most(VALLEYS.of(**where), float(len(fit.folded)), IN_DATA, detail=detail)


def _nuisances_inside(where: dict[str, str], fit: Fit, level: Levels, parameter: str) -> Check:
    hit = [name for name in fit.bounds_hit if name != parameter]
    detail = f"of {len(fit.nuisances)}"
    if hit:
        detail += f": {', '.join(hit)}; the data contradict their effects, or their bounds are too narrow"
    return at_most(ON_BOUND.of(**where), float(len(hit)), level, detail=detail)
