r"""The uncertainty of a result from finite simulation and training: of t(mu) along a scan, and of mu_hat.

Of data that stay as they are, where the simulation, the training and everything made of them are done again. How a
result follows what is simulated is in :mod:`steelyard.finite_simulation.result_functional`, its variances are in
:mod:`steelyard.finite_simulation.result_variances`. A term of second order is added here: near the best fit, where
:math:`t=(\mu-\hat\mu)^2/\sigma^2` cannot fall below zero, t scatters by :math:`3(s/\sigma)^4` beside the first-order
:math:`4t\,(s/\sigma)^2`, s the uncertainty of mu_hat and :math:`\sigma` that of the fit.

For the expected data the result is that of data thrown at their parameter, which the noise term says more of than of
the expectation itself.

*What an interval has to contain.* The noise event by event makes the learned t of one data set another one than the
exact t. But pseudo-experiments, which the learned likelihood judges with the same noise, scatter by it too: the
variance of its score is I + R' about the mean as that of real data is, and so is the slope. So critical values and the
errors of the fit have the noise in them, and what they lack is the part that moves all data sets alike: sigma_t without
the noise, here ``shift_t``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from steelyard.errors import ModelError
from steelyard.finite_simulation.functional_derivative import ExpectedData
from steelyard.finite_simulation.influence import SimulatedEvents
from steelyard.finite_simulation.member_scatter import MemberRatios, MemberScatter
from steelyard.finite_simulation.result_functional import GivenData
from steelyard.finite_simulation.result_variances import ResultVariances, Simulation
from steelyard.finite_simulation.simulated_yields import SimulatedYields
from steelyard.finite_simulation.thinned import thinned
from steelyard.inference.fit import Scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.regions.unbinned import UnbinnedModel

# Independent reference events that sums over them are estimated from.
EVENTS = 150_000
# Points of a scan, about, besides those that matter.
POINTS = 21
# Another minimum is another basin that regenerated simulation may prefer, if it is no more than so many sigma_t higher.
BASINS = 2.0
# By source, in this order everywhere.
SOURCES = ("sample", "networks", "reference", "yields", "noise")


@dataclass(frozen=True)
class SimulationUncertainty:
    """The uncertainty of one data set's result from finite simulation and training; arrays (G,).

    Attributes:
        mu: some values of the parameter along the scan.
        t: of the data there.
        sigma_t: its uncertainty, root mean square; infinite where some event has a negative intensity.
        shift_t: the part of sigma_t that all data sets share, without the noise: what no pseudo-experiment has in it.
        sources: sigma_t by source: ``sample``, the training events; ``networks``, initial weights and optimiser;
            ``reference``, the sample on which densities are normalised; ``yields``; and ``noise``, the error of the
            ratios event by event that data of finite size see.
        bias: measured error of t from the learned densities, on events that did not train; in sigma_t.
        hat: best fit.
        sigma_hat: its uncertainty within its basin; absent for the ``reason``.
        of_sigma: sigma_hat over the error of the fit.
        hat_sources: sigma_hat by source.
        hat_bias: measured error of the best fit.
        reason: why there is no sigma_hat.
    """

    mu: np.ndarray
    t: np.ndarray
    sigma_t: np.ndarray
    shift_t: np.ndarray
    sources: dict[str, np.ndarray]
    bias: np.ndarray
    hat: float
    sigma_hat: float | None = None
    of_sigma: float | None = None
    hat_sources: dict[str, float] = field(default_factory=dict)
    hat_bias: float | None = None
    reason: str | None = None

    def at(self, mu: np.ndarray) -> np.ndarray:
        """sigma_t between the points: linear in mu on both sides of the best fit, as t's error is about it."""
        return np.asarray(np.interp(mu, self.mu, self.sigma_t))

    def shift_at(self, mu: np.ndarray) -> np.ndarray:
        """shift_t between the points."""
        return np.asarray(np.interp(mu, self.mu, self.shift_t))


