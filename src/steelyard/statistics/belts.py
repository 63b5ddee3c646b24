"""The Neyman construction: critical values from pseudo-experiments, and the sets of parameter values they accept."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv  # scipy.stats takes half a second to import

from steelyard.errors import ModelError
from steelyard.statistics.fits import Scan
from steelyard.statistics.intervals import Segments, accepted, curve, significance, wald_threshold
from steelyard.statistics.mixture import Mixture
from steelyard.statistics.toy_fits import Status, ToyFits


@dataclass(frozen=True)
class CriticalValue:
    """Quantile of t over the toys of one point, with the 68.27 % range of its order statistics."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class BeltPoint:
    """Everything that the toys at one parameter value say.

    Attributes:
        mu: the value at which they were thrown and tested.
        toys: how many were thrown, failed ones included.
        status: how many ended with each status.
        critical: one value for each level, by the level as text.
    """

    mu: float
    toys: int
    status: dict[str, int]
    critical: dict[str, CriticalValue]


@dataclass(frozen=True)
class Belt:
    """Critical values along the parameter, from which any data set's confidence sets follow."""

    levels: tuple[float, ...]
    points: tuple[BeltPoint, ...]


@dataclass(frozen=True)
class Interval:
    """Confidence sets of one data set at one level: by toys, and by Wald's approximation."""

    level: float
    neyman: list[tuple[float, float]]
    asymptotic: list[tuple[float, float]]


@dataclass(frozen=True)
class Significance:
    """Evidence against the lower bound of the parameter, in standard deviations.

    Attributes:
        tested: the parameter value tested.
        t: observed (or expected) test statistic there.
        asymptotic: sqrt(t).
        neyman: from the fraction of toys at least as extreme; a lower limit where no toy was.
        p_value: that fraction, with its 68.27 % Clopper-Pearson range.
        is_limit: no toy was as extreme, so ``neyman`` is only the bound that the number of toys allows.
    """

    tested: float
    t: float
    asymptotic: float
    neyman: float | None = None
    p_value: tuple[float, float, float] | None = None
    is_limit: bool = False


@dataclass(frozen=True)
class Inference:
    """What a belt says of one data set: best fit, confidence sets at each level, significance."""

    hat: float
    intervals: tuple[Interval, ...]
    significance: Significance


def critical_value(t: np.ndarray, level: float) -> CriticalValue:
    """The ``level`` quantile of toys' t (T,), and its binomial error from order statistics.

    The number of toys below the true quantile is binomial(T, level), so the order statistics at
    T level -/+ sqrt(T level (1-level)) bracket it at 68.27 %, whatever the distribution of t.

    Raises:
        ModelError: no toys.
    """
    t = np.sort(np.asarray(t, dtype=float))
    if not len(t):
        raise ModelError("no successful pseudo-experiment to take a critical value from")
    centre, spread = len(t) * level, np.sqrt(len(t) * level * (1.0 - level))
    low, high = (int(np.clip(round(centre + sign * spread), 1, len(t))) - 1 for sign in (-1.0, 1.0))
    return CriticalValue(value=float(np.quantile(t, level)), low=float(t[low]), high=float(t[high]))


def build_belt(toys: dict[float, ToyFits], levels: tuple[float, ...]) -> Belt:
    """Critical values at each parameter value, from its toys; failed fits are counted and left out of the quantile."""
    points = []
    for mu in sorted(toys):
        fits = toys[mu]
        status = {kind.name.lower(): int(np.count_nonzero(fits.status == kind)) for kind in Status}
        usable = fits.t[fits.status <= Status.AT_BOUND]
        critical = {str(level): critical_value(usable, level) for level in levels}
        points.append(BeltPoint(mu=mu, toys=len(fits.t), status=status, critical=critical))
    return Belt(levels=tuple(levels), points=tuple(points))


def invert(belt: Belt, scan: Scan, mixture: Mixture) -> tuple[Interval, ...]:
    """The accepted sets {mu: t(mu) <= c(mu)} of a data set, within the range that belt and scan have in common.

    Both curves are interpolated in the fit coordinate.
    """
    place = np.array([point.mu for point in belt.points])
    t = curve(mixture.to_coordinate(scan.mu), scan.t)
    low, high = (
        float(mixture.to_coordinate(edge)) for edge in (max(place[0], scan.mu[0]), min(place[-1], scan.mu[-1]))
    )
    whole_low, whole_high = (float(edge) for edge in mixture.to_coordinate(scan.mu[[0, -1]]))

    def to_parameter(segments: Segments) -> Segments:
        return [(float(mixture.to_parameter(a)), float(mixture.to_parameter(b))) for a, b in segments]

    intervals = []
    for level in belt.levels:
        values = np.array([point.critical[str(level)].value for point in belt.points])
        critical, wald = curve(mixture.to_coordinate(place), values), wald_threshold(level)
        intervals.append(
            Interval(
                level=level,
                neyman=to_parameter(accepted(t, critical, low, high)),
                asymptotic=to_parameter(accepted(t, lambda x, wald=wald: np.full_like(x, wald), whole_low, whole_high)),
            )
        )
    return tuple(intervals)


def significance_against(tested: float, t: float, toys: ToyFits | None = None) -> Significance:
    """Evidence against the parameter value ``tested`` from its t, by toys thrown there if there are any.

    Asymptotically sqrt(t), by toys from their tail fraction: both say at which confidence level the tested value leaves
    the accepted set. The discovery statistic's one-sided translation (arXiv:1007.1727, equation 12) would need t to be
    zero in half of the toys at the bound. With interference it is not: a small parameter lowers the expectation, so
    that fluctuations of either sign pull the best fit away from the bound.
    """
    asymptotic = float(np.sqrt(max(t, 0.0)))
    if toys is None:
        return Significance(tested=tested, t=t, asymptotic=asymptotic)
    usable = toys.t[toys.status <= Status.AT_BOUND]
    extreme, total = int(np.count_nonzero(usable >= t)), len(usable)
    tail = 0.5 * (1.0 - 0.6827)
    low = float(betaincinv(extreme, total - extreme + 1, tail)) if extreme else 0.0
    high = float(betaincinv(extreme + 1, total - extreme, 1.0 - tail)) if extreme < total else 1.0
    p_value = extreme / total if extreme else high
    return Significance(
        tested=tested,
        t=t,
        asymptotic=asymptotic,
        neyman=significance(p_value),
        p_value=(extreme / total, low, high),
        is_limit=extreme == 0,
    )


def infer(belt: Belt, scan: Scan, mixture: Mixture, toys: dict[float, ToyFits]) -> Inference:
    """Confidence sets of a scanned data set, and its significance against the lower bound of the parameter.

    Args:
        toys: the pseudo-experiments by tested value; those at the lower bound give the significance's p-value.
    """
    lowest = float(mixture.bounds[0])
    evidence = significance_against(lowest, scan.t_lower_bound, toys.get(lowest))
    return Inference(hat=scan.fit.hat, intervals=invert(belt, scan, mixture), significance=evidence)
