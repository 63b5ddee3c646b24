"""Verdicts on the null variations: is a constraint of the data information, or the noise of the networks?"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import PASS, Advice, Check, Kind, Level, at_most
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.finite_simulation.null_information import NullInformation
from steelyard.inference.impacts import Impacts
from steelyard.io.notation import format_number

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

NULL = Kind(
    title="Null variation",
    name="null variation of {systematic}",
    levels={
        "null_constraint": Level(
            0.025, 0.05, "1 - post-fit error of a nuisance parameter whose effect is the noise of a network alone."
        ),
    },
    remedy="more nominal and varied events, `prune`, or the effect on the yield alone (`use: norm`)",
)

# A constraint of which noise can be so much of the information is named: half of it would be the noise of two draws.
COMPARABLE = 0.5


def diagnose(given: InferenceInputs) -> tuple[Check, ...]:
    """The checks of all null variations, beside the constraints that the expected data put."""
    return check_nulls(given.nulls, given.impacts["asimov"], given.thresholds) if given.nulls else ()


def check_nulls(nulls: Iterable[NullInformation], result: Impacts, thresholds: "Thresholds") -> tuple[Check, ...]:
    """1 − the post-fit error of a nuisance parameter without an effect, of each null variation.

    Args:
        nulls: what the null variations have shown.
        result: of the expected data, for the constraints of the real nuisance parameters.
        thresholds: of the checks.
    """
    return tuple(_check(null, result, thresholds) for null in nulls)


def noisy_constraints(null: NullInformation, result: Impacts) -> list[tuple[str, float]]:
    r"""Nuisance parameters like this null, and their post-fit errors :math:`\sigma`, that noise may explain.

    The information of the data on a parameter is :math:`1/\sigma^2-1`, its network's noise included.
    """
    found = []
    for impact in result.impacts:
        if impact.name not in null.alike or not impact.constrained or not impact.constraint:
            continue
        information = 1.0 / impact.constraint**2 - 1.0
        if null.total > COMPARABLE * information:
            found.append((impact.name, impact.constraint))
    return sorted(found, key=lambda item: item[1])


def _check(null: NullInformation, result: Impacts, thresholds: "Thresholds") -> Check:
    value, draws = 1.0 - null.post_fit_error, len(null.information)
    rms = float(np.sqrt(np.mean(np.square(null.rms))))
    detail = (
        f"post-fit error {null.post_fit_error:.3f} by noise alone: rms {rms:.2g} of log g of {null.process}, "
        f"{draws} training{'s' if draws > 1 else ''}, {null.expected:.4g} expected events"
    )
    name = NULL.of(systematic=null.systematic)
    check = at_most(name, value, thresholds.null_constraint, detail=detail)
    if check.status == PASS:
        return check
    doubtful = noisy_constraints(null, result)
    if doubtful:
        listed = ", ".join(f"{name} ({error:.2f} of 1)" for name, error in doubtful)
        detail += f"; constraints that may be noise: {listed}"
    else:
        detail += "; no constraint of the fit is comparable to it"
    detail += (
        f"; simulate {more_events(null, thresholds):.2g} times the nominal and varied events, prune small shapes, or "
        "use the effect on the yield alone"
    )
    return at_most(name, value, thresholds.null_constraint, detail=detail)


def advise_nulls(nulls: Iterable[NullInformation], thresholds: "Thresholds") -> list[Advice]:
    """More events of the systematics whose noise is above the level of warning, the noisiest first."""
    steps = []
    for null in sorted(nulls, key=lambda null: null.post_fit_error):
        factor = more_events(null, thresholds)
        if factor <= 1.0:
            continue
        after = float(1.0 / np.sqrt(1.0 + null.total / factor))
        quantity = f"post-fit error of the null variation of {null.systematic}"
        text = (
            f"simulate {factor:.2g} times the nominal events of {null.process} and their versions varied by "
            f"{null.systematic}, whose networks' noise alone constrains: {quantity} from "
            f"{format_number(null.post_fit_error, 2)} to {format_number(after, 2)}, where 1 is right"
        )
        steps.append(Advice("variations", text, quantity, null.post_fit_error, after, null.systematic, factor))
    return steps


def more_events(null: NullInformation, thresholds: "Thresholds") -> float:
    """By how much more training events the noise would fall to the level of warning; 1 if it is below."""
    allowed = 1.0 / (1.0 - thresholds.null_constraint.warn) ** 2 - 1.0
    return max(null.total / allowed, 1.0) if allowed > 0.0 else float("inf")
