import numpy as np
import pytest
import sympy

from steelyard.errors import ConfigurationError, InputError
from steelyard.expressions.language import FUNCTIONS, parse

X = np.array([0.3, 0.5, 0.7, 1.5])
Y = np.array([0.9, -0.5, 0.7, 0.2])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 2*y - x/4", X + 2 * Y - X / 4),
        ("-x**2", -(X**2)),
        ("+x", X),
        ("2**-1 * x", X / 2),
        ("pi*x", np.pi * X),
        ("x > 0.4 and not y < 0", (X > 0.4) & ~(Y < 0)),
        ("x < 0.4 or y == 0.7 or x != 0.5 and y <= 0.2", (X < 0.4) | (Y == 0.7) | ((X != 0.5) & (Y <= 0.2))),
        ("0.4 < x <= 0.7 < 2", (X > 0.4) & (X <= 0.7)),
        ("where(x > 0.6, y, -1)", np.where(X > 0.6, Y, -1)),
        ("where(x, y, 0)", Y),
        ("(x > 0.6) * 2 - (y > 0)", (X > 0.6) * 2.0 - (Y > 0)),
        ("arctan2(y, x) + minimum(x, y) * maximum(x, 0.6)", np.arctan2(Y, X) + np.minimum(X, Y) * np.maximum(X, 0.6)),
        ("  x\n  + y ", X + Y),
    ],
)
def test_arithmetic_and_logic_work_element_by_element(text, expected):
    np.testing.assert_array_equal(parse(text).evaluate({"x": X, "y": Y}), expected)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_agrees_with_numpy_and_with_sympy(name):
    arity, function = FUNCTIONS[name]
    names = ["x", "y", "z"][:arity]
    values = dict(zip(names, (0.4, 0.7, 0.2), strict=False))
    expression = parse(f"{name}({', '.join(names)})")
    expected = function(*values.values())
    assert expression.evaluate(values) == expected
    symbols = {key: sympy.Symbol(key, real=True) for key in names}
    exact = expression.sympy(symbols).subs({symbols[key]: value for key, value in values.items()})
    assert float(exact) == pytest.approx(expected, rel=1e-14)


def test_names_are_those_of_branches_only():
    expression = parse("sqrt(mu) + pi*where(a < b, 1, c2)")
    assert expression.names == {"mu", "a", "b", "c2"}


def test_numbers_are_constants_that_broadcast():
    assert parse("2/4").evaluate({}) == 0.5
    assert np.ndim(parse("1").evaluate({})) == 0


def test_arithmetic_is_float64_for_any_type_of_branch():
    byte = np.array([200, 3], dtype=np.uint8)
    single = np.array([0.1, 0.2], dtype=np.float32)
    flag = np.array([True, False])
    values = {"byte": byte, "single": single, "flag": flag}
    np.testing.assert_array_equal(parse("byte*2").evaluate(values), [400.0, 6.0])
    np.testing.assert_array_equal(parse("-byte").evaluate(values), [-200.0, -3.0])
    np.testing.assert_array_equal(parse("1 - flag").evaluate(values), [0.0, 1.0])
    product = parse("single*single").evaluate(values)
    assert product.dtype == np.float64
    np.testing.assert_array_equal(product, single.astype(float) ** 2)
    # 0.1 as float32 is above 0.1, and not equal to it after rounding the constant
    np.testing.assert_array_equal(parse("single > 0.1").evaluate(values), [True, True])


def test_a_bare_name_keeps_64_bit_ids():
    ids = np.array([2**63 + 1, 2**53 + 1], dtype=np.uint64)
    result = parse("event").evaluate({"event": ids})
    assert result.dtype == np.uint64
    np.testing.assert_array_equal(result, ids)


def test_undefined_operations_give_nan_quietly(recwarn):
    result = parse("log(x) + sqrt(x) + 1/(x + 1)").evaluate({"x": np.array([-1.0, 1.0])})
    assert np.isnan(result[0]) and result[1] == 1.5
    assert parse("1/0").evaluate({}) == np.inf
    assert len(recwarn) == 0