def simulation_uncertainty(
    model: UnbinnedModel,
    scan: Scan,
    events: SimulatedEvents,
    members: MemberRatios | None = None,
    likelihood: Likelihood | None = None,
    yields: SimulatedYields | None = None,
    points: Sequence[int] | None = None,
    number: int = EVENTS,
    seed: int = 0,
) -> SimulationUncertainty:
    """The uncertainty of a scan and of its best fit.

    Args:
        model: with the reference events.
        scan: of the data.
        events: the model's reference events, as simulated ones.
        members: of the ratios; None: nothing is known of their scatter.
        likelihood: of observed data; None: expected ones.
        yields: what the yields were summed from; None: they are given.
        points: numbers of the points of the scan; all of them by default.
        number: independent reference events, at random, that sums are estimated from.
        seed: of their choice.

    Raises:
        ModelError: the events are not the model's, or the model has a negative intensity at the best fit.
    """
    if len(events.densities) != len(model.weights):
        raise ModelError(
            f"there are {len(events.densities)} simulated events and {len(model.weights)} reference events of the "
            "model: take both from one reference, or build the model again"
        )
    chosen = np.arange(len(scan.mu)) if points is None else np.asarray(points, dtype=int)
    part, less, fewer, fraction = thinned(model, events, members, number, seed)
    simulation = Simulation(
        part,
        less,
        None if fewer is None else MemberScatter.of(part, fewer),
        1.0 if fewer is None else fewer.inflation,
        yields,
        fraction,
    )
    fit = scan.fit
    best = ExpectedData.at(part, fit.hat, np.asarray(fit.alpha, dtype=float), fit.theta)
    data = GivenData(best, likelihood)
    functional = data.of_hat(fit)
    own = None if functional is None else simulation.variances(functional, best.intensity)
    curvature = [0.0, 0.0]
    if own is not None and fit.uncertainty:
        curvature = [square / fit.uncertainty**2 for square in (own.total, own.total - own.noise)]
    found: list[ResultVariances | None] = []
    for place in chosen:
        result = data.of_t(float(scan.mu[place]), _row(scan.alpha, place), _row(scan.theta, place))
        found.append(None if result is None else simulation.variances(result, best.intensity))
    sigma, shift = (
        np.array([np.inf if item is None else _sigma(item, square, noise) for item in found])
        for square, noise in zip(curvature, (True, False), strict=True)
    )
    mu, t = np.asarray(scan.mu, dtype=float)[chosen], np.asarray(scan.t, dtype=float)[chosen]
    reason = _reason(scan, mu, sigma, functional is not None)
    if reason is not None:
        own = None
    sigma_hat = None if own is None else float(np.sqrt(own.total))
    return SimulationUncertainty(
        mu=mu,
        t=t,
        sigma_t=sigma,
        shift_t=shift,
        sources={
            name: np.array([np.nan if item is None else np.sqrt(getattr(item, name)) for item in found])
            for name in SOURCES
        },
        bias=np.array([np.nan if item is None else item.bias for item in found]),
        hat=fit.hat,
        sigma_hat=sigma_hat,
        of_sigma=None if sigma_hat is None or not fit.uncertainty else sigma_hat / fit.uncertainty,
        hat_sources={} if own is None else {name: float(np.sqrt(getattr(own, name))) for name in SOURCES},
        hat_bias=None if own is None else own.bias,
        reason=reason,
    )


def _row(values: np.ndarray | None, place: int) -> np.ndarray:
    return np.zeros(0) if values is None else np.asarray(values, dtype=float)[place]


def _sigma(item: ResultVariances, curvature: float, noise: bool) -> float:
    """With the second order near the best fit, ``curvature`` being (s/sigma)^2; with the noise or without."""
    return float(np.sqrt(item.total - (0.0 if noise else item.noise) + 3.0 * curvature**2))


def _reason(scan: Scan, mu: np.ndarray, sigma: np.ndarray, known: bool) -> str | None:
    """Why mu_hat has no uncertainty."""
    fit = scan.fit
    if fit.at_bound:
        return "the best fit is on a bound of the parameter, where it does not move with the simulation"
    if not known:
        return "the fit has no covariance, or a step from it leads to negative intensities"
    for place, value in fit.basins:
        above = value - fit.minimum
        if abs(place - fit.hat) <= (fit.uncertainty or 0.0) * 1e-3:
            continue
        there = float(np.interp(place, mu, sigma))
        if above < BASINS * there:
            return (
                f"another minimum, at {place:.3g}, is higher by only {above:.2g}, with an uncertainty of {there:.2g}: "
                "another simulation may make it the best fit"
            )
    return None
