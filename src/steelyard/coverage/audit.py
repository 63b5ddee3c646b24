"""Audit of the belt with independently simulated experiments.

Pseudo-experiments re-use the reference events and believe the learned ratios. The audit does neither: it simulates
whole experiments from the true model, fits them with the learned ratios (does the belt cover the truth?) and with the
exact likelihood (are the critical values those that the true model has?). Where a data set's toys are thrown at its own
conditional fit, so they are for an experiment: it is accepted or not by the critical value c(mu, alpha) at the fit of
its nuisance parameters at the tested mu, see :mod:`steelyard.coverage.critical_surface`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from steelyard.coverage.critical_surface import CriticalSurfaces
from steelyard.coverage.experiment_fits import FittedExperiments
from steelyard.inference.belts import Belt, CriticalValue, critical_value
from steelyard.inference.intervals import curve
from steelyard.inference.toy_fits import Status


@dataclass(frozen=True)
class Coverage:
    """How often the belt's set contains the true value.

    ``error`` is binomial at the nominal level, from the experiments and from the toys behind the critical value.
    """

    level: float
    covered: int
    experiments: int
    fraction: float
    error: float
    pull: float


@dataclass(frozen=True)
class CriticalComparison:
    """Critical value of the learned belt against that of simulated experiments fitted with the exact likelihood.

    ``pull`` is their difference over the quadratic sum of the two binomial errors on the relevant sides.
    """

    level: float
    learned: CriticalValue
    exact: CriticalValue
    pull: float


@dataclass(frozen=True)
class AuditPoint:
    """The audit at one true value of the parameter and of the nuisance parameters.

    Attributes:
        mu: true value of the parameter.
        failed: experiments whose fit failed.
        coverage, critical: one a level. The critical values are compared at nominal nuisance parameters only, where
            toys of the belt, or some of those behind c(mu, alpha), were thrown.
        nuisances: true values of the nuisance parameters that are not nominal.
    """

    mu: float
    failed: int
    coverage: tuple[Coverage, ...]
    critical: tuple[CriticalComparison, ...]
    nuisances: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """The audit at all its points."""

    points: tuple[AuditPoint, ...]


def compare(experiments: list[FittedExperiments], critical: Belt | CriticalSurfaces, to_coordinate: Callable) -> Audit:
    """Coverage of the belt and agreement of its critical values with the exact likelihood's, at every audited point.

    Args:
        experiments: those of each point.
        critical: one belt for all of them, or the critical values that depend on their nuisance parameters.
        to_coordinate: from the parameter to the fit coordinate, in which a belt is interpolated.
    """
    return Audit(points=tuple(_compare(point, critical, to_coordinate) for point in experiments))


def _compare(point: FittedExperiments, belt: Belt | CriticalSurfaces, to_coordinate: Callable) -> AuditPoint:
    mu, learned, exact = point.mu, point.learned, point.exact
    usable = learned.status <= Status.AT_BOUND
    coverage, critical = [], []
    surface = None if isinstance(belt, Belt) else belt.at(mu)
    for level in belt.levels if surface is None else surface.levels:
        # The critical value is an estimate too: the toys behind it add to the error.
        if surface is None:
            expected = _critical_at(belt, level, mu, to_coordinate)
            limit, thrown = expected.value, np.sqrt(level * (1.0 - level) / min(point.toys for point in belt.points))
        else:
            expected, conditional = surface.nominal[str(level)], learned.conditional[usable]
            limit, thrown = surface.critical(level, conditional), surface.coverage_error(level, conditional)
        # A failed fit is not a covered experiment: it counts as missed.
        covered = int(np.count_nonzero(learned.t[usable] <= limit))
        total = len(learned.t)
        error = float(np.hypot(np.sqrt(level * (1.0 - level) / total), thrown))
        fraction = covered / total
        coverage.append(Coverage(level, covered, total, fraction, error, (fraction - level) / error))
        if point.nuisances:
            continue
        truth = critical_value(exact.t[exact.status <= Status.AT_BOUND], level)
        critical.append(CriticalComparison(level, expected, truth, _pull(expected, truth)))
    return AuditPoint(mu, int(np.count_nonzero(~usable)), tuple(coverage), tuple(critical), point.nuisances)


def _critical_at(belt: Belt, level: float, mu: float, to_coordinate: Callable) -> CriticalValue:
    place = to_coordinate(np.array([point.mu for point in belt.points]))
    values = [point.critical[str(level)] for point in belt.points]
    here = to_coordinate(mu)
    return CriticalValue(
        *(
            float(curve(place, np.array([getattr(value, name) for value in values]))(here))
            for name in ("value", "low", "high")
        )
    )


def _pull(first: CriticalValue, second: CriticalValue) -> float:
    lower, upper = (first, second) if first.value < second.value else (second, first)
    error = np.hypot(lower.high - lower.value, upper.value - upper.low)
    # Infinite where the toys are too few for the level: nothing to compare.
    return float((first.value - second.value) / error) if 0.0 < error < np.inf else 0.0
