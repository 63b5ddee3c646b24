"""Fits of one data set: the global minimum over all basins, by Minuit, and the profile of t(mu)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError, nearest
from steelyard.inference.anchoring import anchored_fit, anchored_scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.minimise.basins import search_grid
from steelyard.likelihood.minimise.descents import DEEPER, all_minima, valley_starts
from steelyard.likelihood.minimise.profile import envelope
from steelyard.likelihood.minimise.search import Minimum, minimise

# A conditional fit this far below the global one has found another basin.
MISSED = 1e-4


@dataclass(frozen=True)
class Fit:
    """The global minimum of -2 ln L within the parameters' bounds.

    Attributes:
        hat: best-fit value of the parameter of interest.
        minimum: -2 ln L there (up to the constant that drops out of every ratio).
        valid: the minimiser's own verdict on the basin that won; an exact bound counts as valid, a saddle does not.
        edm: estimated vertical distance to the minimum.
        at_bound: the parameter of interest is on a physical bound.
        basins: all local minima as (parameter value, -2 ln L), deepest first.
        uncertainty: parabolic error of the parameter from the curvature, absent on a bound.
        nuisances: names of the K nuisance parameters.
        alpha: their K best-fit values.
        covariance: (P, P) of the parameter, those of ``others``, and alpha, from the exact Hessian, twice its inverse;
            zero in rows and columns of parameters that are fixed or on a bound. Absent where the Hessian is not
            positive.
        errors: (P) square roots of its diagonal, absent for parameters that are fixed or on a bound.
        bounds_hit: names of the parameters that ended on a bound.
        fixed: names of the parameters that were not fitted.
        folded: names of the nuisance parameters with two valleys, both of which were looked into.
        others: names of the further parameters of the coefficients, and ``theta``, their best-fit values.
    """

    hat: float
    minimum: float
    valid: bool
    edm: float
    at_bound: bool
    basins: tuple[tuple[float, float], ...]
    uncertainty: float | None = None
    nuisances: tuple[str, ...] = ()
    alpha: tuple[float, ...] = ()
    covariance: list[list[float]] | None = None
    errors: list[float | None] | None = None
    bounds_hit: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    theta: tuple[float, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """The best-fit values of all parameters but the first, by name."""
        return dict(zip((*self.others, *self.nuisances), (*self.theta, *self.alpha), strict=True))


@dataclass(frozen=True)
class Scan:
    """The profile likelihood ratio along the parameter.

    Attributes:
        mu: (G,) parameter values.
        t: (G,) test statistic there.
        t_lower_bound: the test statistic at the lower bound of the parameter, wherever the grid begins.
        fit: the global fit that t is relative to.
        alpha: (G, K) nuisance parameters of the conditional fits; absent without nuisance parameters.
        not_converged: number of conditional fits that did not converge.
        theta: (G, M - 1) further parameters of the coefficients; absent where there are none.
    """

    mu: np.ndarray
    t: np.ndarray
    t_lower_bound: float
    fit: Fit
    alpha: np.ndarray | None = None
    not_converged: int = 0
    theta: np.ndarray | None = None


def fit(likelihood: Likelihood, fixed: Mapping[str, float] | None = None, parameter: str | None = None) -> Fit:
    """Find the global minimum with iminuit and the exact gradient, from every basin of the profile.

    The likelihood of an interfering signal has two minima in the coordinate; a local fit that stops in the
    wrong one corrupts the belt (docs/theory.md 8). So the coordinate's range is searched first
    (:func:`steelyard.likelihood.minimise.basins.find_basins`), Minuit runs once in each basin, with nuisance parameters
    to confirm what Newton's method has found there, and the two bounds themselves compete as exact values with the
    nuisance parameters refitted: Minuit's limits are a transformation whose derivative vanishes at the limit, so it
    cannot be trusted to sit on one. All this happens in each valley of the nuisance parameters
    (:mod:`steelyard.likelihood.minimise.valleys`), with the parameter of interest fixed or not.

    Args:
        likelihood: the data.
        fixed: values of parameters that are not fitted, by name.
        parameter: of the coefficients, that the result is about; the first one by default.

    Raises:
        ModelError: no value of the parameter within its bounds gives every event a positive density, or an unknown
            name in ``fixed``.
    """
    if parameter is not None:
        likelihood = likelihood.profiling(parameter)
    if any(likelihood.integrations):
        return anchored_fit(fit, likelihood, fixed)
    start, still = _starting_point(likelihood, fixed or {})
    return _result(likelihood, _minima(likelihood, start, still), still)


def scan(likelihood: Likelihood, mu: np.ndarray, parameter: str | None = None) -> Scan:
    r"""t(mu) = -2 ln L(mu, alpha(mu)) + 2 ln L(mu_hat, alpha_hat) on a grid (G,), with mu_hat inside its bounds.

    The other parameters are fitted at every value, from the global fit outwards and from the other minima and
    valleys that may lie lower somewhere (:func:`steelyard.likelihood.minimise.profile.envelope`).

    Args:
        likelihood: the data.
        mu: the grid.
        parameter: of the coefficients, along which it goes; the first one by default.
    """
    if parameter is not None:
        likelihood = likelihood.profiling(parameter)
    if any(likelihood.integrations):
        return anchored_scan(scan, fit, likelihood, mu)
    profiled, further = likelihood.profiled, likelihood.model.theta[1:]
    start, still = _starting_point(likelihood, {})
    found = _minima(likelihood, start, still)
    best = _result(likelihood, found, still)
    mu = np.asarray(mu, dtype=float)
    places = profiled.to_coordinate(np.append(mu, profiled.bounds[0]))
    if len(start) == 1:
        t = np.maximum(likelihood.value(places) - best.minimum, 0.0)
        return Scan(mu=mu, t=t[:-1], t_lower_bound=float(t[-1]), fit=best)
    starts = valley_starts(likelihood, start, still)
    track = envelope(
        likelihood.evaluator,
        places,
        [local.place for local in found],
        starts if len(starts) > 1 or len(likelihood.valleys.folded) else [],
    )
    deepest = int(np.argmin(track.values))
    if track.values[deepest] < best.minimum - MISSED:
        # A conditional fit below the global one: a basin that the path did not show.
        below = np.concatenate([places[deepest : deepest + 1], track.rest[deepest]])
        best = _result(likelihood, all_minima(likelihood, below, still, (below,)), still)
    t = np.maximum(track.values - best.minimum, 0.0)
    failed = int(np.count_nonzero(~track.converged & np.isfinite(track.values)))
    alpha, theta = track.rest[:-1, len(further) :], None
    if further:
        columns = [other.from_coordinate(track.rest[:-1, p]) for p, other in enumerate(further)]
        theta = np.stack(columns, axis=1)
    return Scan(mu, t[:-1], float(t[-1]), best, alpha if alpha.shape[1] else None, failed, theta)


def _minima(likelihood: Likelihood, start: np.ndarray, still: np.ndarray) -> list[Minimum]:
    """All minima (:mod:`steelyard.likelihood.minimise.descents`), with several parameters from more places.

    A basin of a further coordinate may end within a step of the profile's path, which then does not show it. So the
    minima straight below the conditional fits from which the paths begin are looked at too.
    """
    found, evaluator = all_minima(likelihood, start, still), likelihood.evaluator
    if len(likelihood.model.theta) == 1 or still.all():
        return found
    held = still | (np.arange(len(still)) == 0)
    grid = start[:1] if still[0] else search_grid(evaluator.model.bounds)
    below: Minimum | None = None
    for place in valley_starts(likelihood, start, still):
        values = evaluator.slice(grid, place[1:])
        if not np.isfinite(values).any():
            continue
        known = minimise(evaluator, np.concatenate([[grid[np.argmin(values)]], place[1:]]), held)
        local = minimise(evaluator, known.place, still)
        if below is None or local.value < below.value:
            below = local
    if below is None or not below.value < found[0].value - DEEPER:
        return found
    return all_minima(likelihood, start, still, (below.place,))


def _starting_point(likelihood: Likelihood, fixed: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    parameters, thetas = likelihood.parameters, len(likelihood.model.theta)
    names = parameters.names
    for name in fixed:
        if name not in names:
            raise ModelError(f"there is no parameter '{name}' to fix: {nearest(name, names, 'parameters')}")
    start = parameters.to_coordinates(parameters.nominal)
    observed = np.where(parameters.measured[thetas:], likelihood.global_observables, start[thetas:])
    start[thetas:] = np.clip(observed, *parameters.bounds[thetas:].T)
    start[0] = np.nan
    still = np.array([name in fixed for name in names])
    for index in np.flatnonzero(still):
        start[index] = float(parameters.parameters[index].to_coordinate(fixed[names[index]]))
    return start, still


def _result(likelihood: Likelihood, found: list[Minimum], still: np.ndarray) -> Fit:
    parameters, best, profiled = likelihood.parameters, found[0], likelihood.profiled
    names, thetas = parameters.names, len(likelihood.model.theta)
    bounds = likelihood.evaluator.model.bounds
    # Minuit comes near a bound, but never sits on it.
    reach = 1e-6 * (bounds[:, 1] - bounds[:, 0])
    reach[0] = 0.0  # the coordinate's bounds compete as exact values
    hit = ~still & ((best.place <= bounds[:, 0] + reach) | (best.place >= bounds[:, 1] - reach))
    covariance = _covariance(likelihood, best, ~still & ~hit)
    errors = None
    if covariance is not None:
        errors = [
            float(np.sqrt(covariance[i, i])) if not (still[i] or hit[i]) else None for i in range(len(best.place))
        ]
    values = parameters.to_parameters(best.place)
    return Fit(
        hat=float(values[0]),
        minimum=best.value,
        valid=best.converged,
        edm=best.edm,
        at_bound=bool(hit[0]),
        basins=tuple((float(profiled.from_coordinate(local.place[0])), local.value) for local in found),
        uncertainty=None if errors is None else errors[0],
        nuisances=names[thetas:],
        alpha=tuple(values[thetas:].tolist()),
        covariance=None if covariance is None else covariance.tolist(),
        errors=errors,
        bounds_hit=tuple(name for name, at in zip(names, hit, strict=True) if at),
        fixed=tuple(name for name, held in zip(names, still, strict=True) if held),
        folded=tuple(names[thetas + k] for k in np.sort(likelihood.valleys.folded)),
        others=names[1:thetas],
        theta=tuple(values[1:thetas].tolist()),
    )


def _covariance(likelihood: Likelihood, best: Minimum, free: np.ndarray) -> np.ndarray | None:
    """Twice the inverse of the Hessian over the free parameters, in the parameters themselves."""
    covariance = np.zeros((len(free), len(free)))
    if not free.any():
        return covariance
    hessian = best.hessian[np.ix_(free, free)]
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    slopes = likelihood.parameters.slopes(best.place)[free]
    covariance[np.ix_(free, free)] = 2.0 * np.linalg.inv(hessian) * np.outer(slopes, slopes)
    return covariance
