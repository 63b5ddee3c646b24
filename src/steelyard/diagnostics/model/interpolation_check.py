"""Does t depend on the form of the effects that code 4 is no good for?"""

from steelyard.checks import Check, Kind, Level, Threshold, at_most
from steelyard.inference.fall_back import FallBackEffect

# Of t, whose 68 % set ends at 1: there 0.1 are a twentieth of a standard deviation, and 1 is a whole one in a set that
# ends at 4.
FALL_BACK = Kind(
    title="Effects that code 4 cannot interpolate",
    name="effects that code 4 cannot interpolate",
    levels={
        "interpolation": Level(
            0.1, 1.0, "Change of t between the extreme forms of effects that code 4 cannot interpolate."
        ),
    },
    remedy="look at the closure of these variations, or give the parameter `interpolation: exponential`",
)


def check_fall_back(effect: FallBackEffect, threshold: Threshold) -> Check:
    """Whether t depends on the form of the events that code 4 is no good for; the levels are of its change."""
    found = "; ".join(map(str, effect.found))
    detail = (
        f"t of the expected data between the two extreme forms of effects so large that code 4 is not positive on "
        f"{found}. These have the exponential form"
    )
    if effect.largest > threshold.warn:
        detail += (
            ". The result depends on how such ratios are interpolated. If they are true (a narrow peak that moves), "
            "give the nuisance parameter `interpolation: exponential`, which is the right form for a shift, or "
            "variations of a smaller size; if not, look at the closure of these variations"
        )
    return at_most(FALL_BACK.of(), effect.largest, threshold, detail=detail)
