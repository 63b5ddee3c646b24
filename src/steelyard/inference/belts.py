"""The Neyman construction: critical values from pseudo-experiments, and the sets of parameter values they accept."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import ModelError
from steelyard.inference.fit import Scan
from steelyard.inference.intervals import HUGE, Ends, Segments, accepted, curve, ends, wald_threshold
from steelyard.inference.significance import (
    ExpectedSignificance,
    Significance,
    expected_significance,
    significance_against,
)
from steelyard.inference.toy_fits import Status, ToyFits
from steelyard.model.mixture import Mixture

Curve = Callable[[np.ndarray], np.ndarray]

# Rounding of level (T + 1), which is a whole number for round levels and numbers of toys.
ROUNDING = 1e-9


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
    """Confidence sets of one data set at one level: by toys, and by Wald's approximation.

    Attributes:
        level: confidence level.
        neyman: segments by toys; absent where there are none.
        asymptotic: segments by Wald's approximation.
        neyman_ends, asymptotic_ends: what both ends of each segment are
            (:data:`steelyard.inference.intervals.End`).
        neyman_errors: errors of both ends of each segment from the finite number of toys; zero at an end that is no
            crossing.
        simulation: segments by toys with the uncertainty of t from finite simulation and training; absent where it was
            not asked for.
        simulation_ends: what their ends are.
    """

    level: float
    neyman: list[tuple[float, float]] | None = None
    asymptotic: list[tuple[float, float]] = field(default_factory=list)
    neyman_ends: Ends | None = None
    asymptotic_ends: Ends | None = None
    neyman_errors: list[tuple[float, float]] | None = None
    simulation: list[tuple[float, float]] | None = None
    simulation_ends: Ends | None = None


@dataclass(frozen=True)
class BestFit:
    """What a reader must know of the fit that everything is relative to.

    Attributes:
        bound: the bound of its range on which the parameter of interest ended, ``lower`` or ``upper``.
        nuisances_at_bounds: names of the nuisance parameters that ended on a bound.
        valid: the minimiser's verdict.
        not_converged: number of conditional fits of the scan that did not converge.
    """

    bound: str | None = None
    nuisances_at_bounds: tuple[str, ...] = ()
    valid: bool = True
    not_converged: int = 0


@dataclass(frozen=True)
class Inference:
    """What a belt says of one data set.

    Attributes:
        hat: best fit.
        intervals: confidence sets, one a level.
        significance: against the lower bound of the parameter.
        fit: what is special about the best fit.
        searched: range of the parameter that belt and scan have in common, where sets by toys were searched.
        scanned: range of the scan, where Wald's were.
        bounds: physical range of the parameter.
        expected: what toys at the nominal value say against the lower bound; Asimov data only.
    """

    hat: float
    intervals: tuple[Interval, ...]
    significance: Significance
    fit: BestFit | None = None
    searched: tuple[float, float] | None = None
    scanned: tuple[float, float] | None = None
    bounds: tuple[float, float] | None = None
    expected: ExpectedSignificance | None = None


def critical_value(t: np.ndarray, level: float) -> CriticalValue:
    """The ``level`` quantile of toys' t (T,) that covers, and its binomial error from order statistics.

    The value is the order statistic of number k = ceil(level (T + 1)): a further experiment, which is one of T + 1 that
    are alike, has t at or below it with probability k/(T + 1) >= level for any continuous distribution. Quantiles that
    interpolate (numpy's default) undercover by up to 1/T. Where k exceeds T the largest t is not enough, and the
    critical value is infinite: it takes level/(1 - level) toys, 21 at 95.45 %.

    The number of toys below the true quantile is binomial(T, level), so the order statistics at
    T level -/+ sqrt(T level (1-level)) bracket it at 68.27 %, whatever the distribution of t. The upper one cannot be
    larger than the largest t.

    Raises:
        ModelError: no toys.
    """
    t = np.sort(np.asarray(t, dtype=float))
    if not len(t):
        raise ModelError("no successful pseudo-experiment to take a critical value from")
    centre, spread = len(t) * level, np.sqrt(len(t) * level * (1.0 - level))
    low, high = (int(np.clip(round(centre + sign * spread), 1, len(t))) - 1 for sign in (-1.0, 1.0))
    number = int(np.ceil(level * (len(t) + 1) - ROUNDING))
    if number > len(t):
        return CriticalValue(value=np.inf, low=float(t[low]), high=np.inf)
    value = float(t[number - 1])
    return CriticalValue(value=value, low=min(float(t[low]), value), high=max(float(t[high]), value))


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


def with_uncertainty(t: np.ndarray, sigma_t: np.ndarray) -> np.ndarray:
    r"""The test statistic of a result whose t is known to sigma_t only, both (G,).

    .. math:: t_\mathrm{MC} = \frac{t}{1+\sigma_t^2/4t}

    Where :math:`t=(\mu-\hat\mu)^2/\sigma^2` and :math:`\hat\mu` has the uncertainty s of its own,
    :math:`\sigma_t^2=4t\,(s/\sigma)^2` and this is :math:`(\mu-\hat\mu)^2/(\sigma^2+s^2)` exactly. It is never larger
    than t, and zero where t is or sigma_t is infinite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        smaller = 4.0 * t**2 / (4.0 * t + np.asarray(sigma_t) ** 2)
    return np.where((t > 0.0) & np.isfinite(t), np.nan_to_num(smaller), t)


def invert(
    belt: Belt, scan: Scan, mixture: Mixture, sigma_t: Callable[[np.ndarray], np.ndarray] | None = None
) -> tuple[Interval, ...]:
    r"""The accepted sets {mu: t(mu) <= c(mu)} of a data set, within the range that belt and scan have in common.

    Both curves are interpolated in the fit coordinate; that of t runs through the best fit too, where it is zero. An
    end at the edge of that range is a bound of the parameter, or open. The toys' error of the critical value moves an
    end by :math:`\delta\mu = \delta c\,/\,|d(t-c)/d\mu|`, with :math:`\delta c` half of the 68.27 % range,
    interpolated along the belt. With the uncertainty ``sigma_t`` of t from finite simulation and training, at values of
    the parameter, there are the sets of :func:`with_uncertainty` too, at the same critical values.
    """
    place = np.array([point.mu for point in belt.points])
    best = _within(scan, mixture)
    mu, values = np.append(scan.mu, best), np.append(np.minimum(scan.t, HUGE), np.zeros(len(best)))
    order = np.argsort(mu)
    knots = mixture.to_coordinate(mu[order])
    t = curve(knots, values[order])
    less = t if sigma_t is None else curve(knots, with_uncertainty(values[order], sigma_t(mu[order])))
    searched, scanned, bounds = searched_range(belt, scan), scan_range(scan), mixture.bounds

    def search(critical, reach: tuple[float, float], points: np.ndarray, t: Curve = t) -> Segments:
        """Segments of the parameter; a root and its power do not give the edges of the range back exactly."""
        low, high = (float(mixture.to_coordinate(edge)) for edge in reach)
        edges = {low: reach[0], high: reach[1]}
        found = accepted(t, critical, low, high, points)
        return [tuple(edges.get(end, float(mixture.to_parameter(end))) for end in segment) for segment in found]

    intervals = []
    for level in belt.levels:
        found = [point.critical[str(level)] for point in belt.points]
        critical = curve(mixture.to_coordinate(place), np.array([value.value for value in found]))
        wald = wald_threshold(level)
        neyman = search(critical, searched, np.append(knots, mixture.to_coordinate(place)))
        asymptotic = search(lambda x, wald=wald: np.full_like(x, wald, dtype=float), scanned, knots)
        kinds, wider = ends(neyman, searched, bounds), None
        if sigma_t is not None:
            wider = search(critical, searched, np.append(knots, mixture.to_coordinate(place)), less)
        error = curve(mixture.to_coordinate(place), np.array([0.5 * (value.high - value.low) for value in found]))
        intervals.append(
            Interval(
                level=level,
                neyman=neyman,
                asymptotic=asymptotic,
                neyman_ends=kinds,
                asymptotic_ends=ends(asymptotic, scanned, bounds),
                neyman_errors=[
                    tuple(
                        _end_error(t, critical, error, mixture, end) if kind == "crossing" else 0.0
                        for end, kind in zip(segment, pair, strict=True)
                    )
                    for segment, pair in zip(neyman, kinds, strict=True)
                ],
                simulation=wider,
                simulation_ends=None if wider is None else ends(wider, searched, bounds),
            )
        )
    return tuple(intervals)


def scan_range(scan: Scan) -> tuple[float, float]:
    """The range of the parameter that a scan covers."""
    return float(scan.mu[0]), float(scan.mu[-1])


def searched_range(belt: Belt, scan: Scan) -> tuple[float, float]:
    """The range of the parameter that belt and scan have in common."""
    low, high = scan_range(scan)
    return max(low, float(belt.points[0].mu)), min(high, float(belt.points[-1].mu))


def best_fit(scan: Scan, bounds: tuple[float, float]) -> BestFit:
    """What is special about the fit of a scan."""
    fit = scan.fit
    middle = 0.5 * (bounds[0] + bounds[1])
    return BestFit(
        bound=("upper" if fit.hat > middle else "lower") if fit.at_bound else None,
        nuisances_at_bounds=tuple(name for name in fit.bounds_hit if name in fit.nuisances),
        valid=fit.valid,
        not_converged=scan.not_converged,
    )


def infer(
    belt: Belt,
    scan: Scan,
    mixture: Mixture,
    toys: dict[float, ToyFits],
    signal: tuple[float, ToyFits] | None = None,
    sigma_t: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Inference:
    """Confidence sets of a scanned data set, and its significance against the lower bound of the parameter.

    Args:
        belt, scan, mixture: critical values, t of the data, and the range of the parameter.
        toys: the pseudo-experiments by tested value; those at the lower bound give the significance's p-value.
        signal: where further pseudo-experiments were thrown, and their fits with the lower bound as tested value.
        sigma_t: uncertainty of t from finite simulation and training, to be in sets of their own.
    """
    lowest = float(mixture.bounds[0])
    evidence = significance_against(lowest, scan.t_lower_bound, toys.get(lowest))
    expected = None
    if signal is not None and lowest in toys:
        expected = expected_significance(signal[0], lowest, signal[1], toys[lowest])
    return Inference(
        hat=scan.fit.hat,
        intervals=invert(belt, scan, mixture, sigma_t),
        significance=evidence,
        fit=best_fit(scan, mixture.bounds),
        searched=searched_range(belt, scan),
        scanned=scan_range(scan),
        bounds=tuple(float(bound) for bound in mixture.bounds),
        expected=expected,
    )


def _within(scan: Scan, mixture: Mixture) -> np.ndarray:
    """The best fit, if it lies between the points of the scan and is none of them."""
    low, high = scan_range(scan)
    apart = np.min(np.abs(mixture.to_coordinate(scan.mu) - mixture.to_coordinate(scan.fit.hat)))
    reach = 1e-6 * abs(float(np.diff(mixture.to_coordinate(np.array([low, high])))[0]))
    return np.array([scan.fit.hat] if low < scan.fit.hat < high and apart > reach else [])


def _end_error(t, critical, error, mixture: Mixture, end: float) -> float:
    """Error of an end of a set from that of the critical value there."""
    x, step = float(mixture.to_coordinate(end)), 1e-5 * float(np.ptp(mixture.coordinate_bounds))
    slopes = []
    for side in (-step, step):  # outside of belt or scan there is no curve
        difference = float(t(np.array(x + side)) - critical(np.array(x + side)))
        here = float(t(np.array(x)) - critical(np.array(x)))
        if np.isfinite(difference) and np.isfinite(here):
            slopes.append((difference - here) / side)
    slope, shift = abs(float(np.mean(slopes))) if slopes else 0.0, float(error(np.array(x)))
    if not (slope > 0.0 and np.isfinite(shift)):
        return float("inf")
    return float(abs(mixture.coefficients.coordinate.slope(x)) * shift / slope)
