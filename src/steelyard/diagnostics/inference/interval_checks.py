"""Verdicts on the confidence sets: do they end where they are said to end?"""

from collections.abc import Mapping

from steelyard.checks import Check, CheckName, Kind, Levels, at_most
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.inference.belts import Inference

OPEN_ENDS = Kind(
    title="Open ends of the sets",
    name="open ends of the {likelihood}sets, {of}",
    words={"likelihood": ("", "exact "), "of": ("asimov", "observed")},
    remedy="extend the scan and `belts.points` beyond the end that is named",
    picture="intervals",
)

# An open end is a statement less than was asked for; a best fit outside of the belt leaves nothing to quote.
OPEN = Levels(warn=0.0, fail=float("inf"))


def diagnose(given: InferenceInputs) -> tuple[Check, ...]:
    """The checks of the sets of all data sets."""
    return check_intervals(given.inferences, given.exact_inferences)


def check_intervals(inferences: Mapping[str, Inference], exact: Mapping[str, Inference]) -> tuple[Check, ...]:
    """Number of ends of each data set's confidence sets that are open: cut by the edge of the belt or of the scan.

    A best fit outside of the belt FAILs: the part of the sets that matters most was not searched.
    """
    checks = []
    for likelihood, found in (("", inferences), ("exact ", exact)):
        checks += [_check(OPEN_ENDS.of(likelihood=likelihood, of=data), item) for data, item in found.items()]
    return tuple(checks)


def _check(name: CheckName, inference: Inference) -> Check:
    cut, number = [], 0
    for interval in inference.intervals:
        methods = (("toys", interval.neyman_ends, "belts.points and scan"), ("Wald", interval.asymptotic_ends, "scan"))
        for method, ends, section in methods:
            ranges = inference.searched if method == "toys" else inference.scanned
            for side, word in enumerate(("below", "above")):
                count = sum(pair[side] == "open" for pair in ends or [])
                number += count
                if count and ranges is not None:
                    edge = f"{word} {ranges[side]:g}"
                    cut.append(f"{100.0 * interval.level:.4g} % by {method} goes on {edge}: extend {section}")
    if inference.searched is not None:
        low, high = inference.searched
        if not low <= inference.hat <= high:
            detail = (
                f"the best fit {inference.hat:.4g} lies outside the belt [{low:g}, {high:g}]: extend belts.points and "
                "scan to contain it, with room on its far side"
            )
            return Check(name.text, float(max(number, 1)), 0.0, "FAIL", None, "; ".join([detail, *cut]))
    return at_most(name, float(number), OPEN, detail="; ".join(cut) or None)
