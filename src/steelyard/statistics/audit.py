"""Audit of the belt with independently simulated experiments.

Pseudo-experiments re-use the reference events and believe the learned ratios. The audit does neither: it simulates
whole experiments from the true model, fits them with the learned ratios (does the belt cover the truth?) and with the
exact likelihood (are the critical values those that the true model has?).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steelyard.outputs import whole
from steelyard.statistics.belts import Belt, CriticalValue, critical_value
from steelyard.statistics.intervals import curve
from steelyard.statistics.mixture import Mixture
from steelyard.statistics.toy_fits import Status, ToyFits, fit_toys


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
    """The audit at one true value of the parameter."""

    mu: float
    failed: int
    coverage: tuple[Coverage, ...]
    critical: tuple[CriticalComparison, ...]


@dataclass(frozen=True)
class Audit:
    """The audit at all its points."""

    points: tuple[AuditPoint, ...]


def fit_experiments(
    learned: Mixture, exact: Mixture, learned_rates: np.ndarray, exact_rates: np.ndarray, offsets: np.ndarray, mu: float
) -> tuple[ToyFits, ToyFits]:
    """t(mu) of the same experiments, thrown at ``mu``, with the learned rates and with the exact ones (M, C)."""
    return fit_toys(learned, learned_rates, offsets, mu), fit_toys(exact, exact_rates, offsets, mu)


def save_experiments(mu: float, learned: ToyFits, exact: ToyFits, path: str | os.PathLike) -> None:
    """Write the fits of the simulated experiments of one point as ``.npz``."""
    with whole(path) as temporary:
        np.savez(
            temporary,
            mu=mu,
            **{
                f"{name}_{field}": getattr(fits, field)
                for name, fits in (("learned", learned), ("exact", exact))
                for field in ("t", "hat", "events", "status")
            },
        )


def load_experiments(path: str | os.PathLike) -> tuple[float, ToyFits, ToyFits]:
    """Read what :func:`save_experiments` wrote: the true value, the learned and the exact fits."""
    with np.load(path) as file:
        learned, exact = (
            ToyFits(*(file[f"{name}_{field}"] for field in ("t", "hat", "events", "status")))
            for name in ("learned", "exact")
        )
        return float(file["mu"]), learned, exact


def compare(experiments: list[tuple[float, ToyFits, ToyFits]], belt: Belt, to_coordinate: Callable) -> Audit:
    """Coverage of the belt and agreement of its critical values with the exact likelihood's, at every audited point."""
    return Audit(points=tuple(_compare(*point, belt, to_coordinate) for point in experiments))


def _compare(mu: float, learned: ToyFits, exact: ToyFits, belt: Belt, to_coordinate: Callable) -> AuditPoint:
    usable = learned.status <= Status.AT_BOUND
    coverage, critical = [], []
    for level in belt.levels:
        expected = _critical_at(belt, level, mu, to_coordinate)
        # A failed fit is not a covered experiment: it counts as missed.
        covered = int(np.count_nonzero(learned.t[usable] <= expected.value))
        total = len(learned.t)
        thrown = min(point.toys for point in belt.points)  # the critical value is an estimate too
        error = float(np.sqrt(level * (1.0 - level) * (1.0 / total + 1.0 / thrown)))
        fraction = covered / total
        coverage.append(Coverage(level, covered, total, fraction, error, (fraction - level) / error))
        truth = critical_value(exact.t[exact.status <= Status.AT_BOUND], level)
        critical.append(CriticalComparison(level, expected, truth, _pull(expected, truth)))
    return AuditPoint(mu, int(np.count_nonzero(~usable)), tuple(coverage), tuple(critical))


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
    return float((first.value - second.value) / error) if error > 0.0 else 0.0
