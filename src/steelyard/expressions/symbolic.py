"""Expressions in sympy, for exact derivatives. Imported only where one is asked for."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import sympy

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "log": sympy.log,
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "arctan2": sympy.atan2,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    # Piecewise and not Abs, Min and Max, whose second derivatives hold delta functions that numpy does not know.
    "abs": lambda a: sympy.Piecewise((a, a >= 0), (-a, True)),
    "minimum": lambda a, b: sympy.Piecewise((a, a <= b), (b, True)),
    "maximum": lambda a, b: sympy.Piecewise((a, a >= b), (b, True)),
    "where": lambda condition, a, b: sympy.Piecewise((_number(a), _truth(condition)), (_number(b), True)),
}
_ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
_COMPARISONS: dict[type, Callable[..., Any]] = {
    ast.Lt: sympy.Lt,
    ast.LtE: sympy.Le,
    ast.Gt: sympy.Gt,
    ast.GtE: sympy.Ge,
    ast.Eq: sympy.Eq,
    ast.NotEq: sympy.Ne,
}


def translate(node: ast.expr, symbols: Mapping[str, Any]) -> Any:
    """The sympy form of a checked syntax tree; decimal numbers become rationals, so that x**0.5 is sqrt(x)."""
    match node:
        case ast.Constant(value=value):
            return sympy.Integer(int(value)) if isinstance(value, int) else sympy.Rational(repr(value))
        case ast.Name(id="pi"):
            return sympy.pi
        case ast.Name(id=name):
            return symbols[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_number(translate(left, symbols)), _number(translate(right, symbols)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return sympy.Not(_truth(translate(operand, symbols)))
        case ast.UnaryOp(op=op, operand=operand):
            value = _number(translate(operand, symbols))
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=operands):
            combine = sympy.And if isinstance(op, ast.And) else sympy.Or
            return combine(*(_truth(translate(operand, symbols)) for operand in operands))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_number(translate(side, symbols)) for side in (left, *comparators)]
            return sympy.And(
                *(_COMPARISONS[type(op)](low, high) for op, low, high in zip(ops, sides, sides[1:], strict=False))
            )
        case ast.Call(func=ast.Name(id="where"), args=arguments):
            return _FUNCTIONS["where"](*(translate(argument, symbols) for argument in arguments))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_number(translate(argument, symbols)) for argument in arguments))
    raise AssertionError(f"{ast.dump(node)} passed the check")  # unreachable: expressions.parse has seen every node


def _is_truth(value: Any) -> bool:
    return isinstance(value, sympy.logic.boolalg.Boolean) and not isinstance(value, sympy.Symbol)


def _number(value: Any) -> Any:
    return sympy.Piecewise((sympy.Integer(1), value), (sympy.Integer(0), True)) if _is_truth(value) else value


def _truth(value: Any) -> Any:
    return value if _is_truth(value) else sympy.Ne(value, 0)
