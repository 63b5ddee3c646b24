"""Digests of the code of each stage, by which a change of the library reruns the stages that use it.

A digest is taken of what the code does and not of where it stands: of the syntax trees of all modules that a stage
reaches by imports, each without comments, docstrings and imports, and with ``module.name`` written ``name``. A module
that is renamed or moved changes nothing; any other change of any of them does, also a cut in two, since a name may mean
different things in different modules.

A digest stops at a registry (:class:`steelyard.registry.Registry`): its list does not count, so that a choice more
reruns nothing, and its choices are reached by text. A rule names those that its stage uses beside the stage's modules.
It goes through :func:`steelyard.model.choices.load_all`, whose choices belong together.
"""

import ast
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "steelyard"
REGISTRY = "Registry"  # the class whose lists of choices do not count
LOAD_ALL = "load_all"  # the function that imports what it is given as text
_ROOT = Path(__file__).parents[1]


def code_digest(*modules: str, script: Path | None = None) -> str:
    """A digest of the source of these modules of the package and of all modules of it that they import.

    Put into a rule's ``params`` it makes a change of library code rerun the stages that use it, and only those. A
    package means all modules in it.

    Args:
        modules: names without that of the package.
        script: that calls them; of the script itself alone, since much of what it imports turns files into arguments.

    Raises:
        FileNotFoundError: no such module.
    """
    trees = sorted(_read(path).syntax for path in _closure(modules))
    if script:
        trees.insert(0, _read(script).syntax)
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[Path]:
    waiting, seen = [path for name in modules for path in _sources(name)], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _read(path).imported
    return seen


def _sources(name: str) -> list[Path]:
    base = _ROOT.joinpath(*name.split("."))
    paths = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    if not paths or not paths[0].exists():
        raise FileNotFoundError(f"{PACKAGE} has no module {name}")
    return paths


@dataclass(frozen=True)
class _Module:
    """A source file: the modules of this package that it imports, and its syntax without what does not count."""

    imported: tuple[Path, ...]
    syntax: str


@cache  # every rule asks, and every job of a batch system reads all rules: 36 walks through the package cost seconds
def _read(path: Path) -> _Module:
    tree = ast.parse(path.read_text())
    imported, names = _imported(tree)
    return _Module(imported, ast.dump(_Bare(names).visit(tree)))


class _Bare(ast.NodeTransformer):
    """Drops docstrings, imports, registries and what is for type checkers alone; ``module.name`` becomes ``name``."""

    def __init__(self, modules: set[str]) -> None:
        self.modules = modules

    def visit(self, node: ast.AST) -> Any:
        """What is left of a node."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _calls(node.value, REGISTRY):
            return None
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return [self.visit(statement) for statement in node.orelse]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return ast.Name(node.attr, node.ctx)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[ast.get_docstring(node) is not None :]
        return self.generic_visit(node)


def _calls(call: ast.Call, name: str) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == name


def _imported(tree: ast.Module) -> tuple[tuple[Path, ...], set[str]]:
    """The modules of the package that are imported, and the names under which modules of it are known."""
    paths, known = [], set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            paths += _files(node.module)
            for alias in node.names:
                found = _files(f"{node.module}.{alias.name}")  # ``from package import module``
                paths += found
                if found:
                    known.add(alias.asname or alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    paths += _files(alias.name)
        elif isinstance(node, ast.Call) and _calls(node, LOAD_ALL):
            places = [place.value for place in node.args if isinstance(place, ast.Constant)]
            paths += [path for place in places for path in _files(f"{PACKAGE}.{str(place).partition(':')[0]}")]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse  # what is imported for type annotations alone is not run
        else:
            waiting += ast.iter_child_nodes(node)
    return tuple(paths), known


def _files(name: str) -> list[Path]:
    base = _ROOT.joinpath(*name.split(".")[1:])
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists() and base != _ROOT]
