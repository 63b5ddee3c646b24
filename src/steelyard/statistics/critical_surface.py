r"""Critical values as a smooth function of the nuisance parameters: c(mu, alpha) at one mu.

The belt of a data set is made of toys at its own conditional fit. To test that construction every simulated experiment
needs the critical value at the conditional fit of *its* nuisance parameters, and toys of its own cannot be afforded. So
toys are thrown at nine shared points: nominal, and eight where each of up to seven leading nuisance parameters is
``spread`` above or below nominal, in the patterns of an orthogonal array (Plackett and Burman, Biometrika 33
(1946) 305): each slope is measured with all eight. The quantile between them is

.. math:: \ln c(\alpha) = \beta_0 + \sum_k \beta_k\,z_k + \gamma\,z_1^2, \qquad z = \alpha - \alpha_\text{nominal}

fitted by least squares with binomial errors; z_1 is the nuisance parameter with the largest impact. Neglected are other
curvatures, what two nuisance parameters do together beyond the sum, and what those do that do not lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.seeds import seed_for
from steelyard.statistics.belts import CriticalValue, critical_value
from steelyard.statistics.impacts import Impacts
from steelyard.statistics.model import Model
from steelyard.statistics.systematics import Systematics
from steelyard.statistics.toy_fits import Status, ToyFits
from steelyard.statistics.toys import throw_toys

# Leading nuisance parameters: as many as eight points can tell apart.
LEADING = 7
# Distance of the shared points from nominal, in units of the constraint.
SPREAD = 2.0
# The parabola is not believed further out than this times the outermost shared point.
REACH = 1.5


@dataclass(frozen=True)
class CriticalSurface:
    """c(mu, alpha) at one mu.

    Attributes:
        mu: tested value.
        levels: confidence levels.
        names: the leading nuisance parameters, L of them.
        columns: their places among all nuisance parameters.
        origin: (L,) their nominal values.
        limits: (L, 2) range of alpha − origin beyond which c stays as at its end.
        coefficients: (L+2,) beta_0, beta_k, gamma of ln c, by level as text; (1,) where nothing leads.
        precision: inverse of the sum of T x x^T over the shared points with T toys each: times
            level (1 − level) the covariance of a fitted quantile, expressed as a probability.
        toys: thrown at all points together, failed ones included.
        nominal: critical values of the toys at the nominal point alone, by level as text.
    """

    mu: float
    levels: tuple[float, ...]
    names: tuple[str, ...]
    columns: tuple[int, ...]
    origin: tuple[float, ...]
    limits: tuple[tuple[float, float], ...]
    coefficients: dict[str, list[float]]
    precision: list[list[float]]
    toys: int
    nominal: dict[str, CriticalValue]

    def critical(self, level: float, alpha: np.ndarray) -> np.ndarray:
        """c (T,) of points alpha (T, K)."""
        return np.exp(self._terms(alpha) @ np.asarray(self.coefficients[str(level)]))

    def coverage_error(self, level: float, alpha: np.ndarray) -> float:
        """Standard error of the coverage of experiments at alpha (T, K), from the toys behind the surface alone.

        An error of a quantile moves the coverage by the density of t times that error. In the error of the quantile
        the same density divides, so that only the number of toys is left.
        """
        mean = self._terms(alpha).mean(axis=0)
        return float(np.sqrt(level * (1.0 - level) * (mean @ np.asarray(self.precision) @ mean)))

    def _terms(self, alpha: np.ndarray) -> np.ndarray:
        alpha = np.asarray(alpha, dtype=float)
        low, high = np.asarray(self.limits, dtype=float).reshape(-1, 2).T
        return _terms(np.clip(alpha[:, list(self.columns)] - np.asarray(self.origin), low, high))


@dataclass(frozen=True)
class CriticalSurfaces:
    """The surfaces of all audited values of the parameter."""

    surfaces: tuple[CriticalSurface, ...]

    def at(self, mu: float) -> CriticalSurface:
        """That of one value; raises ModelError if there is none."""
        for surface in self.surfaces:
            if abs(surface.mu - mu) < 1e-9:
                return surface
        raise ModelError(
            f"no critical values at {mu:g}: they were made for {', '.join(f'{item.mu:g}' for item in self.surfaces)}"
        )


def leading_nuisances(impacts: Impacts, systematics: Systematics, number: int = LEADING) -> tuple[str, ...]:
    """Names of the nuisance parameters with a Gaussian constraint that have the largest impacts, largest first.

    Others have no width that is known before the fit, so that no distance of shared points could be chosen.
    """
    constrained = {item.name for item in systematics.nuisances if item.constraint == "gaussian"}
    return tuple(impact.name for impact in impacts.impacts if impact.name in constrained)[:number]


def shared_points(systematics: Systematics, leading: Sequence[str], spread: float = SPREAD) -> np.ndarray:
    """(9, K) values of the nuisance parameters: nominal, then the orthogonal array of the leading ones, within bounds.

    Raises:
        ModelError: more than seven lead.
    """
    if len(leading) > LEADING:
        raise ModelError(f"critical values can follow {LEADING} nuisance parameters, not {len(leading)}")
    if not len(leading):
        return systematics.nominal[None]
    pair = np.array([[1.0, 1.0], [1.0, -1.0]])
    signs = np.kron(np.kron(pair, pair), pair)[:, 1:]  # orthogonal columns, each with a sum of zero
    points = np.tile(systematics.nominal, (1 + len(signs), 1))
    for sign, name in zip(signs.T, leading, strict=False):
        column = systematics.names.index(name)
        points[1:, column] = np.clip(points[1:, column] + spread * sign, *systematics.bounds[column])
    return points


def throw_surface(
    model: Model, mu: float, leading: Sequence[str], toys: int, levels: Sequence[float], seed: int
) -> CriticalSurface:
    """Throw ``toys`` pseudo-experiments at each shared point and fit the surface.

    Args:
        model: mixture, reference events and nuisance parameters.
        mu: where they are thrown, and the tested value.
        leading: names of the nuisance parameters along which c varies.
        toys: at each point.
        levels: confidence levels.
        seed: of everything random; each point has random numbers of its own.
    """
    points = shared_points(model.systematics, leading)
    fits = []
    for index, point in enumerate(points):
        # A model whose normaliser is exact about the point of the toys would be taken here.
        fits.append(throw_toys(model, mu, toys, seed_for(seed, "surface", point=index), "conditional", point))
    return fit_surface(model.systematics, mu, leading, points, fits, levels)


def fit_surface(
    systematics: Systematics,
    mu: float,
    leading: Sequence[str],
    points: np.ndarray,
    fits: Sequence[ToyFits],
    levels: Sequence[float],
) -> CriticalSurface:
    """The surface of toys that were thrown and tested at ``mu`` and each of the points (P, K).

    Raises:
        ModelError: too few points for the terms, or a quantile that is zero.
    """
    columns = tuple(systematics.names.index(name) for name in leading)
    offsets = (points - systematics.nominal)[:, list(columns)]
    terms = _terms(offsets)
    usable = [item.t[item.status <= Status.AT_BOUND] for item in fits]
    numbers = np.array([len(t) for t in usable], dtype=float)
    information = terms.T @ (numbers[:, None] * terms)
    if len(points) < terms.shape[1] or np.linalg.matrix_rank(information) < terms.shape[1]:
        raise ModelError(
            f"{len(points)} points of pseudo-experiments cannot give the {terms.shape[1]} terms of a critical surface"
        )
    coefficients, nominal = {}, {}
    for level in levels:
        values = [critical_value(t, level) for t in usable]
        if min(value.value for value in values) <= 0.0:
            raise ModelError(
                f"at {mu:g} more than {level:g} of the pseudo-experiments have t = 0: there is no critical value"
            )
        logarithms = np.log([value.value for value in values])
        coefficients[str(level)] = np.linalg.solve(information, terms.T @ (numbers * logarithms)).tolist()
        nominal[str(level)] = values[0]
    return CriticalSurface(
        mu=mu,
        levels=tuple(levels),
        names=tuple(leading),
        columns=columns,
        origin=tuple(systematics.nominal[list(columns)].tolist()),
        limits=tuple((float(low), float(high)) for low, high in REACH * np.array([offsets.min(0), offsets.max(0)]).T),
        coefficients=coefficients,
        precision=np.linalg.inv(information).tolist(),
        toys=sum(len(item.t) for item in fits),
        nominal=nominal,
    )


def _terms(offsets: np.ndarray) -> np.ndarray:
    """(T, L+2) factors of the coefficients at offsets (T, L) from nominal."""
    return np.concatenate([np.ones((len(offsets), 1)), offsets, offsets[:, :1] ** 2], axis=1)
