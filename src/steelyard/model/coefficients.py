"""The coefficients f_c of the mixture as functions of the parameters, with exact derivatives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ConfigurationError, ModelError
from steelyard.expressions import language

# A fit coordinate is a root of the parameter; beyond a fourth root nothing physical is known.
_POWERS = (1, 2, 3, 4)


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
class Coefficients:
    r"""The coefficients :math:`f_c` of :math:`\nu\,p(x) = \sum_c f_c(\theta)\,\nu_c\,p_c(x)` and their derivatives.

    ``value``, ``gradient`` and ``hessian`` are functions of the parameters. ``at``, ``first`` and ``second`` are
    functions of the fit coordinate of the parameter of interest, with the other parameters at their nominal values.
    Where a coefficient has a root of the parameter of interest, such as :math:`\sqrt\mu` of an interfering signal, its
    derivatives diverge at the lower bound; the coordinate is then :math:`\kappa=\sqrt\mu`, in which all of them are
    finite and exact at :math:`\kappa=0` too. The derivatives are symbolic and compiled once to numpy.

    Attributes:
        parameters: names; the first is the parameter of interest.
        expressions: C expressions of the parameters.
        nominal: value of each parameter that a call does not give.
        lower: lower bound of the parameter of interest.

    Raises:
        ConfigurationError: at first use: an unknown parameter in an expression, or a coefficient without two finite
            derivatives at the lower bound in any of the coordinates.

    Source: Rep. Prog. Phys. 88 067801, the search-oriented mixture model; docs/theory.md 1.
    """

    parameters: Sequence[str]
    expressions: Sequence[str]
    nominal: Mapping[str, float] = field(default_factory=dict)
    lower: float = 0.0

    def __post_init__(self) -> None:
        # Lists come back from JSON; equality and pickling want one form.
        object.__setattr__(self, "parameters", tuple(self.parameters))
        object.__setattr__(self, "expressions", tuple(str(text) for text in self.expressions))
        object.__setattr__(self, "nominal", dict(self.nominal or {}))
        object.__setattr__(self, "lower", float(self.lower))

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
    def coordinate(self) -> Coordinate:
        """The coordinate in which every coefficient is smooth at the lower bound."""
        return self._smooth[0]

    @property
    def polynomial(self) -> np.ndarray | None:
        """(C, D + 1) factors of the powers of the coordinate, lowest first; None unless all are polynomials."""
        return self._smooth[1]

    def knowing(self, coordinate: Coordinate, polynomial: ArrayLike) -> "Coefficients":
        """The same coefficients where :attr:`coordinate` and :attr:`polynomial` (C, D + 1) are known from before.

        A model on file keeps both, so that the many jobs which read one need no symbolic algebra.
        """
        table = np.asarray(polynomial, dtype=float)
        known = replace(self)
        known.__dict__["_smooth"] = (coordinate, table, _polynomials(table))  # where cached_property keeps it
        return known

    def at(self, coordinate: ArrayLike) -> np.ndarray:
        """f_c at values of the fit coordinate: (...) to (..., C)."""
        return self._smooth[2][0](coordinate)

    def first(self, coordinate: ArrayLike) -> np.ndarray:
        """First derivative of f_c in the fit coordinate: (...) to (..., C)."""
        return self._smooth[2][1](coordinate)

    def second(self, coordinate: ArrayLike) -> np.ndarray:
        """Second derivative of f_c in the fit coordinate: (...) to (..., C)."""
        return self._smooth[2][2](coordinate)

    def _arguments(self, parameters: ArrayLike | Mapping[str, ArrayLike]) -> list[np.ndarray]:
        given = parameters if isinstance(parameters, Mapping) else {self.parameters[0]: parameters}
        for name in given.keys() - set(self.parameters):
            raise ModelError(f"there is no parameter '{name}'; the parameters are {', '.join(self.parameters)}")
        for name in set(self.parameters) - given.keys() - self.nominal.keys():
            raise ModelError(f"the parameter '{name}' has no value and no nominal one")
        values = [given.get(name, self.nominal.get(name)) for name in self.parameters]
        return np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values))

    def _symbols(self) -> list[Any]:
        import sympy

        # A parameter that cannot be negative lets sqrt(mu**2) be mu.
        first = sympy.Symbol(self.parameters[0], real=True, nonnegative=True if self.lower >= 0.0 else None)
        return [first, *(sympy.Symbol(name, real=True) for name in self.parameters[1:])]

    def _symbolic(self, symbols: Sequence[Any]) -> list[Any]:
        names = dict(zip(self.parameters, symbols, strict=True))
        return [language.parse(text).sympy(names) for text in self.expressions]

    @cached_property
    def _of_parameters(self) -> tuple[Callable[..., Any], ...]:
        symbols = self._symbols()
        values = self._symbolic(symbols)
        gradients = [value.diff(symbol) for value in values for symbol in symbols]
        hessians = [gradient.diff(symbol) for gradient in gradients for symbol in symbols]
        return tuple(_compile(symbols, family) for family in (values, gradients, hessians))

    @cached_property
    def _smooth(self) -> tuple[Coordinate, np.ndarray | None, tuple[Callable[[ArrayLike], np.ndarray], ...]]:
        """Coordinate, polynomial form, and (value, first, second derivative) in the coordinate."""
        import sympy

        symbols = self._symbols()
        self._arguments(self.lower)  # complains of parameters without a value
        nominal = {
            symbol: sympy.Rational(repr(float(self.nominal[name])))
            for name, symbol in zip(self.parameters[1:], symbols[1:], strict=True)
        }
        values = [sympy.sympify(value).subs(nominal) for value in self._symbolic(symbols)]
        bad: list[bool] = []
        for power in _POWERS:
            name = self.parameters[0] if power == 1 else "kappa"
            origin = 0.0 if power == 1 else self.lower
            kappa = symbols[0] if power == 1 else sympy.Symbol("kappa", nonnegative=True)
            inner = kappa if power == 1 else sympy.Rational(repr(self.lower)) + kappa**power
            family = [_open_roots(value.subs(symbols[0], inner)) for value in values]
            polynomial, functions = _functions(kappa, family)
            start = self.lower - origin
            finite = np.all([np.isfinite(function(start)) for function in functions], axis=0)
            if np.all(finite):
                return Coordinate(name, power, origin), polynomial, functions
            bad = bad or [not fine for fine in finite]
        text = ", ".join(f"'{text}'" for text, wrong in zip(self.expressions, bad, strict=True) if wrong)
        raise ConfigurationError(
            f"the coefficient {text} has no finite value and derivatives at the lower bound "
            f"{self.parameters[0]} = {self.lower:g}; change it or raise the lower bound"
        )


def _open_roots(value: Any) -> Any:
    """Factor what stands under roots: sqrt(k**2 + k**4) is smooth at 0 only as k*sqrt(1 + k**2)."""
    import sympy

    def is_root(part: Any) -> bool:
        return part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer

    return value.replace(is_root, lambda root: sympy.Pow(sympy.factor(root.base), root.exp))


def _functions(
    kappa: Any, family: Sequence[Any]
) -> tuple[np.ndarray | None, tuple[Callable[[ArrayLike], np.ndarray], ...]]:
    import sympy

    if all(value.is_polynomial(kappa) for value in family):
        rows = [[float(number) for number in reversed(sympy.Poly(value, kappa).all_coeffs())] for value in family]
        table = np.zeros((len(rows), max(len(row) for row in rows)))
        for index, row in enumerate(rows):
            table[index, : len(row)] = row
        return table, _polynomials(table)
    first = [value.diff(kappa) for value in family]
    second = [value.diff(kappa) for value in first]
    compiled = [_compile([kappa], values) for values in (family, first, second)]
    return None, tuple(_vector(function, len(family)) for function in compiled)


def _polynomials(table: np.ndarray) -> tuple[Callable[[ArrayLike], np.ndarray], ...]:
    """Value, first and second derivative of the polynomials with these factors (C, D + 1)."""
    tables = [table]
    for _ in range(2):
        tables.append(tables[-1][:, 1:] * np.arange(1, tables[-1].shape[1]))
    return tuple(_horner(each) for each in tables)


def _horner(table: np.ndarray) -> Callable[[ArrayLike], np.ndarray]:
    def evaluate(kappa: ArrayLike) -> np.ndarray:
        kappa = np.asarray(kappa, dtype=float)[..., None]
        result = np.zeros((*kappa.shape[:-1], len(table)))
        for column in table.T[::-1]:
            result = result * kappa + column
        return result

    return evaluate


def _vector(function: Callable[..., Any], count: int) -> Callable[[ArrayLike], np.ndarray]:
    return lambda kappa: _stack(function, [np.asarray(kappa, dtype=float)], (count,))


def _compile(symbols: Sequence[Any], family: Sequence[Any]) -> Callable[..., Any]:
    import sympy

    return sympy.lambdify(symbols, [sympy.sympify(value) for value in family], modules="numpy", cse=True)


def _stack(function: Callable[..., Any], arguments: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Results of a compiled function, constants among them, as one array (..., *shape)."""
    with np.errstate(all="ignore"):
        results = function(*arguments)
    grid = arguments[0].shape
    return np.stack([np.broadcast_to(result, grid) for result in results], axis=-1).astype(float).reshape(*grid, *shape)
