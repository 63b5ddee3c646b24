r"""Coefficients as numbers and operations: evaluated with two derivatives by compiled code, without symbolic algebra.

Polynomials of the coordinates are a table of powers and factors. Everything else is a list of operations, each on the
results of earlier ones, differentiated forward: for :math:`y=\phi(a)` and for products

.. math:: y_i=\phi'a_i,\quad y_{ij}=\phi'a_{ij}+\phi''a_ia_j, \qquad
          (ab)_{ij}=a_{ij}b+a_ib_j+a_jb_i+ab_{ij}.

Derivatives are those of the coordinates κ (M,), stored one behind the other: the value, M first ones, and the second
ones of i <= j.
"""

from typing import NamedTuple

import numpy as np

from steelyard.numerics.compilation import compiled, internal

CONSTANT, VARIABLE, ADD, MULTIPLY, POWER, ARCTAN2, SELECT = range(7)
LESS, LESS_EQUAL, EQUAL, NOT_EQUAL, AND, OR, NOT = range(7, 14)
EXP, LOG, SIN, COS, TAN, ARCSIN, ARCCOS, ARCTAN, SINH, COSH, TANH = range(14, 25)


class CoefficientForm(NamedTuple):
    """J coefficients of M coordinates.

    Attributes:
        polynomial: (J, D + 1) factors of the powers of a single coordinate, lowest first; (J, 0) if there are several,
            or if a coefficient is no polynomial.
        powers, factors: (S, M) and (J, S) powers of the coordinates and their factors; (0, M) and (J, 0) elsewhere.
        operations: (N, 4) operation and up to three operands: numbers of earlier operations, of a coordinate, or of a
            constant; (0, 4) of polynomials.
        constants: (N,) the number of a ``CONSTANT`` and the exponent of a ``POWER``.
        outputs: (J,) operations whose results the coefficients are.
    """

    polynomial: np.ndarray
    powers: np.ndarray
    factors: np.ndarray
    operations: np.ndarray
    constants: np.ndarray
    outputs: np.ndarray

    @property
    def is_polynomial(self) -> bool:
        """Whether all coefficients are polynomials of the coordinates."""
        return not len(self.operations)

    def rows(self, chosen: np.ndarray) -> "CoefficientForm":
        """The form of some coefficients, each perhaps several times: (R,) numbers."""
        return self._replace(
            polynomial=np.ascontiguousarray(self.polynomial[chosen]),
            factors=np.ascontiguousarray(self.factors[chosen]),
            outputs=np.ascontiguousarray(self.outputs[chosen]),
        )

    def permuted(self, order: np.ndarray) -> "CoefficientForm":
        """The form with its coordinates in another order, the numbers (M,) of the old ones."""
        operations = self.operations.copy()
        variables = operations[:, 0] == VARIABLE
        operations[variables, 1] = np.argsort(order)[operations[variables, 1]]
        return self._replace(powers=np.ascontiguousarray(self.powers[:, order]), operations=operations)

    def evaluate(self, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values (G, J) at coordinates (G, M), with gradient (G, J, M) and Hessian (G, J, M, M)."""
        kappa = np.ascontiguousarray(kappa, dtype=float)
        points, coordinates = kappa.shape
        numbers = np.zeros((points, derivatives_of(coordinates), len(self.outputs)))
        _evaluate_many(self, kappa, np.zeros((len(self.operations), numbers.shape[1])), numbers)
        hessian = np.zeros((points, len(self.outputs), coordinates, coordinates))
        first, second = np.triu_indices(coordinates)
        hessian[..., first, second] = hessian[..., second, first] = np.moveaxis(numbers[:, 1 + coordinates :], 1, 2)
        return numbers[:, 0], np.moveaxis(numbers[:, 1 : 1 + coordinates], 1, 2), hessian


def polynomials(table: np.ndarray) -> CoefficientForm:
    """Polynomials of one coordinate, from the factors (J, D + 1) of its powers."""
    table = np.ascontiguousarray(table, dtype=float)
    return _empty(len(table), 1)._replace(polynomial=table)


def monomials(powers: np.ndarray, factors: np.ndarray) -> CoefficientForm:
    """Polynomials of several coordinates, from powers (S, M) and factors (J, S)."""
    powers = np.ascontiguousarray(powers, dtype=np.int64)
    return _empty(len(factors), powers.shape[1])._replace(
        powers=powers, factors=np.ascontiguousarray(factors, dtype=float)
    )


def program(operations: np.ndarray, constants: np.ndarray, outputs: np.ndarray, coordinates: int) -> CoefficientForm:
    """Any functions, as operations."""
    return _empty(len(outputs), coordinates)._replace(
        operations=np.ascontiguousarray(operations, dtype=np.int64).reshape(-1, 4),
        constants=np.ascontiguousarray(constants, dtype=float),
        outputs=np.ascontiguousarray(outputs, dtype=np.int64),
    )


def _empty(number: int, coordinates: int) -> CoefficientForm:
    return CoefficientForm(
        np.zeros((number, 0)),
        np.zeros((0, coordinates), dtype=np.int64),
        np.zeros((number, 0)),
        np.zeros((0, 4), dtype=np.int64),
        np.zeros(0),
        np.zeros(number, dtype=np.int64),
    )


def derivatives_of(coordinates: int) -> int:
    """How many numbers value, gradient and upper half of the Hessian are."""
    return 1 + coordinates + coordinates * (coordinates + 1) // 2


@internal
def fill_coefficients(form, kappa, tape, numbers):
    """Fill f (J,) and its derivatives in the coordinates, ``numbers`` (D, J); ``tape`` (N, D) is work space."""
    coefficients = numbers.shape[1]
    degree = form.polynomial.shape[1] - 1
    if degree >= 0:
        x = kappa[0]
        for c in range(coefficients):
            value, first, second = 0.0, 0.0, 0.0
            for power in range(degree, -1, -1):
                second = second * x + 2.0 * first
                first = first * x + value
                value = value * x + form.polynomial[c, power]
            numbers[0, c], numbers[1, c], numbers[2, c] = value, first, second
    elif len(form.operations):
        run(form, kappa, tape)
        for c in range(coefficients):
            for i in range(numbers.shape[0]):
                numbers[i, c] = tape[form.outputs[c], i]
    else:
        _add_monomials(form, kappa, numbers)


@internal
def _add_monomials(form, kappa, numbers):
    size, coefficients = form.powers.shape[1], numbers.shape[1]
    for i in range(numbers.shape[0]):
        for c in range(coefficients):
            numbers[i, c] = 0.0
    for s in range(len(form.powers)):
        row = 0
        for i in range(-1, size):  # the value and first derivatives, and then the second ones
            for j in range(i, size):
                factor = _derivative(form.powers[s], kappa, i, j)
                for c in range(coefficients):
                    numbers[row, c] += form.factors[c, s] * factor
                row += 1


@internal
def _derivative(powers, kappa, i, j):
    """A product of powers, differentiated by coordinates i and j, -1 for neither."""
    result = 1.0
    for p in range(len(powers)):
        power, factor = powers[p], 1.0
        if p == i:
            factor *= power
            power -= 1
        if p == j:
            factor *= power
            power -= 1
        if factor == 0.0:
            return 0.0
        for _ in range(power):
            factor *= kappa[p]
        result *= factor
    return result


@internal
def run(form, kappa, tape):
    """Fill the results of all operations with their derivatives, (N, D)."""
    size, numbers = form.powers.shape[1], tape.shape[1]
    for n in range(len(form.operations)):
        code, a, b, c = form.operations[n, 0], form.operations[n, 1], form.operations[n, 2], form.operations[n, 3]
        for i in range(numbers):
            tape[n, i] = 0.0
        if code == CONSTANT:
            tape[n, 0] = form.constants[n]
        elif code == VARIABLE:
            tape[n, 0], tape[n, 1 + a] = kappa[a], 1.0
        elif code == ADD:
            for i in range(numbers):
                tape[n, i] = tape[a, i] + tape[b, i]
        elif code == MULTIPLY:
            _multiply(tape[a], tape[b], size, tape[n])
        elif code == POWER:
            value, first, second = _power(tape[a, 0], form.constants[n])
            _chain(tape[a], value, first, second, size, tape[n])
        elif code == ARCTAN2:
            _arctan2(tape[a], tape[b], size, tape[n])
        elif code == SELECT:
            chosen = b if tape[a, 0] != 0.0 else c
            for i in range(numbers):
                tape[n, i] = tape[chosen, i]
        elif code <= NOT:
            tape[n, 0] = _truth(code, tape[a, 0], tape[b, 0])
        else:
            value, first, second = _function(code, tape[a, 0])
            _chain(tape[a], value, first, second, size, tape[n])


@internal
def _truth(code, a, b):
    if code == LESS:
        true = a < b
    elif code == LESS_EQUAL:
        true = a <= b
    elif code == EQUAL:
        true = a == b
    elif code == NOT_EQUAL:
        true = a != b
    elif code == AND:
        true = a != 0.0 and b != 0.0
    elif code == OR:
        true = a != 0.0 or b != 0.0
    else:
        true = a == 0.0
    return 1.0 if true else 0.0


@internal
def _power(x, p):
    """x^p with two derivatives; those of whole powers exist at zero too."""
    if p == 2.0:
        return x * x, 2.0 * x, 2.0
    if p == 0.5:
        root = np.sqrt(x)
        return root, 0.5 / root, -0.25 / (x * root)
    if p == -1.0:
        inverse = 1.0 / x
        return inverse, -inverse * inverse, 2.0 * inverse * inverse * inverse
    return x**p, p * x ** (p - 1.0), (p * (p - 1.0)) * x ** (p - 2.0) if p != 1.0 else 0.0


@internal
def _function(code, x):
    """A function of one number, with two derivatives."""
    if code == EXP:
        value = np.exp(x)
        return value, value, value
    if code == LOG:
        return np.log(x), 1.0 / x, -1.0 / (x * x)
    if code == SIN:
        return np.sin(x), np.cos(x), -np.sin(x)
    if code == COS:
        return np.cos(x), -np.sin(x), -np.cos(x)
    if code == TAN:
        value = np.tan(x)
        slope = 1.0 + value * value
        return value, slope, 2.0 * value * slope
    if code == ARCSIN:
        inverse = 1.0 / np.sqrt(1.0 - x * x)
        return np.arcsin(x), inverse, x * inverse**3
    if code == ARCCOS:
        inverse = 1.0 / np.sqrt(1.0 - x * x)
        return np.arccos(x), -inverse, -x * inverse**3
    if code == ARCTAN:
        inverse = 1.0 / (1.0 + x * x)
        return np.arctan(x), inverse, -2.0 * x * inverse * inverse
    if code == SINH:
        return np.sinh(x), np.cosh(x), np.sinh(x)
    if code == COSH:
        return np.cosh(x), np.sinh(x), np.cosh(x)
    value = np.tanh(x)
    slope = 1.0 - value * value
    return value, slope, -2.0 * value * slope


@internal
def _chain(inner, value, first, second, size, result):
    """A function of ``inner``: its derivatives in the coordinates."""
    result[0] = value
    row = 1 + size
    for i in range(size):
        result[1 + i] = first * inner[1 + i]
        for j in range(i, size):
            bent = second * inner[1 + i] * inner[1 + j] if inner[1 + i] != 0.0 and inner[1 + j] != 0.0 else 0.0
            straight = first * inner[row] if inner[row] != 0.0 else 0.0
            result[row] = straight + bent
            row += 1
        if inner[1 + i] == 0.0:
            result[1 + i] = 0.0


@internal
def _arctan2(above, right, size, result):
    """The angle of (right, above): its derivatives in the coordinates."""
    y, x = above[0], right[0]
    square = x * x + y * y
    by_y, by_x = x / square, -y / square
    twice, mixed = 2.0 * x * y / (square * square), (y * y - x * x) / (square * square)
    result[0] = np.arctan2(y, x)
    row = 1 + size
    for i in range(size):
        result[1 + i] = by_y * above[1 + i] + by_x * right[1 + i]
        for j in range(i, size):
            result[row] = by_y * above[row] + by_x * right[row]
            result[row] += twice * (right[1 + i] * right[1 + j] - above[1 + i] * above[1 + j])
            result[row] += mixed * (above[1 + i] * right[1 + j] + right[1 + i] * above[1 + j])
            row += 1


@internal
def _multiply(left, right, size, result):
    result[0] = left[0] * right[0]
    row = 1 + size
    for i in range(size):
        result[1 + i] = left[1 + i] * right[0] + left[0] * right[1 + i]
        for j in range(i, size):
            result[row] = (
                left[row] * right[0] + left[0] * right[row] + left[1 + i] * right[1 + j] + left[1 + j] * right[1 + i]
            )
            row += 1


@compiled
def _evaluate_many(form, kappa, tape, numbers):
    for g in range(len(kappa)):
        fill_coefficients(form, kappa[g], tape, numbers[g])
