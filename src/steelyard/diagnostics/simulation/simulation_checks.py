"""Is the expected t(mu) known well enough from this much simulation and training? No exact likelihood is needed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check, Kind, Level, at_most
from steelyard.diagnostics.simulation.simulation_point import SimulationPoint
from steelyard.diagnostics.stages import SimulationInputs, run_registered
from steelyard.finite_simulation.simulation_error import SimulationError
from steelyard.inference.fit import Scan

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

SIMULATION = Kind(
    title="Error of t from simulation and training",
    name="error of t(mu) from simulation and training",
    levels={
        "simulation": Level(
            0.5,
            1.0,
            "Predicted error of t(mu) from finite simulation and training over the larger of scan_absolute and "
            "scan_relative * t, at its worst.",
        ),
    },
    remedy="do what the list of next steps says, which is made from this error's parts",
    picture="simulation_error",
)

# Beside the points that matter, every point counts where t is at most this: within three standard deviations.
REACH = 9.0
# Points along the scan.
POINTS = 11


@dataclass(frozen=True)
class SimulationDiagnosis:
    """The error of t(mu) along the scan, at the points that matter, and the verdict.

    Attributes:
        error: along the scan.
        allowance: (G,) what sigma_t may be.
        points: those that matter, the worst one last.
        checks: the verdict, and those of the diagnostics that are registered for this stage.
    """

    error: SimulationError
    allowance: np.ndarray
    points: tuple[SimulationPoint, ...]
    checks: tuple[Check, ...]


def scan_points(scan: Scan, nominal: float, number: int = POINTS) -> np.ndarray:
    """Numbers of the points of a scan to look at: about ``number`` at equal distances, and all that matter."""
    mu, t = np.asarray(scan.mu, dtype=float), np.asarray(scan.t, dtype=float)
    even = np.linspace(0, len(scan.mu) - 1, min(number, len(scan.mu))).round().astype(int)
    return np.unique(np.concatenate([even, [index for _, index in _named(mu, t, nominal)]]).astype(int))


def diagnose_simulation(error: SimulationError, nominal: float, thresholds: "Thresholds") -> SimulationDiagnosis:
    """Judge the predicted error of t(mu) at the lower end of the scan, at the other extrema of t, at twice the nominal
    parameter, and wherever t is at most ``REACH``.

    Args:
        error: along a scan of the expected data.
        nominal: their parameter.
        thresholds: ``simulation``, ``scan_absolute`` and ``scan_relative``.
    """
    known = np.isfinite(error.sigma_t)
    allowance = np.maximum(thresholds.scan_absolute, thresholds.scan_relative * np.where(known, error.corrected, 0.0))
    quotient = error.sigma_t / allowance
    named = _named(error.mu, error.t, nominal)
    counts = ~(np.fmin(error.t, error.corrected) > REACH)
    counts[[index for _, index in named]] = True
    worst = int(np.argmax(np.where(counts, quotient, -np.inf)))
    points = tuple(_point(error, allowance, name, index) for name, index in (*named, ("worst", worst)))
    check = at_most(
        SIMULATION.of(),
        float(quotient[worst]),
        thresholds.simulation,
        detail=_detail(points[-1]),
    )
    further = run_registered(SimulationInputs(error, nominal, thresholds))
    return SimulationDiagnosis(error, allowance, points, (check, *further))


def _named(mu: np.ndarray, t: np.ndarray, nominal: float) -> list[tuple[str, int]]:
    """Names and numbers of the points that matter on a scan with one point at or near the nominal value."""
    found = [("lower bound", 0)]
    best = int(np.argmin(np.abs(mu - nominal)))
    for index in range(1, len(mu) - 1):
        before, here, after = t[index - 1 : index + 2]
        if here < before and here < after and abs(index - best) > 1:
            found.append(("other minimum", index))
        elif here > before and here > after:
            found.append(("maximum", index))
    if mu[0] <= 2.0 * nominal <= mu[-1]:
        found.append(("twice nominal", int(np.argmin(np.abs(mu - 2.0 * nominal)))))
    return found


def _point(error: SimulationError, allowance: np.ndarray, name: str, index: int) -> SimulationPoint:
    return SimulationPoint(
        name=name,
        mu=float(error.mu[index]),
        t=float(error.t[index]),
        sigma_t=float(error.sigma_t[index]),
        allowance=float(allowance[index]),
        bias=float(error.bias[index]),
        bias_error=float(error.bias_error[index]),
        events={sample: float(values[index]) for sample, values in error.events.items()},
        noise=float(error.noise[index]),
        members=None if error.members is None else float(error.members[index]),
        reference=None if error.reference is None else float(error.reference[index]),
    )


def _detail(point: SimulationPoint) -> str:
    parts = [f"training events of {name} {value:.2g}" for name, value in point.events.items()]
    if point.members is not None:
        parts.append(f"members {point.members:.2g}")
    if point.reference is not None:
        parts.append(f"reference {point.reference:.2g}")
    return (
        f"t = {point.t:.3g} \N{PLUS-MINUS SIGN} {point.sigma_t:.2g} at {point.mu:g}, allowed {point.allowance:.2g}; "
        f"bias by unseen events {point.bias:+.2g} \N{PLUS-MINUS SIGN} {point.bias_error:.2g}; to first order "
        f"{', '.join(parts)}"
    )
