r"""Fits and scans of one data set with normalisers that are joint expectations.

The likelihood evaluates the form of :mod:`steelyard.model.normaliser`, which is not exact. A single fit can have
N_c(α) exactly: at a point α₀ the joint expectation over all reference events and its derivatives make a quadratic
correction of the form (:meth:`~steelyard.likelihood.integration.Integration.anchored`), with which value, gradient and
Hessian of −2 ln L at α₀ are those of the joint expectation. So: minimise, look at the minimum, anchor there if form and
expectation differ, and again, until they do not. Where they differ by δ ln N_c,

.. math:: \delta(-2\ln L) = 2\sum_c f_c\,G_c\,\nu_c\,\delta\ln N_c,

and the difference g of the gradients moves a minimum down by its estimated vertical distance,
:math:`\frac12g^TH^{-1}g`.

Along a scan the minima move, but a first-order change of the function changes its minimum by just the value of the
change there: δ at the conditional fits is added to t. Where it is large, they are fitted again with an anchor of their
own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steelyard.likelihood.integration import Integration
from steelyard.likelihood.kernels.orders import VALUE
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import Systematics
from steelyard.model.model import Model
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
from steelyard.model.region import Region
from steelyard.model.yield_factors import total_yield_factors

# In -2 ln L: form and joint expectation are the same at a minimum.
TOLERANCE = 1e-3

# In -2 ln L: above, a conditional fit is made again with an anchor of its own. What the correction by its value alone
# leaves is of the second order.
LARGE = 0.02

# How much deeper another basin may turn out to be by the joint expectation: those within are looked at.
COMPETING = 0.5

# Fits of one data set, and points of a scan that are looked at first.
ROUNDS, LOOKS = 8, 7

Fitter = Callable[..., Any]

# The normalisers of all regions, in their order.
Forms = tuple[Systematics, ...]


def anchored_fit(
    fit: Fitter, likelihood: Likelihood, fixed: Mapping[str, float] | None = None, start: np.ndarray | None = None
) -> Any:
    """The fit ``fit`` of a likelihood with integration events: its minimum is that of the joint expectation.

    Args:
        fit: fits a likelihood as it stands (:func:`steelyard.inference.fit.fit`).
        likelihood: with integration events.
        fixed: parameters that are not fitted.
        start: (K,) where the first anchor is; by default the first fit has none.
    """
    fixed = dict(fixed or {})
    forms = plain_forms(likelihood) if start is None else anchored_forms(likelihood, start)
    best, tried = None, []
    for _ in range(ROUNDS):
        here = likelihood.with_forms(forms)
        found = fit(here, fixed)
        corrected, other = _look(fit, here, likelihood, found, fixed, tried)
        if best is None or corrected.minimum < best.minimum:
            best = corrected
        if other is None:
            break
        if corrected.minimum > best.minimum + COMPETING:
            # Drawn to a place where only the form is deep: the best one found is the better anchor.
            other = np.array(best.alpha)
        forms = anchored_forms(likelihood, other)
    return best


def anchored_scan(scan: Fitter, fit: Fitter, likelihood: Likelihood, mu: np.ndarray) -> Any:
    """The scan ``scan`` of a likelihood with integration events, with t(mu) of the joint expectation.

    Args:
        scan: scans a likelihood as it stands (:func:`steelyard.inference.fit.scan`).
        fit: fits one.
        likelihood: with integration events.
        mu: (G,) values of the parameter.
    """
    mu = np.asarray(mu, dtype=float)
    forms = plain_forms(likelihood)
    here = likelihood.with_forms(forms)
    result = scan(here, mu)
    best, other = _look(fit, here, likelihood, result.fit, {}, [])
    if other is not None:
        best = anchored_fit(fit, likelihood, start=other)
        forms = anchored_forms(likelihood, np.array(best.alpha))
        here = likelihood.with_forms(forms)
        result = scan(here, mu)

    def moved_at(points: np.ndarray) -> np.ndarray:
        theta = mu[points, None] if result.theta is None else np.column_stack([mu[points], result.theta[points]])
        return shifts(likelihood.model, likelihood.integrations, forms, theta, result.alpha[points])

    looked = np.unique(np.linspace(0, len(mu) - 1, min(LOOKS, len(mu))).round().astype(int))
    moved = np.zeros(len(mu))
    moved[looked] = moved_at(looked)
    if np.abs(moved[looked]).max(initial=0.0) > TOLERANCE:
        rest = np.setdiff1d(np.arange(len(mu)), looked)
        moved[rest] = moved_at(rest)
    values = result.fit.minimum + result.t + moved
    alpha, parameter = np.array(result.alpha), likelihood.profiled.name
    theta = None if result.theta is None else np.array(result.theta)
    for g in np.flatnonzero((np.abs(moved) > LARGE) & np.isfinite(values)):
        again = anchored_fit(fit, likelihood, {parameter: float(mu[g])}, start=alpha[g])
        values[g], alpha[g] = again.minimum, again.alpha
        if theta is not None:
            theta[g] = again.theta
    deepest = int(np.argmin(values)) if len(values) else 0
    if len(values) and values[deepest] < best.minimum - TOLERANCE:
        # A basin that the global fit did not find.
        again = anchored_fit(fit, likelihood, start=alpha[deepest])
        best = again if again.minimum < best.minimum else best
    lower = likelihood.profiled.bounds[0]
    t_lower = result.t_lower_bound + result.fit.minimum - best.minimum
    if not np.isfinite(t_lower):
        pass
    elif (at_end := np.flatnonzero(mu == lower)).size:
        t_lower = values[at_end[0]] - best.minimum
    elif other is not None or np.abs(moved).max(initial=0.0) > TOLERANCE:
        t_lower = anchored_fit(fit, likelihood, {parameter: float(lower)}).minimum - best.minimum
    return replace(
        result,
        t=np.maximum(values - best.minimum, 0.0),
        t_lower_bound=float(max(t_lower, 0.0)),
        fit=best,
        alpha=alpha,
        theta=theta,
    )


def plain_forms(likelihood: Likelihood) -> Forms:
    """The systematics of all regions without anchors."""
    return tuple(
        region.systematics if events is None else events.form
        for region, events in zip(likelihood.model.regions, likelihood.integrations, strict=True)
    )


def anchored_forms(likelihood: Likelihood, alpha: np.ndarray) -> Forms:
    """The systematics of all regions, anchored at one point (K,) of all nuisance parameters."""
    return tuple(
        region.systematics if events is None else events.anchored(np.asarray(alpha)[_own(likelihood.model, region)])
        for region, events in zip(likelihood.model.regions, likelihood.integrations, strict=True)
    )


def settled(likelihood: Likelihood, forms: Forms, theta: np.ndarray, alpha: np.ndarray) -> bool:
    """Whether the form stands for the joint expectation at a point (M,), (K,), to :data:`LARGE` in -2 ln L."""
    return (
        abs(
            float(
                shifts(
                    likelihood.model, likelihood.integrations, forms, np.asarray(theta)[None], np.asarray(alpha)[None]
                )[0]
            )
        )
        < LARGE
    )


def shifts(
    model: Model, integrations: Sequence[Integration | None], forms: Forms, theta: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """What -2 ln L by the joint expectation has beyond that with ``forms`` at points (G, M), (G, K)."""
    theta, alpha = np.asarray(theta, dtype=float), np.asarray(alpha, dtype=float)
    total = np.zeros(len(theta))
    for number, (region, events) in enumerate(zip(model.regions, integrations, strict=True)):
        if events is not None:
            own = alpha[:, _own(model, region)]
            difference = events.log_normaliser(own) - log_normaliser(forms[number], own)
            total += 2.0 * (_expected(model, number, forms[number], theta, own) * difference).sum(axis=1)
    return total


def _own(model: Model, region: Region) -> list[int]:
    """Numbers of a region's nuisance parameters among all."""
    names = [nuisance.name for nuisance in model.nuisances]
    return [names.index(name) for name in region.systematics.names]