def test_huge_constants_do_not_hang():
    assert parse("9**9**9").evaluate({}) == np.inf


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sqtr(x)", ["unknown function 'sqtr'", "did you mean 'sqrt'?", "column 1"]),
        ("x + foo(x)", ["'foo(x)' in 'x + foo(x)'", "column 5", "functions: abs"]),
        ("np.sqrt(x)", ["np.sqrt", "attributes"]),
        ("x.real", ["attributes"]),
        ("x[0]", ["flat branches"]),
        ("'text'", ["no text"]),
        ("f'{x}'", ["no text"]),
        ("lambda x: x", ["functions cannot be defined"]),
        ("x if y else 1", ["write where(condition, a, b)"]),
        ("x & y", ["write 'and' instead of '&'"]),
        ("(x > 1) | (y > 1)", ["write 'or' instead of '|'", "column 1"]),
        ("x ^ 2", ["write '**'"]),
        ("~x", ["write 'not' instead of '~'"]),
        ("x % 2", ["not part of the language"]),
        ("x in y", ["not part of the language"]),
        ("(x, y)", ["not part of the language"]),
        ("[x for x in y]", ["not part of the language"]),
        ("(y := x)", ["not part of the language"]),
        ("1j", ["no text", "only numbers"]),
        ("None", ["only numbers"]),
        ("sqrt", ["'sqrt' is a function; write sqrt(...)"]),
        ("sqrt()", ["sqrt takes 1 argument(s), found 0"]),
        ("where(x, y)", ["where takes 3 argument(s), found 2"]),
        ("minimum(*x)", ["by position"]),
        ("sqrt(x=x)", ["by position"]),
        ("x +", ["no expression", "column"]),
        ("x y", ["no expression"]),
        ("x = 1", ["no expression"]),
        ("import os", ["no expression"]),
        ("x # + y", ["no comments", "column 3"]),
        ("x\0", ["no expression"]),
        ("", ["is empty"]),
        ("μ + sqtr(x)", ["column 5"]),
        ("(" * 500 + "x" + ")" * 500, ["no expression", "too many nested parentheses"]),
        ("-" * 401 + "x", ["nested too deeply"]),
        ("+".join(["x"] * 20000), ["nested too deeply"]),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_place_and_a_remedy(text, words):
    with pytest.raises(ConfigurationError) as error:
        parse(text)
    for word in words:
        assert word in str(error.value)


def test_a_call_of_a_call_cannot_reach_python():
    for text in ("().__class__", "sqrt.__globals__", "(lambda: 1)()", "sqrt(x)(y)", "__import__('os')"):
        with pytest.raises(ConfigurationError):
            parse(text)


def test_unknown_names_and_text_branches_are_clear_errors():
    with pytest.raises(ConfigurationError, match=r"unknown name 'm4L' in 'log\(m4L\)'; did you mean 'm4l'\?"):
        parse("log(m4L)").evaluate({"m4l": X})
    with pytest.raises(InputError, match="'label' is not made of plain numbers"):
        parse("label + 1").evaluate({"label": np.array(["a", "b"])})
    with pytest.raises(ConfigurationError, match=r"did you mean 'mu'\?"):
        parse("nu").sympy({"mu": sympy.Symbol("mu")})


def test_sympy_form_is_exact():
    mu = sympy.Symbol("mu", nonnegative=True)
    assert parse("mu**0.5 - sqrt(mu)").sympy({"mu": mu}) == 0
    assert parse("0.1*3").sympy({}) == sympy.Rational(3, 10)
    assert parse("sqrt(mu**2)").sympy({"mu": mu}) == mu


@pytest.mark.parametrize(
    "text",
    ["where(x > 0.5 and y < 0.9, x, y**2)", "(0.4 < x <= 1) * y", "where(not x < 0.6 or y == 0.9, 1, x)", "abs(y) - x"],
)
def test_sympy_form_of_logic_agrees_with_numpy(text):
    symbols = {name: sympy.Symbol(name, real=True) for name in "xy"}
    exact = parse(text).sympy(symbols)
    expected = parse(text).evaluate({"x": X, "y": Y})
    found = [float(exact.subs({symbols["x"]: x, symbols["y"]: y})) for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_long_sums_are_evaluated():
    assert parse("+".join(["x"] * 400)).evaluate({"x": 1.0}) == 400.0
