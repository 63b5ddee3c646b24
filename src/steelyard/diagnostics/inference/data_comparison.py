"""Data against simulation in the parameterised ratio, for any value of the parameter."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, xlogy  # scipy.stats takes half a second to import

from steelyard.checks import Check, Kind, Level, Threshold, at_least
from steelyard.diagnostics.inference.data_support import DataSupport
from steelyard.errors import ModelError
from steelyard.regions.binning import bin_index, histogram, quantile_edges

# Chances of a worse agreement: one warning in 100 good analyses, one failure in 1000.
DATA = Kind(
    title="Data against simulation",
    name="data against simulation at {value}",
    levels={
        "data_agreement": Level(
            0.01, 0.001, "Chance of a worse agreement of the observed data with the best fit.", falling=True
        ),
    },
    remedy="look at the picture: where the data differ, and whether selection and units are those of the simulation",
    picture="data_comparison",
)
P_VALUE = DATA.default("data_agreement")

BINS = 20
# Expected events a bin from which on the deviance is about a chi2: with fewer in all there are fewer bins.
EVENTS_PER_BIN = 10.0


@dataclass(frozen=True)
class DataComparison:
    """Observed and expected events in bins of log p(x|mu)/p_ref(x).

    Attributes:
        mu: the parameter value, of the observable and of the expectation.
        edges: (B+1,) edges of equal expectation.
        observed: (B,) events.
        expected: (B,) expected events.
        error: (B,) statistical error of the expectation.
        deviance: Poisson likelihood ratio against the saturated model with room for the errors of the expectation,
            about chi2 of B degrees of freedom.
        p_value: chance of a larger deviance.
        check: verdict on the p-value.
        support: the observed events' features against those of the reference.
    """

    mu: float
    edges: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    error: np.ndarray
    deviance: float
    p_value: float
    check: Check
    support: DataSupport | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        return (self.check,) if self.support is None else (self.check, self.support.check)


def compare_data(
    mu: float,
    coefficients: np.ndarray,
    intensities: np.ndarray,
    weights: np.ndarray,
    observed: np.ndarray,
    bins: int = BINS,
    p_value: float | Threshold = P_VALUE,
    support: DataSupport | None = None,
) -> DataComparison:
    r"""Histogram data and model in the observable that the likelihood at mu sees.

    Deviance :math:`D = 2\sum_b\frac{\nu_b}{\nu_b+\sigma_b^2}[\nu_b - n_b + n_b\ln(n_b/\nu_b)]` (Baker and Cousins, NIM
    221 (1984) 437), where the factor makes room for the error of the expectation itself, from the finite reference:
    without it large data of the very same density disagree with any simulation. Fitted parameters are not subtracted
    from the degrees of freedom, so at the best fit the p-value is slightly large.

    Args:
        mu: parameter value.
        coefficients: (C,) f_c there.
        intensities: (n, C) nu_c r_c(x_i) of the reference events.
        weights: (n,) reference weights of sum one.
        observed: (N, C) nu_c r_c of the observed events.
        bins: largest number of bins; about 10 expected events each make the deviance a chi2.
        p_value: lower levels.
        support: of the observed events, to be kept with the result.

    Raises:
        ModelError: an intensity is not positive.
    """
    coefficients = np.asarray(coefficients)
    intensity, data = np.asarray(intensities) @ coefficients, np.asarray(observed) @ coefficients
    bad = int(np.count_nonzero((intensity <= 0.0) & (weights != 0.0))) + int(np.count_nonzero(data <= 0.0))
    if bad:
        raise ModelError(f"{bad} events have no positive density at {mu:g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        values, data = np.log(intensity), np.log(data)
    expected_weights = weights * intensity
    used = weights != 0.0
    bins = min(bins, max(1, int(expected_weights[used].sum() / EVENTS_PER_BIN)))
    edges = quantile_edges(values[used], bins, expected_weights[used])
    index, count = bin_index(values[used], edges), len(edges) - 1
    expected, squares = (histogram(index, expected_weights[used] ** power, count) for power in (1, 2))
    counts = np.bincount(bin_index(data, edges), minlength=count).astype(float)
    room = expected / (expected + squares)
    deviance = float(2.0 * (room * (expected - counts + xlogy(counts, counts / expected))).sum())
    chance = float(chdtrc(count, deviance))
    words = f"deviance {deviance:.1f} in {count} bins" + ("" if len(data) else ", no observed event")
    return DataComparison(
        mu=mu,
        edges=edges,
        observed=counts,
        expected=expected,
        error=np.sqrt(squares),
        deviance=deviance,
        p_value=chance,
        check=at_least(DATA.of(value=f"{mu:.3g}"), chance, p_value, words),
        support=support,
    )