def _expected(model: Model, number: int, systematics: Systematics, theta: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """f_c G_c nu_c of a region at points: (G, C)."""
    yields = total_yield_factors(systematics, alpha) * model.regions[number].mixture.yields
    return model.coefficient_values(theta)[number] * yields


def _look(
    fit: Fitter, here: Likelihood, likelihood: Likelihood, found: Any, fixed: dict[str, float], tried: list[float]
) -> tuple[Any, np.ndarray | None]:
    """A fit with the value of the joint expectation at its minimum, and where to anchor if it is not the last one."""
    alpha, theta = np.array(found.alpha), np.array([[found.hat, *found.theta]])
    shift, gradient = 0.0, np.zeros(len(alpha))
    for number, (region, events) in enumerate(zip(here.model.regions, likelihood.integrations, strict=True)):
        if events is None:
            continue
        own = _own(here.model, region)
        joint = events.derivatives(alpha[own])
        form = log_normaliser_derivatives(region.systematics, alpha[own])
        expected = 2.0 * _expected(likelihood.model, number, region.systematics, theta, alpha[None, own])[0]
        shift += float(expected @ (joint[0] - form[0]))
        gradient[own] += expected @ (joint[1] - form[1])
    covariance = np.eye(len(alpha))
    if found.covariance is not None:
        covariance = np.array(found.covariance)[-len(alpha) :, -len(alpha) :]
    minimum = found.minimum + shift
    if abs(shift) > TOLERANCE:
        # The formula of the shift has f_c G_c nu_c for the events of a process, which where the data disagree with the
        # model is off by as much as these do: a value to be compared is that of the expectation itself.
        exact = likelihood.with_forms(anchored_forms(likelihood, alpha))
        place = likelihood.parameters.to_coordinates([found.hat, *found.theta, *alpha])
        minimum = exact.evaluator.expand(place, VALUE).value
    corrected = replace(found, minimum=minimum)
    if abs(shift) > TOLERANCE or 0.25 * gradient @ covariance @ gradient > TOLERANCE:
        return corrected, alpha
    return corrected, _competing(fit, here, likelihood, found, fixed, tried)


def _competing(
    fit: Fitter, here: Likelihood, likelihood: Likelihood, found: Any, fixed: dict[str, float], tried: list[float]
) -> np.ndarray | None:
    """Nuisance parameters of another basin that the joint expectation makes the deeper one, if there is any."""
    profiled = here.profiled
    if profiled.name in fixed:
        return None
    forms = tuple(region.systematics for region in here.model.regions)
    width = 1e-3 * (profiled.bounds[1] - profiled.bounds[0])
    for hat, value in found.basins:
        apart = min((abs(hat - other) for other in (found.hat, *tried)), default=np.inf)
        if value > found.minimum + COMPETING or apart < width:
            continue
        tried.append(hat)
        at = fit(here, {**fixed, profiled.name: hat})
        shift = float(
            shifts(
                likelihood.model, likelihood.integrations, forms, np.array([[hat, *at.theta]]), np.array([at.alpha])
            )[0]
        )
        if at.minimum + shift < found.minimum - TOLERANCE:
            return np.array(at.alpha)
    return None
