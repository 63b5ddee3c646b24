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

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steelyard.likelihood.integration import Integration
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
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
    integration, fixed = likelihood.integration, dict(fixed or {})
    systematics = integration.form if start is None else integration.anchored(start)
    best, tried = None, []
    for _ in range(ROUNDS):
        here = likelihood.with_form(systematics)
        found = fit(here, fixed)
        corrected, other = _look(fit, here, likelihood, found, fixed, tried)
        if best is None or corrected.minimum < best.minimum:
            best = corrected
        if other is None:
            break
        if corrected.minimum > best.minimum + COMPETING:
            # Drawn to a place where only the form is deep: the best one found is the better anchor.
            other = np.array(best.alpha)
        systematics = integration.anchored(other)
    return best


def anchored_scan(scan: Fitter, fit: Fitter, likelihood: Likelihood, mu: np.ndarray) -> Any:
    """The scan ``scan`` of a likelihood with integration events, with t(mu) of the joint expectation.

    Args:
        scan: scans a likelihood as it stands (:func:`steelyard.inference.fit.scan`).
        fit: fits one.
        likelihood: with integration events.
        mu: (G,) values of the parameter.
    """
    integration, mu = likelihood.integration, np.asarray(mu, dtype=float)
    systematics = integration.form
    here = likelihood.with_form(systematics)
    result = scan(here, mu)
    best, other = _look(fit, here, likelihood, result.fit, {}, [])
    if other is not None:
        best = anchored_fit(fit, likelihood, start=other)
        systematics = integration.anchored(np.array(best.alpha))
        here = likelihood.with_form(systematics)
        result = scan(here, mu)
    looked = np.unique(np.linspace(0, len(mu) - 1, min(LOOKS, len(mu))).round().astype(int))
    moved = np.zeros(len(mu))
    moved[looked] = shifts(integration, systematics, likelihood.mixture, mu[looked], result.alpha[looked])
    if np.abs(moved[looked]).max(initial=0.0) > TOLERANCE:
        rest = np.setdiff1d(np.arange(len(mu)), looked)
        moved[rest] = shifts(integration, systematics, likelihood.mixture, mu[rest], result.alpha[rest])
    values = result.fit.minimum + result.t + moved
    alpha, parameter = np.array(result.alpha), likelihood.mixture.coefficients.parameters[0]
    for g in np.flatnonzero((np.abs(moved) > LARGE) & np.isfinite(values)):
        again = anchored_fit(fit, likelihood, {parameter: float(mu[g])}, start=alpha[g])
        values[g], alpha[g] = again.minimum, again.alpha
    deepest = int(np.argmin(values)) if len(values) else 0
    if len(values) and values[deepest] < best.minimum - TOLERANCE:
        # A basin that the global fit did not find.
        again = anchored_fit(fit, likelihood, start=alpha[deepest])
        best = again if again.minimum < best.minimum else best
    lower = likelihood.mixture.bounds[0]
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
    )


def settled(likelihood: Likelihood, systematics: Systematics, hat: float, alpha: np.ndarray) -> bool:
    """Whether the form stands for the joint expectation at a point, to :data:`LARGE` in -2 ln L."""
    return abs(float(shifts(likelihood.integration, systematics, likelihood.mixture, [hat], [alpha])[0])) < LARGE


def shifts(
    integration: Integration, systematics: Systematics, mixture: Mixture, mu: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """What -2 ln L by the joint expectation has beyond that with ``systematics`` at points (G,), (G, K)."""
    mu, alpha = np.asarray(mu, dtype=float), np.asarray(alpha, dtype=float)
    difference = integration.log_normaliser(alpha) - log_normaliser(systematics, alpha)
    return 2.0 * (_expected(systematics, mixture, mu, alpha) * difference).sum(axis=1)


def _expected(systematics: Systematics, mixture: Mixture, mu: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """f_c G_c nu_c at points: (G, C)."""
    yields = total_yield_factors(systematics, np.asarray(alpha, dtype=float)) * mixture.yields
    return mixture.fractions(mixture.to_coordinate(np.asarray(mu, dtype=float))) * yields


def _look(
    fit: Fitter, here: Likelihood, likelihood: Likelihood, found: Any, fixed: dict[str, float], tried: list[float]
) -> tuple[Any, np.ndarray | None]:
    """A fit with the value of the joint expectation at its minimum, and where to anchor if it is not the last one."""
    integration, alpha = likelihood.integration, np.array(found.alpha)
    joint, form = integration.derivatives(alpha), log_normaliser_derivatives(here.systematics, alpha)
    expected = 2.0 * _expected(likelihood.systematics, likelihood.mixture, [found.hat], [alpha])[0]
    shift, gradient = float(expected @ (joint[0] - form[0])), expected @ (joint[1] - form[1])
    covariance = np.eye(len(alpha)) if found.covariance is None else np.array(found.covariance)[1:, 1:]
    corrected = replace(found, minimum=found.minimum + shift)
    if abs(shift) > TOLERANCE or 0.25 * gradient @ covariance @ gradient > TOLERANCE:
        return corrected, alpha
    return corrected, _competing(fit, here, integration, found, fixed, tried)


def _competing(
    fit: Fitter, here: Likelihood, integration: Integration, found: Any, fixed: dict[str, float], tried: list[float]
) -> np.ndarray | None:
    """Nuisance parameters of another basin that the joint expectation makes the deeper one, if there is any."""
    parameter = here.mixture.coefficients.parameters[0]
    if parameter in fixed:
        return None
    width = 1e-3 * (here.mixture.bounds[1] - here.mixture.bounds[0])
    for hat, value in found.basins:
        apart = min((abs(hat - other) for other in (found.hat, *tried)), default=np.inf)
        if value > found.minimum + COMPETING or apart < width:
            continue
        tried.append(hat)
        at = fit(here, {**fixed, parameter: hat})
        shift = float(shifts(integration, here.systematics, here.mixture, [hat], [at.alpha])[0])
        if at.minimum + shift < found.minimum - TOLERANCE:
            return np.array(at.alpha)
    return None
