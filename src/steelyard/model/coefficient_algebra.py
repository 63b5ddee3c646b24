"""Symbolic algebra of the coefficients: in which coordinates they are smooth, and what they are in them.

Sympy is imported here alone, when a model is made: what comes out (:mod:`steelyard.model.coefficient_forms`) is stored
with the model, and the jobs that read it need none.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import sympy

from steelyard.errors import ConfigurationError
from steelyard.expressions import language
from steelyard.model import coefficient_forms as forms
from steelyard.model.coefficient_forms import CoefficientForm
from steelyard.model.parameters import Coordinate

# A fit coordinate is a root of the parameter; beyond a fourth root nothing physical is known.
_POWERS = (1, 2, 3, 4)

_FUNCTIONS = {
    sympy.exp: forms.EXP,
    sympy.log: forms.LOG,
    sympy.sin: forms.SIN,
    sympy.cos: forms.COS,
    sympy.tan: forms.TAN,
    sympy.asin: forms.ARCSIN,
    sympy.acos: forms.ARCCOS,
    sympy.atan: forms.ARCTAN,
    sympy.sinh: forms.SINH,
    sympy.cosh: forms.COSH,
    sympy.tanh: forms.TANH,
}
_RELATIONS = {
    sympy.StrictLessThan: (forms.LESS, False),
    sympy.LessThan: (forms.LESS_EQUAL, False),
    sympy.StrictGreaterThan: (forms.LESS, True),
    sympy.GreaterThan: (forms.LESS_EQUAL, True),
    sympy.Equality: (forms.EQUAL, False),
    sympy.Unequality: (forms.NOT_EQUAL, False),
}


def symbols_of(parameters: Sequence[str], lower: Sequence[float]) -> list[Any]:
    """A symbol for each parameter; those that are fitted from zero or above cannot be negative: sqrt(mu**2) is mu."""
    bounds = [*lower, *([-np.inf] * (len(parameters) - len(lower)))]
    return [
        sympy.Symbol(name, real=True, nonnegative=True if low >= 0.0 else None)
        for name, low in zip(parameters, bounds, strict=True)
    ]


def symbolic(expressions: Sequence[str], parameters: Sequence[str], symbols: Sequence[Any]) -> list[Any]:
    """The expressions in these symbols."""
    names = dict(zip(parameters, symbols, strict=True))
    return [language.parse(text).sympy(names) for text in expressions]


def smooth_form(
    expressions: Sequence[str], parameters: Sequence[str], nominal: Mapping[str, float], lower: Sequence[float]
) -> tuple[tuple[Coordinate, ...], CoefficientForm]:
    """The coordinates in which all coefficients have two finite derivatives at the lower bounds, and the form in them.

    For one parameter after the other the lowest root is taken that leaves no infinite derivative in its own direction
    where the others are nominal; then every corner of the lower bounds and nominal values is looked at.

    Args:
        expressions: J of them.
        parameters: names; the first M, those with a lower bound, are fitted, the others nominal.
        nominal: values of the parameters.
        lower: (M,) lower bounds.

    Raises:
        ConfigurationError: a coefficient has no such coordinates; the message names it and the parameter.
    """
    symbols, fitted = symbols_of(parameters, lower), len(lower)
    fixed = {symbol: _exact(nominal[name]) for name, symbol in zip(parameters[fitted:], symbols[fitted:], strict=True)}
    values = [sympy.sympify(value).subs(fixed) for value in symbolic(expressions, parameters, symbols)]
    powers = [1] * fitted
    for p in range(fitted):
        bad: np.ndarray | None = None
        for power in _POWERS:
            powers[p] = power
            coordinates, form = _in_coordinates(values, symbols, parameters, lower, powers)
            finite = _finite(form, coordinates, lower, p, parameters, nominal)
            if finite.all():
                break
            bad = ~finite if bad is None else bad
        else:
            _complain(expressions, np.asarray(bad), parameters[p], lower[p])
    if fitted > 1:
        ends = [
            [coordinate.from_parameter(low), coordinate.from_parameter(max(nominal.get(name, low), low))]
            for coordinate, low, name in zip(coordinates, lower, parameters, strict=False)
        ]
        corners = np.array(list(product(*ends)), dtype=float)
        with np.errstate(all="ignore"):
            parts = form.evaluate(corners)
        finite = np.all(
            [np.isfinite(part).reshape(len(corners), len(values), -1).all(axis=(0, 2)) for part in parts], axis=0
        )
        if not finite.all():
            _complain(expressions, ~finite, " and ".join(parameters[:fitted]), None)
    return coordinates, form


def _complain(expressions: Sequence[str], bad: np.ndarray, parameter: str, low: float | None) -> None:
    text = ", ".join(f"'{text}'" for text, wrong in zip(expressions, bad, strict=True) if wrong)
    where = (
        f"the lower bound {parameter} = {low:g}" if low is not None else f"a corner of the lower bounds of {parameter}"
    )
    raise ConfigurationError(
        f"the coefficient {text} has no finite value and derivatives at {where}; change it or raise the lower bound"
    )


def _exact(number: float) -> Any:
    return sympy.Rational(repr(float(number)))


def _in_coordinates(
    values: Sequence[Any], symbols: Sequence[Any], parameters: Sequence[str], lower: Sequence[float], powers: list[int]
) -> tuple[tuple[Coordinate, ...], CoefficientForm]:
    coordinates, kappas, inner = [], [], {}
    for name, symbol, low, power in zip(parameters, symbols, lower, powers, strict=False):
        if power == 1:
            coordinates.append(Coordinate(name, 1, 0.0))
            kappas.append(symbol)
        else:
            # With one root it is called kappa; several go by their parameters.
            label = "kappa" if sum(other > 1 for other in powers) == 1 else f"kappa_{name}"
            kappa = sympy.Symbol(label, nonnegative=True)
            coordinates.append(Coordinate(label, power, float(low)))
            kappas.append(kappa)
            inner[symbol] = _exact(low) + kappa**power
    family = [_open_roots(value.subs(inner, simultaneous=True)) for value in values]
    return tuple(coordinates), _form(kappas, family)


def _finite(
    form: CoefficientForm,
    coordinates: Sequence[Coordinate],
    lower: Sequence[float],
    p: int,
    parameters: Sequence[str],
    nominal: Mapping[str, float],
) -> np.ndarray:
    """(J,) whether value and derivatives in coordinate p exist at its lower bound."""
    place = []
    for q, (coordinate, low, name) in enumerate(zip(coordinates, lower, parameters, strict=False)):
        # Later parameters have no coordinate of their own yet: away from their bounds.
        value = low if q == p else max(nominal.get(name, low + 1.0), low)
        if q != p and value == low:
            value = low + 1.0
        place.append(float(coordinate.from_parameter(value)))
    with np.errstate(all="ignore"):
        values, gradient, hessian = form.evaluate(np.array([place]))
    return np.isfinite(values[0]) & np.isfinite(gradient[0, :, p]) & np.isfinite(hessian[0, :, p, p])


def _open_roots(value: Any) -> Any:
    """Factor what stands under roots: sqrt(k**2 + k**4) is smooth at 0 only as k*sqrt(1 + k**2)."""

    def is_root(part: Any) -> bool:
        return part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer

    return value.replace(is_root, lambda root: sympy.Pow(sympy.factor(root.base), root.exp))


def _form(kappas: Sequence[Any], family: Sequence[Any]) -> CoefficientForm:
    if not all(value.is_polynomial(*kappas) for value in family):
        return _Program(kappas).of(family)
    if len(kappas) == 1:
        rows = [[float(number) for number in reversed(sympy.Poly(value, kappas[0]).all_coeffs())] for value in family]
        table = np.zeros((len(rows), max(len(row) for row in rows)))
        for index, row in enumerate(rows):
            table[index, : len(row)] = row
        return forms.polynomials(table)
    terms = [dict(sympy.Poly(value, *kappas).terms()) for value in family]
    powers = sorted({power for row in terms for power in row})
    factors = [[float(row.get(power, 0)) for power in powers] for row in terms]
    return forms.monomials(np.array(powers).reshape(-1, len(kappas)), np.array(factors))


class _Program:
    """Expressions as operations, each once."""

    def __init__(self, kappas: Sequence[Any]) -> None:
        self._kappas = list(kappas)
        self._operations: list[tuple[int, int, int, int]] = []
        self._constants: list[float] = []
        self._known: dict[Any, int] = {}

    def of(self, family: Sequence[Any]) -> CoefficientForm:
        outputs = [self._place(sympy.sympify(value)) for value in family]
        return forms.program(
            np.array(self._operations), np.array(self._constants), np.array(outputs), len(self._kappas)
        )

    def _place(self, value: Any) -> int:
        if value not in self._known:
            self._known[value] = self._make(value)
        return self._known[value]

    def _add(self, code: int, a: int = 0, b: int = 0, c: int = 0, number: float = 0.0) -> int:
        self._operations.append((code, a, b, c))
        self._constants.append(number)
        return len(self._operations) - 1

    def _make(self, value: Any) -> int:
        if value in self._kappas:
            return self._add(forms.VARIABLE, self._kappas.index(value))
        if value in (sympy.true, sympy.false):
            return self._add(forms.CONSTANT, number=1.0 if value == sympy.true else 0.0)
        if value.is_number:
            return self._add(forms.CONSTANT, number=float(value))
        if value.is_Add or value.is_Mul:
            return self._folded(forms.ADD if value.is_Add else forms.MULTIPLY, value.args)
        if value.is_Pow:
            if value.exp.is_number:
                return self._add(forms.POWER, self._place(value.base), number=float(value.exp))
            logarithm = self._add(forms.LOG, self._place(value.base))
            return self._add(forms.EXP, self._add(forms.MULTIPLY, logarithm, self._place(value.exp)))
        if isinstance(value, sympy.Piecewise):
            result = self._place(value.args[-1][0])
            for one, condition in reversed(value.args[:-1]):
                result = self._add(forms.SELECT, self._place(condition), self._place(one), result)
            return result
        if type(value) in _RELATIONS:
            code, turned = _RELATIONS[type(value)]
            left, right = self._place(value.lhs), self._place(value.rhs)
            return self._add(code, right, left) if turned else self._add(code, left, right)
        if isinstance(value, sympy.And | sympy.Or):
            return self._folded(forms.AND if isinstance(value, sympy.And) else forms.OR, value.args)
        if isinstance(value, sympy.Not):
            return self._add(forms.NOT, self._place(value.args[0]))
        if isinstance(value, sympy.atan2):
            return self._add(forms.ARCTAN2, *(self._place(part) for part in value.args))
        return self._add(_FUNCTIONS[value.func], self._place(value.args[0]))

    def _folded(self, code: int, parts: Sequence[Any]) -> int:
        result = self._place(parts[0])
        for part in parts[1:]:
            result = self._add(code, result, self._place(part))
        return result
