"""Every kind of check that there is, collected from the files that measure them.

Each file declares its own, as ``NAME = Kind(...)`` of literals at its top level (:class:`steelyard.checks.Kind`). The
declarations are read and their files not imported: they need the compiled likelihood, and every job needs its levels.
``docs/checks.md`` has a section for each kind; a test holds declarations, code and page together.
"""

import ast
import re
from pathlib import Path
from typing import Any

from steelyard.checks import Kind, Level, Number

_ROOT = Path(__file__).parents[1]
_ROOMS = ("diagnostics", "baselines")
_DECLARATION = re.compile(r"^([A-Z][A-Z0-9_]*) = (Kind\((?:.*\)|\n(?s:.*?)^\)))$", re.MULTILINE)
_CLASSES = {"Kind": Kind, "Level": Level, "Number": Number}


def declared_kinds(text: str) -> dict[str, Kind]:
    """The kinds that the text of a module declares, by the names of their constants.

    Raises:
        ValueError: a declaration is made of anything but literals.
    """
    return {name: _value(ast.parse(value, mode="eval").body) for name, value in _DECLARATION.findall(text)}


def _value(node: ast.expr) -> Any:
    """What an expression of literals and of the classes of a declaration stands for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CLASSES:
        options = {str(option.arg): _value(option.value) for option in node.keywords}
        return _CLASSES[node.func.id](*map(_value, node.args), **options)
    if isinstance(node, ast.Dict):
        keys, values = [key for key in node.keys if key is not None], node.values
        return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
    return ast.literal_eval(node)


def _collect() -> tuple[Kind, ...]:
    paths = [path for room in _ROOMS for path in sorted((_ROOT / room).rglob("*.py"))]
    return tuple(kind for path in paths for kind in declared_kinds(path.read_text(encoding="utf-8")).values())


CATALOGUE = _collect()


def declared_levels() -> dict[str, Level | Number]:
    """All levels of the configuration by key.

    Raises:
        ValueError: two kinds declare the same key.
    """
    found: dict[str, Level | Number] = {}
    for kind in CATALOGUE:
        for key, level in kind.levels.items():
            if key in found:
                raise ValueError(f"two kinds of checks declare the level {key}, one is {kind.title!r}: rename one")
            found[key] = level
    return found


def kind_of(name: str) -> Kind | None:
    """The kind of a check, by its name, the least vague one that matches; None for one that nobody declares."""
    return min((kind for kind in CATALOGUE if kind.matches(name)), key=lambda kind: kind.vagueness, default=None)


def remedy_of(name: str) -> str | None:
    """What to do first about a check of this name."""
    kind = kind_of(name)
    return None if kind is None else kind.remedy
