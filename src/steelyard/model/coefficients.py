"""The coefficients f_c of the mixture as functions of the parameters, with exact derivatives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.model.coefficient_forms import CoefficientForm
from steelyard.model.parameters import Coordinate


# Protocols and not the configuration's classes: stages that use coefficients do not depend on its code.
class ParameterRule(Protocol):
    """What is asked of a parameter of the configuration."""

    name: str
    nominal: float
    bounds: tuple[float, float]


class ProcessRule(Protocol):
    """What is asked of a process of the configuration."""

    coefficient: str


@dataclass(frozen=True)
class Coefficients:
    r"""The coefficients :math:`f_c` of :math:`\nu\,p(x) = \sum_c f_c(\theta)\,\nu_c\,p_c(x)` and their derivatives.

    ``value``, ``gradient`` and ``hessian`` are functions of the parameters. ``expand`` is a function of the coordinates
    of the parameters that are fitted, and ``at``, ``first`` and ``second`` of that of the first one, the parameter of
    interest, with the others at their nominal values. Where a coefficient has a root of a parameter, such as
    :math:`\sqrt\mu` of an interfering signal, its derivatives diverge at the lower bound; the coordinate is then
    :math:`\kappa=\sqrt\mu`, in which all of them are finite and exact at :math:`\kappa=0` too. They are symbolic once,
    and from then on the numbers and operations of :attr:`form`.

    Attributes:
        parameters: names; those that are fitted come first, the first of all is the parameter of interest.
        expressions: C expressions of the parameters.
        nominal: value of each parameter that a call does not give.
        lower: lower bounds of the M parameters that are fitted; a number for the parameter of interest alone.

    Raises:
        ConfigurationError: at first use: an unknown parameter in an expression, or a coefficient without two finite
            derivatives at the lower bound in any of the coordinates.

    Source: Rep. Prog. Phys. 88 067801, the search-oriented mixture model; docs/theory.md 1.
    """

    parameters: Sequence[str]
    expressions: Sequence[str]
    nominal: Mapping[str, float] = field(default_factory=dict)
    lower: Any = 0.0

    def __post_init__(self) -> None:
        # Lists come back from JSON; equality and pickling want one form.
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "expressions", tuple(str(text) for text in self.expressions))
        object.__setattr__(self, "nominal", dict(self.nominal or {}))
        object.__setattr__(self, "lower", tuple(float(low) for low in np.atleast_1d(self.lower)))

    @classmethod
    def from_configuration(
        cls, parameters: Sequence[ParameterRule], processes: Sequence[ProcessRule]
    ) -> "Coefficients":
        """The coefficients of the configured processes, in their order."""
        return cls(
            [parameter.name for parameter in parameters],
            [process.coefficient for process in processes],
            {parameter.name: parameter.nominal for parameter in parameters},
            parameters[0].bounds[0],
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Compiled functions cannot be pickled and are cheap to make again.
        return Coefficients, (self.parameters, self.expressions, self.nominal, self.lower)

    @property
    def fitted(self) -> tuple[str, ...]:
        """Names of the M parameters that are fitted."""
        return tuple(self.parameters[: len(self.lower)])

    def value(self, parameters: ArrayLike | Mapping[str, ArrayLike]) -> np.ndarray:
        """f_c, shape (..., C), for an array of the parameter of interest or a mapping of names to arrays.

        Raises:
            ModelError: an unknown parameter, or one that is neither given nor has a nominal value.
        """
        return _stack(self._of_parameters[0], self._arguments(parameters), (len(self.expressions),))

    def gradient(self, parameters: ArrayLike | Mapping[str, ArrayLike]) -> np.ndarray:
        """df_c/dtheta_p, shape (..., C, P); infinite where the parameter is at a root's branch point."""
        shape = (len(self.expressions), len(self.parameters))
        return _stack(self._of_parameters[1], self._arguments(parameters), shape)

    def hessian(self, parameters: ArrayLike | Mapping[str, ArrayLike]) -> np.ndarray:
        """d2f_c/dtheta_p dtheta_q, shape (..., C, P, P); infinite where the gradient is."""
        shape = (len(self.expressions), len(self.parameters), len(self.parameters))
        return _stack(self._of_parameters[2], self._arguments(parameters), shape)

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The M coordinates in which every coefficient is smooth at the lower bounds."""
        return self._smooth[0]

    @property
    def coordinate(self) -> Coordinate:
        """That of the parameter of interest."""
        return self.coordinates[0]

    @property
    def form(self) -> CoefficientForm:
        """The coefficients as numbers and operations of the coordinates."""
        return self._smooth[1]

    @property
    def polynomial(self) -> np.ndarray | None:
        """(C, D + 1) factors of the powers of a single coordinate, lowest first; None unless all are polynomials."""
        return self.form.polynomial if self.form.polynomial.shape[1] else None

    def knowing(self, coordinates: Sequence[Coordinate], form: CoefficientForm) -> "Coefficients":
        """The same coefficients where :attr:`coordinates` and :attr:`form` are known from before.

        A model on file keeps both, so that the many jobs which read one need no symbolic algebra.
        """
        known = replace(self)
        known.__dict__["_smooth"] = (tuple(coordinates), form)  # where cached_property keeps it
        return known

    def at(self, coordinate: ArrayLike) -> np.ndarray:
        """f_c at values of the coordinate of the parameter of interest: (...) to (..., C)."""
        return self._along(coordinate, 0)

    def first(self, coordinate: ArrayLike) -> np.ndarray:
        """First derivative of f_c in that coordinate: (...) to (..., C)."""
        return self._along(coordinate, 1)

    def second(self, coordinate: ArrayLike) -> np.ndarray:
        """Second derivative of f_c in that coordinate: (...) to (..., C)."""
        return self._along(coordinate, 2)

    def expand(self, coordinates: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """f_c (..., C), gradient (..., C, M) and Hessian (..., C, M, M) at coordinates (..., M)."""
        coordinates = np.asarray(coordinates, dtype=float)
        parts = self.form.evaluate(coordinates.reshape(-1, len(self.lower)))
        return tuple(part.reshape(*coordinates.shape[:-1], *part.shape[1:]) for part in parts)

    @property
    def nominal_coordinates(self) -> np.ndarray:
        """(M,) coordinates of the nominal values; the lower bound where there is none, or where it is below."""
        values = [max(self.nominal.get(name, low), low) for name, low in zip(self.fitted, self.lower, strict=True)]
        return np.array([float(c.from_parameter(value)) for c, value in zip(self.coordinates, values, strict=True)])

    def _along(self, coordinate: ArrayLike, order: int) -> np.ndarray:
        coordinate = np.asarray(coordinate, dtype=float)
        if self.polynomial is not None:
            return _horner(self.polynomial, coordinate, order)
        places = np.tile(self.nominal_coordinates, (coordinate.size, 1))
        places[:, 0] = coordinate.ravel()
        found = self.form.evaluate(places)[order]
        found = found if order == 0 else found[(..., *([0] * order))]
        return found.reshape(*coordinate.shape, len(self.expressions))

    def _arguments(self, parameters: ArrayLike | Mapping[str, ArrayLike]) -> list[np.ndarray]:
        given = parameters if isinstance(parameters, Mapping) else {self.parameters[0]: parameters}
        for name in given.keys() - set(self.parameters):
            raise ModelError(f"there is no parameter '{name}'; the parameters are {', '.join(self.parameters)}")
        self._require(set(self.parameters) - given.keys())
        values = [given.get(name, self.nominal.get(name)) for name in self.parameters]
        return np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values))

    def _require(self, names: set[str]) -> None:
        for name in names - self.nominal.keys():
            raise ModelError(f"the parameter '{name}' has no value and no nominal one")

    @cached_property
    def _of_parameters(self) -> tuple[Callable[..., Any], ...]:
        import sympy

        from steelyard.model.coefficient_algebra import symbolic, symbols_of

        symbols = symbols_of(self.parameters, self.lower)
        values = symbolic(self.expressions, self.parameters, symbols)
        gradients = [value.diff(symbol) for value in values for symbol in symbols]
        hessians = [gradient.diff(symbol) for gradient in gradients for symbol in symbols]
        return tuple(
            sympy.lambdify(symbols, [sympy.sympify(value) for value in family], modules="numpy", cse=True)
            for family in (values, gradients, hessians)
        )

    @cached_property
    def _smooth(self) -> tuple[tuple[Coordinate, ...], CoefficientForm]:
        from steelyard.model.coefficient_algebra import smooth_form

        self._require(set(self.parameters[len(self.lower) :]))
        return smooth_form(self.expressions, self.parameters, self.nominal, self.lower)


def _horner(table: np.ndarray, kappa: np.ndarray, order: int) -> np.ndarray:
    """Polynomials with factors (C, D + 1), or a derivative of theirs: (...) to (..., C)."""
    for _ in range(order):
        table = table[:, 1:] * np.arange(1, table.shape[1])
    kappa = kappa[..., None]
    result = np.zeros((*kappa.shape[:-1], len(table)))
    for column in table.T[::-1]:
        result = result * kappa + column
    return result


def _stack(function: Callable[..., Any], arguments: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Results of a compiled function, constants among them, as one array (..., *shape)."""
    with np.errstate(all="ignore"):
        results = function(*arguments)
    grid = arguments[0].shape
    return np.stack([np.broadcast_to(result, grid) for result in results], axis=-1).astype(float).reshape(*grid, *shape)
