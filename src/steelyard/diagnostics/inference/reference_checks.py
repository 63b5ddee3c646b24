"""Verdicts on the size of the reference sample: what its fluctuation adds to the error of the result."""

from collections.abc import Mapping

from steelyard.checks import Check, Levels, at_most, undecided
from steelyard.finite_simulation.reference_error import ReferenceError

# In units of the error of mu_hat: 0.1 adds 0.5 % to it in quadrature, 0.3 adds 4.4 %.
OF_SIGMA = Levels(warn=0.1, fail=0.3)


def check_reference(results: Mapping[str, ReferenceError]) -> tuple[Check, ...]:
    """The component of the finite reference sample in mu_hat of each data set, over the error of mu_hat."""
    checks = []
    for data, result in results.items():
        name = f"reference sample over the error of the fit, {data} data"
        events = f"{result.effective:.3g} effective reference events for each expected one"
        if result.of_sigma is None:
            checks.append(undecided(name, OF_SIGMA, f"no covariance: the best fit is on a bound; {events}"))
            continue
        if result.of_sigma > OF_SIGMA.warn:
            # The component falls with the square root of the number of events.
            events += f"; simulate {(result.of_sigma / OF_SIGMA.warn) ** 2:.2g} times as many"
        checks.append(at_most(name, result.of_sigma, OF_SIGMA, detail=events))
    return tuple(checks)
