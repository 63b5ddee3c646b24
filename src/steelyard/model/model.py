"""The statistical model: parameters, and regions in which they act. All that a fit needs but data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.model.parameters import Parameter, ParameterSet, role_of
from steelyard.model.region import Region
from steelyard.model.yield_factors import total_yield_factors


@dataclass(frozen=True, eq=False)
class Model:
    r"""Regions with common parameters (docs/theory.md 7).

    .. math:: -2\ln L(\theta,\alpha) = \sum_h\Big[2\nu_h(\theta,\alpha) - 2\sum_{i\in h}w_i\ln\lambda_{hi}\Big]
              + \sum_k C_k(\alpha_k, a_k)

    Parameters that have the same name in several regions are the same, and have to be declared alike.

    Attributes:
        regions: H of them, in the order of every sequence by region.

    Raises:
        ModelError: no region, two of one name, or a parameter that is declared differently in two of them.
    """

    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        names = [region.name for region in self.regions]
        if not names or len(set(names)) < len(names):
            raise ModelError(f"a model has regions of different names, found {', '.join(names) or 'none'}")
        _ = self.parameters

    @cached_property
    def theta(self) -> tuple[Parameter, ...]:
        """The M parameters of the coefficients: those of interest, then free ones; the first is the one of profiles."""
        found: dict[str, Parameter] = {}
        for region in self.regions:
            for parameter in region.mixture.parameters:
                plain = _without_coordinate(parameter)
                _same(found.setdefault(parameter.name, plain), plain, region.name)
        ordered = sorted(found.values(), key=lambda parameter: parameter.role == "free")
        if len(self.regions) == 1:
            return self.regions[0].mixture.parameters
        coordinates = dict(zip(self.coefficients.fitted, self.coefficients.coordinates, strict=True))
        return tuple(Parameter(p.name, p.role, p.nominal, p.bounds, p.constraint, coordinates[p.name]) for p in ordered)

    @cached_property
    def nuisances(self) -> tuple[Nuisance, ...]:
        """The K nuisance parameters and norm factors of all regions, in the order in which they first occur."""
        found: dict[str, Nuisance] = {}
        for region in self.regions:
            for nuisance in region.systematics.nuisances:
                _same(found.setdefault(nuisance.name, nuisance), nuisance, region.name)
        return tuple(found.values())

    @cached_property
    def parameters(self) -> ParameterSet:
        """All P = M + K parameters."""
        return ParameterSet((*self.theta, *(nuisance.parameter for nuisance in self.nuisances)))

    @cached_property
    def coefficients(self) -> Coefficients:
        """Coefficients of all regions, each expression once, in common coordinates."""
        if len(self.regions) == 1:
            return self.regions[0].mixture.coefficients
        fitted: dict[str, tuple[str, float]] = {}
        nominal: dict[str, float] = {}
        others: dict[str, None] = {}
        for region in self.regions:
            coefficients = region.mixture.coefficients
            for parameter, low in zip(region.mixture.parameters, coefficients.lower, strict=True):
                fitted.setdefault(parameter.name, (parameter.role, low))
            for name in coefficients.parameters:
                others.setdefault(name)
                value = coefficients.nominal.get(name)
                if value is not None and nominal.setdefault(name, value) != value:
                    raise ModelError(
                        f"parameter {name} has the nominal value {nominal[name]:g}, and {value:g} in "
                        f"region {region.name}"
                    )
        first = sorted(fitted, key=lambda name: fitted[name][0] == "free")
        rest = [name for name in others if name not in fitted]
        lower = [fitted[name][1] for name in first]
        return Coefficients((*first, *rest), tuple(self._expressions), nominal, lower)

    @cached_property
    def rows(self) -> np.ndarray:
        """(R,) place of each region's processes, one region behind the other, among :attr:`coefficients`."""
        if len(self.regions) == 1:
            return np.arange(len(self.regions[0].mixture.processes))
        places = {text: place for place, text in enumerate(self._expressions)}
        return np.array([places[text] for region in self.regions for text in region.mixture.coefficients.expressions])

    def profiling(self, parameter: str) -> "Model":
        """The same model with another parameter of the coefficients as the first one, along which profiles go.

        Raises:
            ModelError: it is none of the coefficients.
        """
        names = [p.name for p in self.theta]
        if parameter not in names:
            raise ModelError(
                f"profiles go along a parameter of the coefficients ({', '.join(names)}), not '{parameter}'"
            )
        if names[0] == parameter:
            return self
        order = [names.index(parameter), *(i for i, name in enumerate(names) if name != parameter)]
        theta = tuple(self.theta[i] for i in order)
        old = self.coefficients
        rest = [name for name in old.parameters if name not in names]
        lower = [dict(zip(old.fitted, old.lower, strict=True))[p.name] for p in theta]
        coefficients = Coefficients((*(p.name for p in theta), *rest), old.expressions, old.nominal, lower)
        coordinates = tuple(p.coordinate for p in theta if p.coordinate is not None)
        known = coefficients.knowing(coordinates, old.form.permuted(np.array(order)))
        return self._knowing(self.regions, theta=_of_interest_first(theta), coefficients=known)

    def coefficient_values(self, theta: ArrayLike) -> list[np.ndarray]:
        """Coefficients of the processes of each region, (G, C), at values (G, M) of their parameters."""
        theta = np.asarray(theta, dtype=float)
        if len(self.regions) == 1 and theta.shape[1] == 1:
            mixture = self.regions[0].mixture
            return [mixture.coefficients_along(mixture.to_coordinate(theta[:, 0]))]
        kappa = np.stack([p.to_coordinate(column) for p, column in zip(self.theta, theta.T, strict=True)], axis=1)
        of_rows = self.coefficients.expand(kappa)[0][:, self.rows]
        ends = np.cumsum([len(region.mixture.processes) for region in self.regions])[:-1]
        return np.split(of_rows, ends, axis=1)

    def with_regions(self, regions: tuple[Region, ...]) -> "Model":
        """Regions with other effects of the same parameters, in place of these: what is known of these stays known."""
        return self._knowing(regions, theta=self.theta, coefficients=self.coefficients)

    def _knowing(
        self, regions: tuple[Region, ...], theta: tuple[Parameter, ...], coefficients: Coefficients
    ) -> "Model":
        """A model of regions with the processes and the nuisance parameters of these, without symbolic algebra."""
        result = object.__new__(Model)
        object.__setattr__(result, "regions", regions)
        parameters = ParameterSet((*theta, *(nuisance.parameter for nuisance in self.nuisances)))
        result.__dict__.update(  # where cached_property keeps them
            theta=theta, nuisances=self.nuisances, parameters=parameters, coefficients=coefficients, rows=self.rows
        )
        return result

    def expected(self, point: ArrayLike | Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
        """Expected events of the processes of each region, (C,), at values of the parameters (P,), or by name."""
        values = dict(zip(self.parameters.names, self.parameters.point(point), strict=True))
        coefficients = self.coefficient_values([[values[parameter.name] for parameter in self.theta]])
        result = {}
        for region, own in zip(self.regions, coefficients, strict=True):
            alpha = np.array([values[name] for name in region.systematics.names])
            result[region.name] = own[0] * total_yield_factors(region.systematics, alpha) * region.mixture.yields
        return result

    @cached_property
    def _expressions(self) -> Sequence[str]:
        return list(dict.fromkeys(text for region in self.regions for text in region.mixture.coefficients.expressions))


def _of_interest_first(theta: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The first one becomes of interest, whatever it was: that is what a profile along it means."""
    first = theta[0]
    profiled = Parameter(
        first.name,
        role_of(of_interest=True, known=False),
        first.nominal,
        first.bounds,
        first.constraint,
        first.coordinate,
    )
    return (profiled, *theta[1:])


def _without_coordinate(parameter: Parameter) -> Parameter:
    return Parameter(parameter.name, parameter.role, parameter.nominal, parameter.bounds, parameter.constraint)


def _same(one: object, other: object, region: str) -> None:
    if one != other:
        raise ModelError(
            f"region {region} declares a parameter as {other}, and another one as {one}: shared parameters "
            "are declared alike"
        )
