"""Any expression, and any text at all."""

import re

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from steelyard.errors import ConfigurationError
from steelyard.expressions.language import FUNCTIONS, parse

NAMES = ("x", "y", "mu_2")
SMOOTH = ("sin", "cos", "arctan", "tanh")  # defined everywhere, and of moderate size
OTHER = ("sqrt", "log", "exp", "abs")

numbers = st.floats(-3.0, 3.0, allow_subnormal=False).map(lambda value: round(value, 3))
leaves = st.one_of(st.sampled_from(NAMES), st.integers(0, 9).map(str), numbers.map(abs).map(repr), st.just("pi"))


def trees(functions, operators):
    """Texts of expressions of these functions of one argument and these operators."""

    def larger(inner):
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(operators), inner),
            st.builds("-{}".format, inner),
            st.builds("{}({})".format, st.sampled_from(functions), inner),
            st.builds("{}({}, {})".format, st.sampled_from(("minimum", "maximum")), inner, inner),
            st.builds("where({} < {}, {}, {})".format, inner, inner, inner, inner),
        )

    return st.recursive(leaves, larger, max_leaves=8)


values = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))


@examples
@given(trees(SMOOTH + OTHER, ("+", "-", "*", "/", "**")), values)
def test_the_value_is_that_of_numpy(text, given_values):
    """Python itself evaluates the same text with numpy's functions: the grammar of Python, and float64 throughout."""
    known = {name: function for name, (_, function) in FUNCTIONS.items()} | {"pi": np.pi}
    doubles = re.sub(r"(?<![\w.])\d+(\.\d+)?(e-?\d+)?", lambda number: f"double({number[0]})", text)
    with np.errstate(all="ignore"):
        names = {name: np.float64(value) for name, value in given_values.items()}
        expected = eval(doubles, {"__builtins__": {}, "double": np.float64}, known | names)
    np.testing.assert_array_equal(parse(text).evaluate(given_values), expected)


@examples
@given(trees(SMOOTH, ("+", "-", "*")), values)
def test_sympy_gives_the_same_number(text, given_values):
    symbols = {name: sympy.Symbol(name, real=True) for name in NAMES}
    exact = parse(text).sympy(symbols).subs({symbols[name]: sympy.Rational(repr(given_values[name])) for name in NAMES})
    # Rounding may decide between the branches of `where`, where both sides of the comparison are the same number.
    if "where" not in text:
        assert float(exact) == pytest.approx(float(parse(text).evaluate(given_values)), rel=1e-9, abs=1e-9)


@examples
@given(trees(SMOOTH + OTHER, ("+", "-", "*", "/", "**")), st.lists(numbers, min_size=1, max_size=5))
def test_arrays_are_evaluated_element_by_element(text, column):
    expression = parse(text)
    together = np.broadcast_to(expression.evaluate({name: np.array(column) for name in NAMES}), len(column))
    alone = [expression.evaluate(dict.fromkeys(NAMES, value)) for value in column]
    np.testing.assert_allclose(together, alone, rtol=1e-13)


@examples
@given(trees(SMOOTH + OTHER, ("+", "-", "*", "/", "**")), st.sampled_from((" ", "  ", "\n", "\t\n ")))
def test_spaces_and_lines_mean_nothing(text, space):
    written = parse(text)
    assert parse(text.replace(" ", space)) == written
    assert written.names == {name for name in NAMES if re.search(rf"\b{name}\b", text)}


@examples
@given(st.text(max_size=30) | st.text("xy01.+-*/()<>=&|~,'\"#[]{}:\\ ande", max_size=20))
def test_any_text_is_an_expression_or_one_clear_error(text):
    try:
        expression = parse(text)
    except ConfigurationError:
        return
    assert expression.names == parse(expression.text).names
