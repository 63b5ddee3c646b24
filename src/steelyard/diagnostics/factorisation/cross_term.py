r"""What t(mu) would change by, if the model had the cross term of nuisance parameters that are varied together.

The model is :math:`\ln g_c(x|\alpha)=\sum_k\ln g_{ck}(x|\alpha_k)`. At a point :math:`\alpha^0` with two of them at
:math:`\pm1` a sample tells the true density :math:`p_c^{kl}` and yield. To lowest order what is missing is

.. math:: h_c(x|\alpha)=\kappa\,h_c(x), \qquad \kappa=\frac{\alpha_k\alpha_l}{\alpha^0_k\alpha^0_l}, \qquad
          h_c(x)=\ln\frac{p_c^{kl}(x)}{p_c(x)\,g_{ck}(x)\,g_{cl}(x)/N_c},

and :math:`\kappa\,\eta_c` with :math:`\eta_c=\ln[\nu_c^{kl}\,\nu_c/(\nu_c^k\,\nu_c^l)]` for the yield. With more than
two nuisance parameters :math:`\kappa` is the mean over their pairs, as if all were alike.

*In units of t.* The data are those of :math:`(\mu_0,\alpha_0)`, of intensity :math:`\lambda_0`, and the conditional fit
at :math:`\mu` has :math:`\lambda_\mu`. The change of a model at the best fit does not matter to first order, and the
nuisance parameters are fitted, so that a change of :math:`\lambda_\mu` alone counts:

.. math:: \delta t(\mu)=2\int\Big[1-\frac{\lambda_0}{\lambda_\mu}\Big]\,\delta\lambda_\mu\,dx, \qquad
          \delta\lambda_\mu=\sum_c f_c\,G_c\,\nu_c\,\kappa_c\,\frac{g_c}{N_c}\,
          \big[h_c-\langle h_c\rangle_c+\eta_c\big]\,p_c,

with the mean over the fitted density of the process, as densities stay normalised. With
:math:`W=1-\lambda_0/\lambda_\mu` and its mean :math:`A_c` that is a difference of expectations of one function, under
the true joint density and under the product of the single ones, :math:`p_c^\times`,

.. math:: \delta t(\mu)=2\sum_c f_c\,G_c\,\nu_c\,\kappa_c\Big\{E_{p_c^{kl}}[F_c]-E_{p_c^\times}[F_c]+A_c\,\eta_c\Big\},
          \qquad F_c=(W-A_c)\,\frac{g_c(x|\hat{\hat\alpha})\,N_c(\alpha^0)}{g_c(x|\alpha^0)\,N_c(\hat{\hat\alpha})}.

*The fit follows.* Where a nuisance parameter l is at its nominal value :math:`\kappa` vanishes, and yet the cross term
changes what l does: with k off it is another shape. The fit uses it. With :math:`\delta t=\sum_c\kappa_cb_c`, its
slope :math:`s_j=\sum_cb_c\,\partial\kappa_c/\partial\alpha_j`, and V the covariance of the nuisance parameters at fixed
mu, as the fit without the cross term has it, the minimum is lower by :math:`\frac14s^TVs`, which is subtracted (less
what the statistical errors of s make of it). That is of second order in h. What is left out of this order,
:math:`\int\lambda_0\kappa^2h^2` and what the best fit gains at its own place, is positive: beyond a tenth of a unit the
change is overestimated, see ``docs/statistics.md``.

*The product without the errors of the learned ratios.* :math:`E_{p^\times}` of learned ratios has their errors in it,
:math:`\varepsilon_k+\varepsilon_l`. The sample with k alone off has the true k, and needs the learned l alone, so

.. math:: A[F]=E_{p_k}[g_l F]+E_{p_l}[g_k F]-E_p[g_k g_l F]

has :math:`\varepsilon_l+\varepsilon_k-(\varepsilon_k+\varepsilon_l)=0` of them, to first order, and of n nuisance
parameters :math:`\sum_kE_{p_k}[\prod_{j\ne k}g_jF]-(n-1)E_p[\prod_jg_jF]`. What is left is of second order in errors,
of which each is of a size that the closure of the variations bounds. :math:`E_{p^\times}[F]=A[F]/A[1]`.

*Statistics.* All versions are made of the same simulated events, known by their identifiers: what an event adds to the
difference is :math:`F(x_{kl})-F(x_k)g_l-F(x_l)g_k+F(x)g_kg_l`, a second difference, in which most of its noise drops
out. The error is the root of the sum of squares of what each event adds, to all processes together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.normaliser import log_normaliser
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.unbinned import Point, UnbinnedModel
from steelyard.regions.varied_intensities import process_factors, shape_products


@dataclass(frozen=True, eq=False)
class Version:
    """Simulated events at one point of the nuisance parameters, as the model sees them.

    Attributes:
        ids: (n,) identifiers; an event has the same one in all versions.
        weights: (n, C) expected events of each process at this point; 0 for processes that are not compared.
        intensities: (n, C) nominal nu_c r_c of the model.
        log_g: (n, T, 2) of the model.
    """

    ids: np.ndarray
    weights: np.ndarray
    intensities: np.ndarray
    log_g: np.ndarray


@dataclass(frozen=True, eq=False)
class Change:
    """The change of t(mu) by the cross term, and its statistical error.

    Attributes:
        value: of all processes.
        error: its standard deviation.
        shapes, yields: (C,) the first order of each process.
        errors: (C,) of the sum of the two.
        scale: (C,) kappa.
        refit: what nuisance parameters that follow the cross term add, of second order.
    """

    value: float
    error: float
    shapes: np.ndarray
    yields: np.ndarray
    errors: np.ndarray
    scale: np.ndarray
    refit: float


@dataclass(frozen=True, eq=False)
class JointEvents:
    """The events of one joint point.

    Attributes:
        alpha: nuisance parameter: +1 or -1.
        processes: process: those of the nuisance parameters that vary it, two or more.
        nominal, joint: none and all of them off.
        alone: nuisance parameter: with it alone off.
    """

    alpha: Mapping[str, float]
    processes: Mapping[str, Sequence[str]]
    nominal: Version
    joint: Version
    alone: Mapping[str, Version]


class CrossTerm:
    """The cross term of one joint point, measured with its events."""

    def __init__(self, model: UnbinnedModel, events: JointEvents) -> None:
        """Prepare what does not depend on the fit.

        Args:
            model: whose product is tested.
            events: at the point.

        Raises:
            ModelError: weights of a process in a version have no positive sum, or a nuisance parameter has no events.
        """
        self._model, self._events = model, events
        self._point = model.systematics.point(dict(events.alpha))
        names = model.mixture.processes
        self._compared = [names.index(process) for process in events.processes]
        for name in sorted({name for varied in events.processes.values() for name in varied}):
            if name not in events.alone:
                raise ModelError(f"there are no events with {name} alone off, of which the product is made")
        self._versions = (events.joint, events.nominal, *events.alone.values())
        _, places = np.unique(np.concatenate([version.ids for version in self._versions]), return_inverse=True)
        self._places = np.split(places, np.cumsum([len(version.ids) for version in self._versions])[:-1])
        self._number = int(places.max()) + 1 if len(places) else 0
        self._at_point = [self._shapes(version, self._point) for version in self._versions]
        self._normaliser = log_normaliser(model.systematics, self._point)
        self._parts = {c: self._parts_of(c) for c in self._compared}
        self._log_yields = {c: self._log_yield(c) for c in self._compared}

    @property
    def processes(self) -> tuple[str, ...]:
        """All C of the model."""
        return self._model.mixture.processes

    @property
    def log_yields(self) -> dict[str, tuple[float, float]]:
        """Process: eta and its statistical error."""
        names = self._model.mixture.processes
        return {names[c]: (value, float(np.sqrt(added @ added))) for c, (value, added) in self._log_yields.items()}

    def changes(
        self,
        mu: Sequence[float],
        alpha: np.ndarray,
        covariance: np.ndarray,
        data_mu: float,
        data_alpha: Point = None,
    ) -> tuple[Change | None, ...]:
        """The change of t at each mu, of data at one point.

        Args:
            mu: G values of the parameter.
            alpha: (G, K) the conditional fits there.
            covariance: (K, K) V of the nuisance parameters at fixed mu.
            data_mu, data_alpha: the data; of observed data the best fit to them, which stands for them.

        Returns:
            None where the fit has no positive intensity at some event.
        """
        origin = self._model.systematics.point(data_alpha)
        data = [self._intensity(version, data_mu, origin)[0] for version in self._versions]
        return tuple(
            self._change(float(value), np.asarray(point, dtype=float), covariance, data)
            for value, point in zip(mu, alpha, strict=True)
        )

    def _change(
        self, mu: float, fitted: np.ndarray, covariance: np.ndarray, data: Sequence[np.ndarray]
    ) -> Change | None:
        model, names = self._model, self._model.mixture.processes
        there = [self._intensity(version, mu, fitted) for version in self._versions]
        if not all((intensity > 0.0).all() for intensity, _ in there):
            return None
        residuals = [1.0 - known / intensity for known, (intensity, _) in zip(data, there, strict=True)]
        factors = self._factors(mu) * total_yield_factors(model.systematics, fitted) * model.mixture.yields
        normaliser = log_normaliser(model.systematics, fitted)
        shapes, yields, scale, errors = (np.zeros(len(names)) for _ in range(4))
        first, total = 0.0, np.zeros(self._number)
        slope, slope_added = np.zeros(len(fitted)), np.zeros((len(fitted), self._number))
        for c in self._compared:
            scale[c], slopes = self._scale(self._events.processes[names[c]], fitted)
            # the density of the process at the fit over that at the joint point
            moved = [
                products.get(c, 1.0) / here.get(c, 1.0) * np.exp(self._normaliser[c] - normaliser[c])
                for (_, products), here in zip(there, self._at_point, strict=True)
            ]
            weights = self._parts[c][1].weights * moved[1]
            mean = float(weights @ residuals[1] / weights.sum())
            functions = [(residual - mean) * ratio for residual, ratio in zip(residuals, moved, strict=True)]
            shape, added = self._difference(c, functions)
            eta, eta_added = self._log_yields[c]
            factor = 2.0 * factors[c]
            size, added = factor * (shape + mean * eta), factor * (added + mean * eta_added)
            shapes[c], yields[c] = scale[c] * factor * shape, scale[c] * factor * mean * eta
            errors[c] = abs(scale[c]) * np.sqrt(added @ added)
            first += scale[c] * size
            total += scale[c] * added
            for k, change in slopes.items():
                slope[k] += change * size
                slope_added[k] += change * added
        noise = covariance @ (slope_added @ slope_added.T)
        refit = -0.25 * (float(slope @ covariance @ slope) - float(np.trace(noise)))
        total -= 0.5 * (covariance @ slope) @ slope_added
        error = np.sqrt(total @ total + np.trace(noise @ noise) / 8.0)
        return Change(first + refit, float(error), shapes, yields, errors, scale, refit)

    def _parts_of(self, process: int) -> "list[_Part]":
        """The joint version, the nominal one, and those with one nuisance parameter off, as they enter A."""
        varied = self._events.processes[self._model.mixture.processes[process]]
        alone = [(2 + place, other) for place, other in enumerate(self._events.alone) if other in varied]
        parts = [(0, None, 0.0), (1, None, 1.0 - len(alone)), *((place, other, 1.0) for place, other in alone)]
        result = []
        for version, other, factor in parts:
            density = self._density(version, process)
            weights = density if version == 0 else density * self._ratios(version, process, other)
            result.append(_Part(version, factor, density, weights))
        return result

    def _density(self, version: int, process: int) -> np.ndarray:
        weights = self._versions[version].weights[:, process]
        total = weights.sum()
        if not total > 0.0:
            name = self._model.mixture.processes[process]
            raise ModelError(f"the weights of {name} at the joint point have the sum {total:g} in one of its versions")
        return np.asarray(weights / total)

    def _ratios(self, version: int, process: int, without: str | None) -> np.ndarray:
        """The product of the learned ratios at the point, without one that the events have already."""
        products = self._at_point[version]
        if without is not None:
            point = self._point.copy()
            point[self._model.systematics.names.index(without)] = 0.0
            products = self._shapes(self._versions[version], point, process)
        return np.asarray(products.get(process, np.ones(len(self._versions[version].ids))))

    def _shapes(self, version: Version, point: np.ndarray, process: int | None = None) -> dict[int, np.ndarray]:
        """Process: product of its learned ratios at a point, of all processes that have any."""
        systematics = self._model.systematics
        wanted = np.unique(systematics.terms[:, 0]) if process is None else [process]
        return {int(c): shape_products(systematics, version.log_g, point[None], int(c))[0] for c in wanted}

    def _log_yield(self, process: int) -> tuple[float, np.ndarray]:
        """eta of a process, and what every event adds to it."""
        value, added = 0.0, np.zeros(self._number)
        for version, factor, density, _ in self._parts[process]:
            sign = 1.0 if version == 0 else -factor
            value += sign * float(np.log(self._versions[version].weights[:, process].sum()))
            self._add(added, version, sign * density)
        return value, added

    def _difference(self, process: int, functions: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """E of F under the true joint density minus that under the product, and what every event adds to it."""
        added = np.zeros(self._number)
        joint, *product = self._parts[process]
        truth = float(joint.weights @ functions[0])
        self._add(added, 0, joint.weights * (functions[0] - truth))
        size = sum(part.factor * float(part.weights.sum()) for part in product)
        value = sum(part.factor * float(part.weights @ functions[part.version]) for part in product) / size
        for version, factor, density, weights in product:
            own = weights * (functions[version] - value)
            self._add(added, version, -factor / size * (own - own.sum() * density))
        return truth - value, added

    def _add(self, added: np.ndarray, version: int, values: np.ndarray) -> None:
        added += np.bincount(self._places[version], values, self._number)

    def _intensity(self, version: Version, mu: float, point: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """The intensity over the reference of every event, and the products of ratios of the processes."""
        products = self._shapes(version, point)
        factors = self._factors(mu) * process_factors(self._model.systematics, point)
        result = np.zeros(len(version.ids))
        for c, factor in enumerate(factors):
            result += factor * version.intensities[:, c] * products.get(c, 1.0)
        return result, products

    def _factors(self, mu: float) -> np.ndarray:
        mixture = self._model.mixture
        return np.asarray(mixture.coefficients_along(mixture.to_coordinate(mu))[0])

    def _scale(self, varied: Sequence[str], fitted: np.ndarray) -> tuple[float, dict[int, float]]:
        """kappa and its derivatives by the number of the nuisance parameter."""
        places = [self._model.systematics.names.index(name) for name in varied]
        pairs = list(combinations(places, 2))
        slopes = dict.fromkeys(places, 0.0)
        value = 0.0
        for k, j in pairs:
            unit = 1.0 / (self._point[k] * self._point[j] * len(pairs))
            value += unit * fitted[k] * fitted[j]
            slopes[k] += unit * fitted[j]
            slopes[j] += unit * fitted[k]
        return float(value), slopes


class _Part(NamedTuple):
    """One version in A: its factor, its normalised weights, and these times the ratios that it still needs."""

    version: int
    factor: float
    density: np.ndarray
    weights: np.ndarray
