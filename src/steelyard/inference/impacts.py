"""Impacts of the nuisance parameters on the parameter of interest, with pulls, constraints and correlations."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from steelyard.errors import ModelError
from steelyard.inference.anchoring import anchored_forms, settled
from steelyard.inference.fit import Fit, fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.descents import over_ridges
from steelyard.likelihood.minimise.search import minimise

STATISTICAL = "statistical"

# The group of nuisance parameters that nobody has put into one.
UNGROUPED = "systematic"


@dataclass(frozen=True)
class Impact:
    r"""One nuisance parameter in the fit of one data set.

    Attributes:
        name, group: of the systematic.
        constrained: it has a Gaussian constraint, and so a global observable :math:`a`.
        hat: best fit :math:`\hat\alpha`.
        pull: :math:`\hat\alpha-a`, in units of the constraint's width.
        constraint: post-fit error of :math:`\alpha`: 1 where the data know nothing of it; absent at a bound.
        up, down: shift of the best-fit parameter of interest when the global observable moves by +1 and -1, refitted;
            absent without a constraint.
        covariance: the same to first order, :math:`\mathrm{cov}(\mu,\alpha)`, by which a unit shift of a unit Gaussian
            constraint moves :math:`\hat\mu`.
        inflation: :math:`\sqrt{\sigma_\mu^2-\sigma_\mu^2(\alpha\text{ fixed})} = |\mathrm{cov}(\mu,\alpha)|/
            \sigma_\alpha`: the part of the total error that is gone once this parameter is known.
    """

    name: str
    group: str
    constrained: bool
    hat: float
    pull: float
    constraint: float | None = None
    up: float | None = None
    down: float | None = None
    covariance: float | None = None
    inflation: float | None = None

    @property
    def size(self) -> float:
        """What the ranking goes by: the larger refitted shift, or the inflation of an unconstrained parameter."""
        shifts = [abs(shift) for shift in (self.up, self.down) if shift is not None]
        return max(shifts, default=self.inflation or 0.0)

    @property
    def disagreement(self) -> float | None:
        """Mean refitted shift minus the first-order one: curvature of the likelihood, or a fit that went wrong."""
        if self.up is None or self.down is None or self.covariance is None:
            return None
        return 0.5 * (self.up - self.down) - self.covariance


@dataclass(frozen=True)
class Impacts:
    r"""All nuisance parameters in the fit of one data set.

    With Gaussian constraints the parabolic error splits exactly into what moves with the data and with each global
    observable, :math:`\sigma_\mu^2=\sigma_\mathrm{stat}^2+\sum_k \mathrm{cov}(\mu,\alpha_k)^2` (arXiv:2307.04007).
    That says what a better *auxiliary measurement* would change: where the data know a parameter better than its
    constraint does, next to nothing, although fitting it costs precision. What the fit pays for not knowing parameters
    is the inflation, :math:`\sqrt{\sigma_\mu^2-\sigma_\mu^2(\text{fixed})}`. Inflations do not add up in quadrature:
    parameters that stand in for each other inflate together what each alone would not.

    Attributes:
        parameter: name of the parameter of interest.
        hat: its best fit.
        error: its total parabolic error; absent on a bound.
        valid: the fit converged.
        statistical: the part of the error that the data cause, with unconstrained parameters in it.
        groups: the part of each group of systematics, the quadratic sum over its members.
        fixed: the error with all nuisance parameters known, the least that these data allow.
        inflation: of all nuisance parameters together.
        group_inflations: of each group, also of unconstrained parameters.
        impacts: in the order of the ranking, the largest first.
        names: of the rows of ``correlation``: the parameter of interest, then the nuisances as configured.
        correlation: (1+K, 1+K); absent on a bound.
    """

    parameter: str
    hat: float
    valid: bool
    impacts: tuple[Impact, ...]
    names: tuple[str, ...]
    error: float | None = None
    statistical: float | None = None
    groups: dict[str, float] | None = None
    fixed: float | None = None
    inflation: float | None = None
    group_inflations: dict[str, float] | None = None
    correlation: list[list[float]] | None = None


def impacts(likelihood: Likelihood, centre: Fit | None = None, groups: Mapping[str, str] | None = None) -> Impacts:
    """The fit of a data set, and again with each global observable shifted by one standard deviation up and down.

    The shifted fits are Newton's, from the best fit: an impact is the motion of the minimum. It is a change of basin
    only where another valley of the nuisance parameters is the deeper one after the shift.

    Args:
        likelihood: the data.
        centre: their global fit, if it is known.
        groups: name: group of the nuisance parameters, such as ``theory``; those left out are a group of their own.

    Raises:
        ModelError: the likelihood has no nuisance parameters, or no valid point.
    """
    parameters, thetas = likelihood.parameters, len(likelihood.model.theta)
    if len(parameters) == thetas:
        raise ModelError("there are no nuisance parameters whose impact could be asked for")
    centre = fit(likelihood) if centre is None else centre
    whole = likelihood
    if any(likelihood.integrations):
        likelihood = likelihood.with_forms(anchored_forms(likelihood, np.array(centre.alpha)))
    covariance = None if centre.covariance is None else np.asarray(centre.covariance, dtype=float)
    observables = likelihood.global_observables
    groups = groups or {}
    found = []
    for index, nuisance in enumerate(parameters.parameters[thetas:]):
        constrained, at = nuisance.constraint.measured, thetas + index
        shifts = {}
        if constrained:
            for side, step in (("up", 1.0), ("down", -1.0)):
                moved = observables.copy()
                moved[index] += step * nuisance.constraint.error
                shifts[side] = _refit(likelihood, whole, centre, moved) - centre.hat
        known = {}
        unit = nuisance.constraint.error if constrained else 1.0
        if covariance is not None and covariance[at, at] > 0.0:
            width = float(np.sqrt(covariance[at, at]))
            known = {"constraint": width / unit, "inflation": abs(float(covariance[0, at])) / width}
            if constrained:
                known["covariance"] = float(covariance[0, at]) / unit
        hat = float(centre.alpha[index])
        found.append(
            Impact(
                name=nuisance.name,
                group=groups.get(nuisance.name, UNGROUPED),
                constrained=constrained,
                hat=hat,
                pull=(hat - float(observables[index])) / unit,
                **shifts,
                **known,
            )
        )
    return Impacts(
        parameter=likelihood.profiled.name,
        hat=centre.hat,
        valid=centre.valid,
        impacts=tuple(sorted(found, key=lambda impact: impact.size, reverse=True)),
        names=parameters.names,
        **_budget(found, covariance, thetas),
    )


def _refit(likelihood: Likelihood, whole: Likelihood, centre: Fit, observables: np.ndarray) -> float:
    """Best-fit parameter of interest with other global observables (K,), from the best fit ``centre``.

    ``likelihood`` has normalisers anchored there, ``whole`` has the events that they are expectations over.
    """
    evaluator, parameters = copy(likelihood.evaluator), likelihood.parameters
    evaluator.observed = observables  # the packed events are shared
    start = parameters.to_coordinates([centre.hat, *centre.theta, *centre.alpha])
    free = np.zeros(len(start), dtype=bool)
    found = over_ridges(likelihood, minimise(evaluator, start, free), free, evaluator)
    values, thetas = parameters.to_parameters(found.place), evaluator.thetas
    hat, forms = float(values[0]), tuple(region.systematics for region in likelihood.model.regions)
    anchored = any(whole.integrations)
    if not found.converged or (anchored and not settled(whole, forms, values[:thetas], values[thetas:])):
        return fit(replace(whole, global_observables=observables)).hat
    return hat


def _budget(found: list[Impact], covariance: np.ndarray | None, thetas: int) -> dict:
    """Total error, its parts and the correlations, where there is a covariance."""
    if covariance is None or not covariance[0, 0] > 0.0:
        return {}
    groups: dict[str, float] = {}
    for impact in found:
        if impact.constrained and impact.covariance is not None:
            groups[impact.group] = float(np.hypot(groups.get(impact.group, 0.0), impact.covariance))
    variance = float(covariance[0, 0])
    members: dict[str, list[int]] = {}
    for place, impact in enumerate(found):
        members.setdefault(impact.group, []).append(thetas + place)
    fixed = _known(covariance, list(range(thetas, len(covariance))))
    rest = variance - sum(part**2 for part in groups.values())
    widths = np.sqrt(np.clip(np.diag(covariance), 0.0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(np.outer(widths, widths) > 0.0, covariance / np.outer(widths, widths), 0.0)
    return {
        "error": float(np.sqrt(variance)),
        "statistical": float(np.sqrt(max(rest, 0.0))),
        "groups": groups,
        "fixed": float(np.sqrt(fixed)),
        "inflation": float(np.sqrt(max(variance - fixed, 0.0))),
        "group_inflations": {
            group: float(np.sqrt(max(variance - _known(covariance, places), 0.0))) for group, places in members.items()
        },
        "correlation": correlation.tolist(),
    }


def _known(covariance: np.ndarray, places: list[int]) -> float:
    """Variance of the parameter of interest where the parameters at these places are known: the Schur complement."""
    free = [place for place in places if covariance[place, place] > 0.0]  # the others are on a bound
    shared = covariance[0, free]
    return float(covariance[0, 0] - shared @ np.linalg.solve(covariance[np.ix_(free, free)], shared))
