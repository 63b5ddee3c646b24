"""Arithmetic expressions of named quantities, parsed without ever executing user text.

The language is the arithmetic of Python: numbers, names, ``pi``, ``+ - * / **``, comparisons (chained ones too),
``and or not`` and the functions of :data:`FUNCTIONS`. Logic works element by element.
"""

import ast
import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from steelyard.errors import ConfigurationError, InputError

# Name: (number of arguments, numpy function)
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tan": (1, np.tan),
    "arcsin": (1, np.arcsin),
    "arccos": (1, np.arccos),
    "arctan": (1, np.arctan),
    "arctan2": (2, np.arctan2),
    "sinh": (1, np.sinh),
    "cosh": (1, np.cosh),
    "tanh": (1, np.tanh),
    "abs": (1, np.abs),
    "minimum": (2, np.minimum),
    "maximum": (2, np.maximum),
    "where": (3, np.where),
}
CONSTANTS = {"pi": np.pi}
# Levels of nesting; a sum of terms is one level a term. Evaluation recurses, and Python's stack ends at 1000.
_DEPTH = 400
RESERVED = frozenset(FUNCTIONS) | frozenset(CONSTANTS)

_ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type, Callable[..., Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
# What people write instead, and what to write here.
_INSTEAD: dict[type, str] = {
    ast.BitAnd: "write 'and' instead of '&'",
    ast.BitOr: "write 'or' instead of '|'",
    ast.BitXor: "write '**' for a power",
    ast.Invert: "write 'not' instead of '~'",
    ast.IfExp: "write where(condition, a, b) instead of 'a if condition else b'",
    ast.Attribute: "attributes and methods do not exist here; write sqrt(x), not np.sqrt(x)",
    ast.Subscript: "elements of arrays cannot be taken; use flat branches",
    ast.Constant: "only numbers are allowed, no text",
    ast.JoinedStr: "only numbers are allowed, no text",
    ast.Lambda: "functions cannot be defined; use the variables of the configuration",
}


@dataclass(frozen=True)
class Expr:
    """A parsed expression.

    Attributes:
        text: the expression as it was written, on one line.
        names: its free names (branches, variables or parameters), without functions and constants.
    """

    text: str
    names: frozenset[str]

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value for arrays (or numbers) of its names, which broadcast against each other.

        Arithmetic is done in float64 whatever the types of the arrays, comparisons and logic give bool, and an
        expression that is a bare name gives that array unchanged (so that 64-bit ids survive). Undefined
        operations give nan or inf without a warning: the caller knows what to do with them. An expression
        without names gives a number.

        Raises:
            ConfigurationError: a name is not in ``values``.
            InputError: a value is not made of plain numbers.
        """
        for name in sorted(self.names - values.keys()):
            raise ConfigurationError(f"unknown name '{name}' in '{self.text}'; {_nearest(name, values)}")
        with np.errstate(all="ignore"):
            return _evaluate(_tree(self.text), values)

    def sympy(self, symbols: Mapping[str, Any]) -> Any:
        """The same expression in sympy, with its names replaced by ``symbols``; decimal numbers become exact.

        Raises:
            ConfigurationError: a name is not in ``symbols``.
        """
        from steelyard.expressions.symbolic import translate

        for name in sorted(self.names - symbols.keys()):
            raise ConfigurationError(f"unknown name '{name}' in '{self.text}'; {_nearest(name, symbols)}")
        return translate(_tree(self.text), symbols)


def parse(text: str) -> Expr:
    """Parse ``text`` once.

    Raises:
        ConfigurationError: it is no expression of the language; the message shows the place and what to write.
    """
    line = " ".join(str(text).split())
    if not line:
        raise ConfigurationError("the expression is empty; write one such as 'sqrt(mu)' or '1'")
    if "#" in line:
        raise ConfigurationError(f"'#' in '{line}' (column {line.index('#') + 1}): an expression has no comments")
    names: set[str] = set()
    _check(_tree(line), line, names, _DEPTH)
    return Expr(line, frozenset(names))


@lru_cache
def _tree(line: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(line, mode="eval").body
    except (RecursionError, MemoryError):
        raise _too_deep(line) from None
    except (SyntaxError, ValueError) as error:
        column = getattr(error, "offset", None) or 1
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigurationError(f"'{line}' is no expression (column {column}: {reason})") from None


def _too_deep(line: str) -> ConfigurationError:
    return ConfigurationError(f"'{line[:60]}...' is nested too deeply; split it into variables")


def _nearest(word: str, choices: Iterable[str], kind: str = "known names") -> str:
    choices = sorted(choices)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"{kind}: {', '.join(choices) or 'none'}"


def _refuse(node: ast.AST, line: str, reason: str) -> ConfigurationError:
    offset = getattr(node, "col_offset", 0)  # in bytes of UTF-8
    start = len(line.encode()[:offset].decode(errors="ignore"))
    part = ast.get_source_segment(line, node) or line
    whole = "" if part == line else f" in '{line}'"
    return ConfigurationError(f"'{part}'{whole} (column {start + 1}): {reason}")


def _check(node: ast.expr, line: str, names: set[str], depth: int) -> None:
    """Accept what is on the white list, collect the free names, refuse all else."""
    match node:
        case ast.Constant(value=int() | float()):
            return
        case ast.Name(id=name):
            if name in FUNCTIONS:
                raise _refuse(node, line, f"'{name}' is a function; write {name}(...)")
            if name not in CONSTANTS:
                names.add(name)
            return
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            operands = [node.left, node.right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            operands = [node.operand]
        case ast.BoolOp():
            operands = node.values
        case ast.Compare(ops=ops) if all(type(op) in _COMPARISONS for op in ops):
            operands = [node.left, *node.comparators]
        case ast.Call(func=ast.Name(id=name)):
            if name not in FUNCTIONS:
                raise _refuse(node, line, f"unknown function '{name}'; {_nearest(name, FUNCTIONS, 'functions')}")
            if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
                raise _refuse(node, line, f"{name} takes its arguments by position")
            expected = FUNCTIONS[name][0]
            if len(node.args) != expected:
                raise _refuse(node, line, f"{name} takes {expected} argument(s), found {len(node.args)}")
            operands = node.args
        case _:
            called = node.func if isinstance(node, ast.Call) else node
            kind = type(getattr(called, "op", called))
            reason = _INSTEAD.get(
                kind,
                "this is not part of the language: numbers, names, + - * / **, comparisons, "
                f"and, or, not, {', '.join(sorted(RESERVED))}",
            )
            raise _refuse(node, line, reason)
    if depth == 0:
        raise _too_deep(line)
    for operand in operands:
        _check(operand, line, names, depth - 1)


def _real(value: Any) -> Any:
    # Integer branches would wrap around (uint8 * 100, -uint64) and bool ones refuse a minus.
    return np.asarray(value, dtype=np.float64)[()]


def _truth(value: Any) -> Any:
    return np.asarray(value) != 0


def _comparable(value: Any) -> Any:
    # Integers stay exact against integers; float32 is compared as the number it is, not as a rounded constant.
    return value if np.asarray(value).dtype.kind in "iu" else _real(value)


def _plain(name: str, value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise InputError(f"'{name}' is not made of plain numbers (its type is {array.dtype}); use a flat branch")
    return array[()] if array.ndim == 0 else array


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return float(value)
        case ast.Name(id=name):
            return CONSTANTS[name] if name in CONSTANTS else _plain(name, values[name])
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](_real(_evaluate(left, values)), _real(_evaluate(right, values)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_truth(_evaluate(operand, values))
        case ast.UnaryOp(op=op, operand=operand):
            value = _real(_evaluate(operand, values))
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=operands):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            result = _truth(_evaluate(operands[0], values))
            for operand in operands[1:]:
                result = combine(result, _truth(_evaluate(operand, values)))
            return result
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_comparable(_evaluate(side, values)) for side in (left, *comparators)]
            result = np.bool_(True)
            for op, low, high in zip(ops, sides, sides[1:], strict=False):
                result = result & _COMPARISONS[type(op)](low, high)
            return result
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            chosen = _truth(_evaluate(condition, values))
            return np.where(chosen, _real(_evaluate(yes, values)), _real(_evaluate(no, values)))[()]
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][1](*(_real(_evaluate(argument, values)) for argument in arguments))
    raise AssertionError(f"{ast.dump(node)} passed the check")  # unreachable: parse() has seen every node
