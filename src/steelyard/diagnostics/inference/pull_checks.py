"""Verdicts on the nuisance parameters of the fits: pulls, constraints, impacts, and all against the exact ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check, Kind, Level, at_most, undecided
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.inference.impacts import Impact, Impacts

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

PULLS = Kind(
    title="Pulls",
    name="pulls, {data} data",
    levels={
        "asimov_pull": Level(0.05, 0.1, "Largest |pull| of a nuisance parameter in the fit of Asimov data."),
        "pull": Level(2.0, 3.5, "Largest |pull| of a nuisance parameter in the fit of the observed data."),
    },
    remedy="expected data: a fault of the model; observed data: ask what the parameter stands in for",
    picture="ranking-{data}",
)
CONSTRAINTS = Kind(
    title="Constraints",
    name="constraints, {data} data",
    levels={
        "constraint": Level(0.5, 1.0, "Largest |1 - post-fit error| of a nuisance parameter with a constraint."),
    },
    remedy="compare with the null variation; if it is information, ask whether one parameter may stand for this effect",
    picture="ranking-{data}",
)
LINEARITY = Kind(
    title="Impacts against the covariance",
    name="impacts against the covariance, {data} data",
    levels={
        "impact": Level(0.1, 0.3, "Refitted impact minus that of the covariance, in units of the parameter's error."),
    },
    remedy="quote the refitted impacts: the likelihood is no parabola, so the covariance's are not the shifts of the "
    "fit",
    picture="ranking-{data}",
)
AGAINST_EXACT = Kind(
    title="Post-fit errors against the exact ones",
    name="{what} against exact",
    words={"what": ("post-fit errors", "parts of the error", "ranking")},
    levels={
        "oracle_constraint": Level(
            0.05, 0.1, "Post-fit errors, and parts of the parameter's error, learned over exact minus 1."
        ),
    },
    remedy="look at the variations of the parameter that is named: their closure, and their null variation",
    picture="ranking-asimov",
)

# Two parameters whose parts of the error differ by less than this share of it have no order.
DISTINCT = 0.02


def diagnose(given: InferenceInputs) -> tuple[Check, ...]:
    """The checks of the nuisance parameters of all fits."""
    return check_nuisances(given.impacts, given.exact_impacts, given.thresholds)


def check_nuisances(
    results: Mapping[str, Impacts], exact: Mapping[str, Impacts], thresholds: "Thresholds"
) -> tuple[Check, ...]:
    """All verdicts.

    Args:
        results: of the data sets ``asimov`` and perhaps ``observed``.
        exact: the same of the exact likelihood; empty where there is none.
        thresholds: of the checks.
    """
    checks = []
    for data, result in results.items():
        checks += _pulls(data, result, thresholds)
        checks += _constraints(data, result, thresholds)
        checks.append(_linearity(data, result, thresholds))
    if "asimov" in exact:
        checks += _against_exact(results["asimov"], exact["asimov"], thresholds)
    return tuple(checks)


def _pulls(data: str, result: Impacts, thresholds: "Thresholds") -> list[Check]:
    """The largest pull: of a parameter with a constraint in units of its width, of another in units of its error.

    A parameter without a constraint has no value that data could contradict; expected data must return the nominal one.
    """
    name = PULLS.of(data=data)
    level = thresholds.asimov_pull if data == "asimov" else thresholds.pull
    pulls = {impact.name: impact.pull for impact in result.impacts if impact.constrained}
    if data == "asimov":
        free = [impact for impact in result.impacts if not impact.constrained and impact.constraint]
        pulls |= {impact.name: impact.pull / impact.constraint for impact in free}
    if not pulls:
        return []
    worst = max(pulls, key=lambda key: abs(pulls[key]))
    return [at_most(name, abs(pulls[worst]), level, detail=f"{worst}: {pulls[worst]:+.3f}")]


def _constraints(data: str, result: Impacts, thresholds: "Thresholds") -> list[Check]:
    """The smallest post-fit error: one far below 1 says that the data measure the parameter better than its author."""
    name = CONSTRAINTS.of(data=data)
    constrained = [impact for impact in result.impacts if impact.constrained]
    known = [impact for impact in constrained if impact.constraint is not None]
    if not constrained:
        return []
    if not known:
        return [undecided(name, thresholds.constraint, "no covariance")]

    def surprise(impact: Impact) -> float:
        return abs(1.0 - impact.constraint)

    worst = max(known, key=surprise)
    if worst.constraint < 1.0:
        alone = worst.constraint / np.sqrt(max(1.0 - worst.constraint**2, 1e-12))
        reason = f"the data alone know it to {alone:.2f}"
    else:
        reason = "wider than its constraint: the likelihood is not parabolic, or the fit failed"
    detail = f"{worst.name}: {worst.constraint:.3f} of 1; {reason}"
    return [at_most(name, surprise(worst), thresholds.constraint, detail=detail)]


def _linearity(data: str, result: Impacts, thresholds: "Thresholds") -> Check:
    """Refitted impacts against the covariance: two ways to the same number, as long as the likelihood is a parabola."""
    name = LINEARITY.of(data=data)
    known = [impact for impact in result.impacts if impact.disagreement is not None]
    if not known or result.error is None:
        return undecided(name, thresholds.impact, "no covariance")
    worst = max(known, key=lambda impact: abs(impact.disagreement))
    detail = f"{worst.name}: refit {0.5 * (worst.up - worst.down):+.3f}, covariance {worst.covariance:+.3f}"
    return at_most(name, abs(worst.disagreement) / result.error, thresholds.impact, detail=detail)


def _against_exact(result: Impacts, exact: Impacts, thresholds: "Thresholds") -> list[Check]:
    """Post-fit errors and parts of the error of the parameter of interest, learned against exact."""
    learned = {impact.name: impact for impact in result.impacts}
    pairs = [(learned[impact.name], impact) for impact in exact.impacts if impact.name in learned]
    names = [AGAINST_EXACT.of(what=what) for what in AGAINST_EXACT.words["what"]]
    if result.error is None or exact.error is None:
        return [undecided(name, thresholds.oracle_constraint, "no covariance") for name in names]
    errors = [(abs(own.constraint / other.constraint - 1.0), own.name) for own, other in pairs if other.constraint]
    parts = [(abs(own.inflation - other.inflation) / exact.error, own.name) for own, other in pairs]
    swapped = [
        f"{first.name}, {second.name}"
        for place, (own_first, first) in enumerate(pairs)
        for own_second, second in pairs[place + 1 :]
        if abs(first.inflation - second.inflation) > DISTINCT * exact.error
        and (first.inflation - second.inflation) * (own_first.inflation - own_second.inflation) < 0.0
    ]
    order = " > ".join(impact.name for impact in sorted(result.impacts, key=lambda impact: -(impact.inflation or 0.0)))
    return [
        at_most(names[0], max(errors)[0], thresholds.oracle_constraint, detail=f"worst of {max(errors)[1]}"),
        at_most(names[1], max(parts)[0], thresholds.oracle_constraint, detail=f"worst of {max(parts)[1]}"),
        at_most(
            names[2],
            float(len(swapped)),
            0.5,
            detail=f"pairs in another order: {', '.join(swapped) or 'none'}; {order}",
        ),
    ]
