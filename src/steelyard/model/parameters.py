r"""Parameters of the fit: those of interest, free ones and nuisance parameters, in one ordered vector.

The fit runs in coordinates. A parameter that enters under a root, such as the signal strength of an interfering signal,
has one in which every coefficient is smooth at its lower bound, :math:`\theta=\theta_0+\kappa^n`
(:mod:`steelyard.model.coefficients` finds n); the coordinate of any other parameter is the parameter itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError, nearest
from steelyard.model.constraints import Constraint
from steelyard.model.constraints.free import Free

Role = Literal["of_interest", "free", "nuisance"]
ROLES: tuple[Role, ...] = ("of_interest", "free", "nuisance")


def role_of(of_interest: bool, known: bool) -> Role:
    """The role of a parameter.

    Args:
        of_interest: it is what is measured, or profiled along.
        known: the size of its effect is, from variations of the simulation or an auxiliary measurement.
    """
    if of_interest:
        return "of_interest"
    return "nuisance" if known else "free"


@dataclass(frozen=True)
class Coordinate:
    r"""The coordinate in which the fit runs: :math:`\theta = \theta_0 + \kappa^n`.

    Attributes:
        name: the parameter's name for n = 1, else ``kappa``.
        power: n.
        origin: :math:`\theta_0`, the parameter's lower bound; 0 for n = 1.
    """

    name: str
    power: int
    origin: float = 0.0

    def to_parameter(self, value: ArrayLike) -> np.ndarray:
        """Parameter of coordinate values, any shape."""
        value = np.asarray(value, dtype=float)
        return value.copy() if self.power == 1 else self.origin + value**self.power

    def slope(self, value: float) -> float:
        """Derivative of the parameter in the coordinate, at a value of the coordinate."""
        return self.power * float(value) ** (self.power - 1)

    def from_parameter(self, value: ArrayLike) -> np.ndarray:
        """Coordinate (the non-negative root) of parameter values, any shape.

        Raises:
            ModelError: a value lies below the lower bound of the parameter, where there is no such root.
        """
        value = np.asarray(value, dtype=float)
        if self.power == 1:
            return value.copy()
        above = value - self.origin
        if np.any(above < -1e-12 * (1.0 + abs(self.origin))):
            raise ModelError(f"parameter value {np.min(value):g} is below its lower bound {self.origin:g}")
        above = np.maximum(above, 0.0)  # rounding of a value at the bound
        if self.power == 2:
            return np.sqrt(above)
        return np.cbrt(above) if self.power == 3 else above ** (1.0 / self.power)


@dataclass(frozen=True)
class Parameter:
    """A number of the fit; the same name in two regions is the same number.

    Attributes:
        name: of the parameter.
        role: ``of_interest``: what is measured, in the coefficients; ``free``: fitted with it and without a constraint,
            in the coefficients or as a norm factor; ``nuisance``: stands for an effect with a known size.
        nominal: the value of the simulation.
        bounds: range of the fit, both ends finite.
        constraint: what an auxiliary measurement says of it.
        coordinate: in which the fit runs; None for the parameter itself.
    """

    name: str
    role: Role = "nuisance"
    nominal: float = 0.0
    bounds: tuple[float, float] = (-5.0, 5.0)
    constraint: Constraint = field(default_factory=Free)
    coordinate: Coordinate | None = None

    def __post_init__(self) -> None:
        low, high = self.bounds
        if self.role not in ROLES:
            raise ModelError(f"parameter {self.name}: {nearest(self.role, ROLES, 'roles')}, not '{self.role}'")
        if not (np.isfinite([low, high]).all() and low <= self.nominal <= high and low < high):
            raise ModelError(
                f"parameter {self.name}: its nominal value {self.nominal:g} must lie within finite bounds, found "
                f"[{low:g}, {high:g}]"
            )

    def to_coordinate(self, value: ArrayLike) -> np.ndarray:
        """Coordinate of values of the parameter."""
        return np.array(value, dtype=float) if self.coordinate is None else self.coordinate.from_parameter(value)

    def from_coordinate(self, value: ArrayLike) -> np.ndarray:
        """The parameter of values of its coordinate."""
        return np.array(value, dtype=float) if self.coordinate is None else self.coordinate.to_parameter(value)

    def slope(self, value: float) -> float:
        """Derivative of the parameter in its coordinate."""
        return 1.0 if self.coordinate is None else self.coordinate.slope(value)


@dataclass(frozen=True)
class ParameterSet:
    """All P parameters in the order of every vector: of the coefficients, of interest before free, then the others.

    The others are nuisance parameters and the free norm factors among them, in the order of their declaration.

    Raises:
        ModelError: two of one name, or roles out of order.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) < len(names):
            raise ModelError(f"two parameters have the same name: {', '.join(names)}")
        of_interest = [ROLES.index(parameter.role) == 0 for parameter in self.parameters]
        if of_interest != sorted(of_interest, reverse=True):
            raise ModelError(f"parameters of interest come first, found {', '.join(names)}")

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.index(name)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def nominal(self) -> np.ndarray:
        """(P,) values of the simulation."""
        return np.array([parameter.nominal for parameter in self.parameters], dtype=float)

    @property
    def bounds(self) -> np.ndarray:
        """(P, 2) ranges of the fit."""
        return np.array([parameter.bounds for parameter in self.parameters], dtype=float).reshape(len(self), 2)

    @property
    def measured(self) -> np.ndarray:
        """(P,) bool: which have a constraint with an auxiliary measurement, and so a global observable."""
        return np.array([parameter.constraint.measured for parameter in self.parameters], dtype=bool)

    @property
    def errors(self) -> np.ndarray:
        """(P,) standard deviations of the auxiliary measurements; 1 where there is none."""
        return np.array([parameter.constraint.error for parameter in self.parameters], dtype=float)

    def penalty(self, values: np.ndarray, observables: np.ndarray) -> np.ndarray:
        """What the constraints add to -2 ln L at values (P,), given global observables (P,), with two derivatives.

        Returns:
            (3, P), by parameter; 0 where nothing is measured.
        """
        found = [
            parameter.constraint.penalty(value, observable, parameter.constraint.scale)
            for parameter, value, observable in zip(self, values.tolist(), observables.tolist(), strict=True)
        ]
        return np.array(found, dtype=float).reshape(len(self), 3).T

    @cached_property
    def of_interest(self) -> tuple[str, ...]:
        """Names of the parameters of interest."""
        return tuple(parameter.name for parameter in self.parameters if parameter.role == "of_interest")

    def index(self, name: str) -> int:
        """Place of a parameter in every vector.

        Raises:
            ModelError: there is none of this name.
        """
        if name not in self.names:
            raise ModelError(f"there is no parameter '{name}': {nearest(name, self.names, 'parameters')}")
        return self.names.index(name)

    def point(self, values: Mapping[str, float] | ArrayLike | None = None) -> np.ndarray:
        """(P,) values of the parameters: nominal ones for None and for names that a mapping leaves out.

        Raises:
            ModelError: an unknown name, or not P finite values.
        """
        if values is None:
            return self.nominal
        if isinstance(values, Mapping):
            result = self.nominal
            for name, value in values.items():
                result[self.index(name)] = value
            values = result
        result = np.asarray(values, dtype=float)
        if result.shape != (len(self),) or not np.isfinite(result).all():
            raise ModelError(
                f"a point of the {len(self)} parameters {', '.join(self.names) or '(none)'} has one finite value for "
                f"each, found an array of shape {result.shape}: {result}"
            )
        return result

    def to_coordinates(self, point: ArrayLike) -> np.ndarray:
        """Coordinates of points (..., P), the same shape."""
        return self._each(point, "to_coordinate")

    def to_parameters(self, coordinates: ArrayLike) -> np.ndarray:
        """Parameters of coordinates (..., P), the same shape."""
        return self._each(coordinates, "from_coordinate")

    def slopes(self, coordinates: ArrayLike) -> np.ndarray:
        """(P,) derivatives of the parameters in their coordinates."""
        values = np.asarray(coordinates, dtype=float)
        return np.array([parameter.slope(value) for parameter, value in zip(self, values, strict=True)])

    def _each(self, values: ArrayLike, method: str) -> np.ndarray:
        values = np.asarray(values, dtype=float)
        if values.shape[-1:] != (len(self),):
            raise ModelError(f"{len(self)} parameters, and values of shape {values.shape}")
        columns = [getattr(parameter, method)(values[..., p]) for p, parameter in enumerate(self.parameters)]
        return np.stack(columns, axis=-1) if columns else values.copy()
