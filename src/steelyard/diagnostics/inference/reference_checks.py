"""Verdicts on the size of the reference sample: what its fluctuation adds to the error of the result."""

from collections.abc import Mapping

from steelyard.checks import Check, Kind, Level, Threshold, at_most, undecided
from steelyard.diagnostics.stages import InferenceInputs
from steelyard.finite_simulation.reference_error import ReferenceError

# In units of the error of mu_hat: 0.1 adds 0.5 % to it in quadrature, 0.3 adds 4.4 %.
REFERENCE = Kind(
    title="Reference sample over the error of the fit",
    name="reference sample over the error of the fit, {data} data",
    levels={
        "reference_error": Level(
            0.1, 0.3, "Error of the best fit from the finite reference sample, over its own error."
        ),
    },
    remedy="simulate as many more events as the detail says, or mix another reference",
    picture="error_budget-{data}",
)


def diagnose(given: InferenceInputs) -> tuple[Check, ...]:
    """The checks of all data sets."""
    return check_reference(given.references, given.thresholds.reference_error)


def check_reference(results: Mapping[str, ReferenceError], threshold: Threshold) -> tuple[Check, ...]:
    """The component of the finite reference sample in mu_hat of each data set, over the error of mu_hat."""
    checks = []
    for data, result in results.items():
        name = REFERENCE.of(data=data)
        events = f"{result.effective:.3g} effective reference events for each expected one"
        if result.of_sigma is None:
            checks.append(undecided(name, threshold, f"no covariance: the best fit is on a bound; {events}"))
            continue
        if result.of_sigma > threshold.warn:
            # The component falls with the square root of the number of events.
            events += f"; simulate {(result.of_sigma / threshold.warn) ** 2:.2g} times as many"
        checks.append(at_most(name, result.of_sigma, threshold, detail=events))
    return tuple(checks)
