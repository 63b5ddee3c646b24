"""Evidence against the lower bound of the parameter, of one data set and of pseudo-experiments of a signal."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtr  # scipy.stats takes half a second to import

from steelyard.errors import ModelError
from steelyard.inference.intervals import one_sided_significance, significance
from steelyard.inference.toy_fits import Status, ToyFits

# Cumulative probabilities of the median and of the edges of the central 68.27 and 95.45 % bands, rising.
BANDS = (0.02275, 0.15865, 0.5, 0.84135, 0.97725)

# Toys as extreme as the data that give a p-value to 10 %.
TAIL = 100


@dataclass(frozen=True)
class Significance:
    """Evidence against the lower bound of the parameter, in standard deviations.

    Attributes:
        tested: the parameter value tested.
        t: observed (or expected) test statistic there.
        asymptotic: sqrt(t): the two-sided reading if t follows chi2_1, the one-sided one if it does in half of the
            experiments and is zero in the others.
        neyman: two-sided reading of the toys' p-value, Phi^-1(1 - p/2); a lower limit where ``is_limit``.
        p_value: (n + 1)/(T + 1) for n of T toys at least as extreme, then the 68.27 % Clopper-Pearson range of the
            probability itself.
        is_limit: no toy was as extreme, so both readings are taken from the upper end of that range.
        one_sided: the other reading, Phi^-1(1 - p).
        toys: T.
        at_zero: fraction of the toys with t = 0, those whose best fit is the tested value.
    """

    tested: float
    t: float
    asymptotic: float
    neyman: float | None = None
    p_value: tuple[float, float, float] | None = None
    is_limit: bool = False
    one_sided: float | None = None
    toys: int | None = None
    at_zero: float | None = None


@dataclass(frozen=True)
class ExpectedSignificance:
    """What pseudo-experiments thrown at one parameter value say against another: median and bands.

    Not the same as the Asimov data's significance: t is not linear in the data, and its distribution is skewed.

    Attributes:
        thrown: where they were thrown.
        tested: the value that they are tested at.
        toys, failed: how many, and how many of their fits failed (left out).
        t: quantiles of t at the cumulative probabilities :data:`BANDS`: edges of the 95 % and 68 % bands, median.
        neyman, one_sided: the two readings of the p-values of these t by the toys thrown at ``tested``.
        is_limit: for each, no toy at ``tested`` was as extreme.
        error: of the median of t, half of the 68.27 % range of its order statistics.
    """

    thrown: float
    tested: float
    toys: int
    failed: int
    t: tuple[float, ...]
    neyman: tuple[float, ...]
    one_sided: tuple[float, ...]
    is_limit: tuple[bool, ...]
    error: float | None = None


def significance_against(tested: float, t: float, toys: ToyFits | None = None) -> Significance:
    r"""Evidence against the parameter value ``tested`` from its t, by toys thrown there if there are any.

    The p-value is (n + 1)/(T + 1), which is at most the wanted probability as often as it says whatever T is, and which
    is at most 1 - level exactly where t exceeds the critical value of that level
    (:func:`steelyard.inference.belts.critical_value`).

    Two readings, since two conventions are in use: two-sided, Phi^-1(1 - p/2), says at which confidence level the
    tested value leaves the accepted set; one-sided, Phi^-1(1 - p), is that of discoveries (arXiv:1007.1727). Both are
    functions of the same p. The asymptotic formula of the latter needs t to be zero in half of the toys at the bound.
    With interference it is not: a small parameter lowers the expectation, so that fluctuations of either sign pull
    the best fit away from the bound; ``at_zero`` says how it is.
    """
    asymptotic = float(np.sqrt(max(t, 0.0)))
    if toys is None:
        return Significance(tested=tested, t=t, asymptotic=asymptotic)
    usable = _usable(toys)
    extreme, total = int(np.count_nonzero(usable >= t)), len(usable)
    if not total:
        raise ModelError(f"no successful pseudo-experiment at {tested:g} to take a p-value from")
    tail = 0.5 * (1.0 - 0.6827)
    low = float(betaincinv(extreme, total - extreme + 1, tail)) if extreme else 0.0
    high = float(betaincinv(extreme + 1, total - extreme, 1.0 - tail)) if extreme < total else 1.0
    p_value = (extreme + 1) / (total + 1)
    quoted = p_value if extreme else high
    return Significance(
        tested=tested,
        t=t,
        asymptotic=asymptotic,
        neyman=significance(quoted),
        p_value=(p_value, low, high),
        is_limit=extreme == 0,
        one_sided=one_sided_significance(quoted),
        toys=total,
        at_zero=float(np.mean(usable <= 0.0)),
    )


def expected_significance(thrown: float, tested: float, signal: ToyFits, lowest: ToyFits) -> ExpectedSignificance:
    """Median and bands of the significance against ``tested`` in experiments at ``thrown``.

    Args:
        thrown, tested: parameter values.
        signal: toys thrown at ``thrown`` and tested at ``tested``.
        lowest: toys thrown and tested at ``tested``, whose tail gives the p-values.

    Raises:
        ModelError: no successful toy.
    """
    usable = _usable(signal)
    if not len(usable):
        raise ModelError(f"no successful pseudo-experiment at {thrown:g} to take an expected significance from")
    quantiles = np.quantile(usable, BANDS)
    # The number of toys below the true median is binomial(T, 1/2).
    spread = 0.5 / math.sqrt(len(usable))
    low, high = np.quantile(usable, (max(0.5 - spread, 0.0), min(0.5 + spread, 1.0)))
    found = [significance_against(tested, float(t), lowest) for t in quantiles]
    return ExpectedSignificance(
        thrown=float(thrown),
        tested=float(tested),
        toys=len(signal.t),
        failed=len(signal.t) - len(usable),
        t=tuple(quantiles.tolist()),
        neyman=tuple(evidence.neyman for evidence in found),
        one_sided=tuple(evidence.one_sided for evidence in found),
        is_limit=tuple(evidence.is_limit for evidence in found),
        error=0.5 * float(high - low),
    )


def toys_needed(t: float, tail: int = TAIL) -> float:
    """Toys at the tested value of which some ``tail`` exceed t, if t follows chi2_1: tail / (2 Phi(-sqrt(t))).

    100 in the tail give p to 10 %, an error of 0.03 on Z = 3: 37,000 toys; none in it, a limit.
    """
    p_value = 2.0 * float(ndtr(-math.sqrt(max(t, 0.0))))
    return tail / p_value if p_value > 0.0 else math.inf


def _usable(toys: ToyFits) -> np.ndarray:
    return toys.t[toys.status <= Status.AT_BOUND]
