"""Would t(mu) change, if the model knew how nuisance parameters act together? By samples in which they are off at once.

The cross term is measured at a point with each parameter at ±1 and scaled with the product of the parameters to where
the fit is (:mod:`steelyard.diagnostics.factorisation.cross_term`): along the fit to the expected data, where nuisance
parameters hardly move; along that to the observed data; and along a fit to data that lie at the point itself, which is
taken to move the nuisance parameters as the one to the expected data does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.checks import Check, Kind, Level, Number, at_most, undecided
from steelyard.diagnostics.factorisation.cross_term import Change, CrossTerm, JointEvents
from steelyard.diagnostics.simulation.simulation_checks import REACH, scan_points
from steelyard.diagnostics.stages import FactorisationInputs, run_registered
from steelyard.inference.fit import Fit, Scan
from steelyard.model.effects import Systematics
from steelyard.regions.unbinned import UnbinnedModel

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Thresholds

FACTORISATION = Kind(
    title="Factorisation",
    name="factorisation at {point}, {where}",
    words={"where": ("expected fit", "observed fit", "data at the point")},
    levels={
        "factorisation": Level(
            0.5,
            1.0,
            "Change of t(mu) by the cross term of nuisance parameters that are off together, over the larger of "
            "scan_absolute and scan_relative * t, at its worst.",
        ),
        "factorisation_events": Number(25_000, "Events of each sample with which it is measured, at most."),
    },
    remedy="quote the change as an uncertainty of t, or define the nuisance parameters such that they act apart",
    picture="factorisation-{point}",
)

EXPECTED, OBSERVED, THERE = FACTORISATION.words["where"]


@dataclass(frozen=True)
class FactorisationCurve:
    """The change of t(mu) by the cross term along one fit; arrays (G,).

    Attributes:
        where: ``expected fit``, ``observed fit`` or ``data at the point``.
        mu: values of the parameter.
        t: without the cross term.
        change: of t.
        error: its statistical error.
        refit: the part of the change by nuisance parameters that follow.
        allowance: what t may change by.
        processes: process: its part of the change, to first order.
        check: verdict on the worst point with t of at most 9.
    """

    where: str
    mu: np.ndarray
    t: np.ndarray
    change: np.ndarray
    error: np.ndarray
    refit: np.ndarray
    allowance: np.ndarray
    processes: dict[str, np.ndarray]
    check: Check


@dataclass(frozen=True)
class FactorisationDiagnosis:
    """What the samples at one joint point say.

    Attributes:
        point: its name.
        alpha: nuisance parameter: +1 or -1.
        events: of the joint samples, with which it was measured.
        log_yields: process: logarithm of its joint yield over the product of the single factors, and its error.
        curves: along the fits.
        further: checks of the diagnostics that are registered for this stage.
    """

    point: str
    alpha: dict[str, float]
    events: int
    log_yields: dict[str, tuple[float, float]]
    curves: tuple[FactorisationCurve, ...]
    further: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        return (*(curve.check for curve in self.curves), *self.further)


def diagnose_factorisation(
    point: str,
    model: UnbinnedModel,
    events: JointEvents,
    scans: Mapping[str, Scan],
    nominal: float,
    thresholds: "Thresholds",
) -> FactorisationDiagnosis:
    """Measure the change of t along the fits by the cross term of one joint point.

    Args:
        point: its name.
        model: whose product is tested.
        events: at the point.
        scans: of the data sets ``asimov`` and perhaps ``observed``.
        nominal: the parameter of the expected data.
        thresholds: ``factorisation``, ``scan_absolute`` and ``scan_relative``.
    """
    cross, systematics = CrossTerm(model, events), model.systematics
    expected = scans["asimov"]
    there = systematics.point(dict(events.alpha))
    curves = [
        _curve(point, EXPECTED, cross, expected, nominal, systematics.nominal, systematics, thresholds),
        _curve(point, THERE, cross, expected, nominal, there, systematics, thresholds),
    ]
    if "observed" in scans:
        scan = scans["observed"]
        best = np.asarray(scan.fit.alpha)
        curves.insert(1, _curve(point, OBSERVED, cross, scan, scan.fit.hat, best, systematics, thresholds))
    return FactorisationDiagnosis(
        point,
        dict(events.alpha),
        len(events.joint.ids),
        cross.log_yields,
        tuple(curves),
        run_registered(FactorisationInputs(point, model, events, scans, nominal, thresholds)),
    )


def _curve(
    point: str,
    where: str,
    cross: CrossTerm,
    scan: Scan,
    data_mu: float,
    data_alpha: np.ndarray,
    systematics: Systematics,
    thresholds: "Thresholds",
) -> FactorisationCurve:
    alpha, t = np.asarray(scan.alpha, dtype=float), np.asarray(scan.t, dtype=float)
    if where == THERE:
        alpha = np.clip(alpha - systematics.nominal + data_alpha, *systematics.bounds.T)
    chosen = [index for index in scan_points(scan, data_mu) if np.isfinite(t[index])]
    mu = np.asarray(scan.mu, dtype=float)[chosen]
    found = cross.changes(
        mu.tolist(), alpha[chosen], conditional_covariance(scan.fit, systematics), data_mu, data_alpha
    )
    known = [index for index, change in enumerate(found) if change is not None]
    changes = [change for change in found if change is not None]
    mu, t = mu[known], t[chosen][known]
    allowance = np.maximum(thresholds.scan_absolute, thresholds.scan_relative * t)
    return FactorisationCurve(
        where=where,
        mu=mu,
        t=t,
        change=np.array([change.value for change in changes]),
        error=np.array([change.error for change in changes]),
        refit=np.array([change.refit for change in changes]),
        allowance=allowance,
        processes={
            process: np.array([change.shapes[c] + change.yields[c] for change in changes])
            for c, process in enumerate(cross.processes)
            if process in cross.log_yields
        },
        check=_verdict(point, where, mu, t, changes, allowance, thresholds),
    )


def _verdict(
    point: str,
    where: str,
    mu: np.ndarray,
    t: np.ndarray,
    changes: list[Change],
    allowance: np.ndarray,
    thresholds: "Thresholds",
) -> Check:
    name = FACTORISATION.of(point=point, where=where)
    counts = np.flatnonzero(t <= REACH)
    if not len(counts):
        return undecided(name, thresholds.factorisation, "no fit has a positive intensity at all events of the point")
    sizes = np.array([abs(change.value) + change.error for change in changes]) / allowance
    worst = int(counts[np.argmax(sizes[counts])])
    change = changes[worst]
    detail = (
        f"t = {t[worst]:.3g} changes by {change.value:+.2g} \N{PLUS-MINUS SIGN} {change.error:.1g} at {mu[worst]:g}, "
        f"allowed {allowance[worst]:.2g}; shapes {change.shapes.sum():+.2g}, yields {change.yields.sum():+.2g}, "
        f"nuisance parameters that follow {change.refit:+.2g}"
    )
    value, error = abs(change.value) / allowance[worst], change.error / allowance[worst]
    return at_most(name, value, thresholds.factorisation, error, detail=detail)


def conditional_covariance(fit: Fit, systematics: Systematics) -> np.ndarray:
    """(K, K) covariance of the nuisance parameters at a fixed parameter of interest; that of their constraints where
    the fit has none.
    """
    if fit.covariance is None:
        return np.diag(systematics.errors**2)
    covariance, number = np.asarray(fit.covariance, dtype=float), len(systematics)
    if covariance[0, 0] > 0.0:
        covariance = covariance - np.outer(covariance[0], covariance[0]) / covariance[0, 0]
    return np.asarray(covariance[-number:, -number:])
