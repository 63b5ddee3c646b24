"""Fits of one data set: the global minimum over both basins, and the profile of t(mu)."""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.statistics.likelihood import Likelihood

# Points of the search grid in the fit coordinate. A basin of a data set of O(1000) events is far wider than a step.
SEARCH_POINTS = 64


@dataclass(frozen=True)
class Fit:
    """The global minimum of -2 ln L within the parameter's bounds.

    Attributes:
        hat: best-fit value of the parameter of interest.
        minimum: -2 ln L there (up to the constant that drops out of every ratio).
        valid: the minimiser's own verdict on the basin that won; an exact bound counts as valid.
        edm: estimated vertical distance to the minimum.
        at_bound: the minimum lies on a physical bound.
        basins: all local minima as (parameter value, -2 ln L), deepest first.
        uncertainty: parabolic error of the parameter from the curvature, absent on a bound.
    """

    hat: float
    minimum: float
    valid: bool
    edm: float
    at_bound: bool
    basins: tuple[tuple[float, float], ...]
    uncertainty: float | None = None


@dataclass(frozen=True)
class Scan:
    """The likelihood ratio along the parameter.

    Attributes:
        mu: (G,) parameter values.
        t: (G,) test statistic there.
        t_lower_bound: the test statistic at the lower bound of the parameter, wherever the grid begins.
        fit: the global fit that t is relative to.
    """

    mu: np.ndarray
    t: np.ndarray
    t_lower_bound: float
    fit: Fit


def fit(likelihood: Likelihood) -> Fit:
    """Find the global minimum with iminuit and the exact gradient, from every basin of a search grid.

    The likelihood of an interfering signal has two minima in the coordinate; a local fit that stops in the
    wrong one corrupts the belt (DESIGN 1.7). So the coordinate's range is searched on a grid first, Minuit runs once
    in the bracket of each local minimum, and the two bounds themselves compete as exact values: Minuit's limits are a
    transformation whose derivative vanishes at the limit, so it cannot be trusted to sit on one.

    Raises:
        ModelError: no value of the parameter within its bounds gives every event a positive density.
    """
    from iminuit import Minuit

    mixture = likelihood.mixture
    grid = np.linspace(*mixture.coordinate_bounds, SEARCH_POINTS)
    values = likelihood.value(grid)
    if not np.isfinite(values).any():
        middle = float(grid[len(grid) // 2])
        raise ModelError(
            f"no value of the parameter in {list(mixture.bounds)} gives every event a positive density: at "
            f"{float(mixture.to_parameter(middle)):.3g} there are {likelihood.negative_events(middle)} negative "
            "events. Check the ratios' diagnostics and the coefficients"
        )
    minima: list[tuple[float, float, bool, float, float | None]] = [
        (float(grid[end]), float(values[end]), True, 0.0, None) for end in (0, -1) if np.isfinite(values[end])
    ]
    for index in local_minima(values[None, :])[1]:
        low, high = grid[max(index - 1, 0)], grid[min(index + 1, len(grid) - 1)]
        minuit = Minuit(
            lambda kappa: likelihood.value(kappa)[0],
            grad=lambda kappa: np.array([likelihood.derivatives(kappa)[1]]),
            kappa=grid[index] if low < grid[index] < high else 0.5 * (low + high),
        )
        minuit.limits["kappa"] = (low, high)
        minuit.errordef = Minuit.LIKELIHOOD * 2  # the function is -2 ln L
        minuit.strategy = 1
        minuit.tol = 1e-4
        minuit.migrad()
        kappa = float(minuit.values["kappa"])
        curvature = likelihood.derivatives(kappa)[2]
        error = float(np.sqrt(2.0 / curvature)) if curvature > 0.0 else None
        minima.append((kappa, float(minuit.fval), bool(minuit.valid), float(minuit.fmin.edm), error))
    minima.sort(key=lambda found: found[1])
    kappa, minimum, valid, edm, error = minima[0]
    at_bound = kappa in (float(grid[0]), float(grid[-1]))
    if error is not None:
        error *= mixture.coefficients.coordinate.slope(kappa)
    return Fit(
        hat=float(mixture.to_parameter(kappa)),
        minimum=minimum,
        valid=valid,
        edm=edm,
        at_bound=at_bound,
        basins=tuple((float(mixture.to_parameter(found[0])), found[1]) for found in minima),
        uncertainty=None if at_bound else error,
    )


def scan(likelihood: Likelihood, mu: np.ndarray) -> Scan:
    """t(mu) = -2 ln L(mu) + 2 ln L(mu_hat) on a grid of parameter values (G,), with mu_hat inside its bounds."""
    best = fit(likelihood)
    mu = np.asarray(mu, dtype=float)
    places = likelihood.mixture.to_coordinate(np.append(mu, likelihood.mixture.bounds[0]))
    t = np.maximum(likelihood.value(places) - best.minimum, 0.0)
    return Scan(mu=mu, t=t[:-1], t_lower_bound=float(t[-1]), fit=best)


def local_minima(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every local minimum along the last axis of ``values`` (R, G), ends included.

    A plateau counts once, at its left end; ``inf`` (a forbidden hypothesis) is never a minimum.
    """
    padded = np.pad(values, ((0, 0), (1, 1)), constant_values=np.inf)
    left, right = padded[:, :-2], padded[:, 2:]
    found = np.isfinite(values) & (values < left) & (values <= right)
    rows, columns = np.nonzero(found)
    return rows, columns
