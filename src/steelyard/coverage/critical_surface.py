r"""Critical values as a smooth function of the nuisance parameters: c(mu, alpha) at one mu.

The belt of a data set is made of toys at its own conditional fit. To test that construction every simulated experiment
needs the critical value at the conditional fit of *its* nuisance parameters, and toys of its own cannot be afforded. So
toys are thrown at shared points, and the quantile between them is a polynomial in z = alpha - alpha_nominal of the
leading nuisance parameters, fitted by least squares with binomial errors. There are two forms:

*linear*, for few experiments,

.. math:: \ln c(\alpha) = \beta_0 + \sum_k \beta_k\,z_k + \gamma\,z_1^2

of nine points: nominal, and eight where each of up to seven nuisance parameters is ``SPREAD`` above or below nominal,
in the patterns of an orthogonal array (Plackett and Burman, Biometrika 33 (1946) 305): each slope is measured with all
eight. z_1 has the largest impact. All curvatures end up in gamma, and what two parameters do together in a slope;

*quadratic*, for thousands of experiments,

.. math:: \ln c(\alpha) = \beta_0 + \sum_k \beta_k\,z_k + \sum_{k\le l} \gamma_{kl}\,z_k z_l

of a central composite design (Box and Wilson, J. R. Stat. Soc. B 13 (1951) 1) of up to five: nominal, ±``SPREAD``/2 and
±``SPREAD`` of each alone, and all corners (half of them for five, in which no two terms are mixed up).

Neglected is what those parameters do that do not lead.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from steelyard.errors import ModelError
from steelyard.inference.belts import CriticalValue, critical_value
from steelyard.inference.impacts import Impacts
from steelyard.inference.toy_fits import Status, ToyFits
from steelyard.inference.toys import throw_toys
from steelyard.model.effects import Systematics
from steelyard.regions.unbinned import UnbinnedModel
from steelyard.seeds import seed_for

Form = Literal["linear", "quadratic"]

# Leading nuisance parameters: as many as nine points, and as 37, can tell apart.
LEADING: dict[Form, int] = {"linear": 7, "quadratic": 5}
# Distance of the shared points from nominal, in units of the constraint.
SPREAD = 2.0
# A parabola is not believed further out than this times the outermost shared point.
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
        coefficients: of the terms of ln c, by level as text: beta_0, beta_k, then gamma; (1,) where nothing leads.
        precision: inverse of the sum of T x x^T over the shared points with T toys each: times
            level (1 − level) the covariance of a fitted quantile, expressed as a probability.
        toys: thrown at all points together, failed ones included.
        nominal: critical values of the toys at the nominal point alone, by level as text.
        form: of the polynomial.
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
    form: Form = "linear"

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
        return _terms(np.clip(alpha[:, list(self.columns)] - np.asarray(self.origin), low, high), self.form)


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


def leading_nuisances(impacts: Impacts, systematics: Systematics, number: int = LEADING["linear"]) -> tuple[str, ...]:
    """Names of the nuisance parameters with an auxiliary measurement that have the largest impacts, largest first.

    Others have no width that is known before the fit, so that no distance of shared points could be chosen.
    """
    constrained = {parameter.name for parameter in systematics.parameters if parameter.constraint.measured}
    return tuple(impact.name for impact in impacts.impacts if impact.name in constrained)[:number]


def shared_points(systematics: Systematics, leading: Sequence[str], form: Form = "linear") -> np.ndarray:
    """(P, K) values of the nuisance parameters: nominal, then those of the design, within bounds.

    Raises:
        ModelError: more lead than the form can follow.
    """
    number = len(leading)
    if number > LEADING[form]:
        raise ModelError(f"critical values can follow {LEADING[form]} nuisance parameters, not {number}")
    if not number:
        return systematics.nominal[None]
    if form == "linear":
        pair = np.array([[1.0, 1.0], [1.0, -1.0]])
        signs = np.kron(np.kron(pair, pair), pair)[:, 1 : number + 1]  # orthogonal columns, each with a sum of zero
    else:
        corners = np.array(list(itertools.product((1.0, -1.0), repeat=min(number, 4))))
        if number == 5:
            corners = np.column_stack([corners, corners.prod(axis=1)])
        axes = np.concatenate([side * np.eye(number) for side in (0.5, -0.5, 1.0, -1.0)])
        signs = np.concatenate([axes, corners])
    columns = [systematics.names.index(name) for name in leading]
    points = np.tile(systematics.nominal, (1 + len(signs), 1))
    points[1:, columns] = np.clip(
        points[1:, columns] + SPREAD * signs * systematics.errors[columns], *systematics.bounds[columns].T
    )
    return points


def throw_surface(
    model: UnbinnedModel,
    mu: float,
    leading: Sequence[str],
    toys: int,
    levels: Sequence[float],
    seed: int,
    form: Form = "linear",
) -> CriticalSurface:
    """Throw ``toys`` pseudo-experiments at each shared point and fit the surface.

    Args:
        model: mixture, reference events and nuisance parameters.
        mu: where they are thrown, and the tested value.
        leading: names of the nuisance parameters along which c varies.
        toys: at each point.
        levels: confidence levels.
        seed: of everything random; each point has random numbers of its own.
        form: of the surface.
    """
    points = shared_points(model.systematics, leading, form)
    fits = [
        throw_toys(model, mu, toys, seed_for(seed, "surface", point=index), "conditional", point)
        for index, point in enumerate(points)
    ]
    return fit_surface(model.systematics, mu, leading, points, fits, levels, form)


def fit_surface(
    systematics: Systematics,
    mu: float,
    leading: Sequence[str],
    points: np.ndarray,
    fits: Sequence[ToyFits],
    levels: Sequence[float],
    form: Form = "linear",
) -> CriticalSurface:
    """The surface of toys that were thrown and tested at ``mu`` and each of the points (P, K).

    Raises:
        ModelError: too few points for the terms, or a quantile that is zero.
    """
    columns = tuple(systematics.names.index(name) for name in leading)
    offsets = (points - systematics.nominal)[:, list(columns)]
    terms = _terms(offsets, form)
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
        form=form,
    )


def _terms(offsets: np.ndarray, form: Form) -> np.ndarray:
    """(T, terms) factors of the coefficients at offsets (T, L) from nominal."""
    number = offsets.shape[1]
    pairs = itertools.combinations_with_replacement(range(number), 2) if form == "quadratic" else [(0, 0)][:number]
    squares = [offsets[:, first] * offsets[:, second] for first, second in pairs]
    return np.column_stack([np.ones(len(offsets)), offsets, *squares])
