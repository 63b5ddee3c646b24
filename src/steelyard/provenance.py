"""What a result was made with: package versions, and digests of the code that each stage runs."""

import ast
import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from steelyard import __version__

PACKAGE = "steelyard"
_ROOT = Path(__file__).parent

# Raise this to retrain every network. A change of training code alone never does: thousands of networks hang on it.
TRAINING_VERSION = "1"

# The packages whose versions can change a number in the results.
_RECORDED = (
    "numpy",
    "scipy",
    "numba",
    "torch",
    "lightning",
    "iminuit",
    "uproot",
    "awkward",
    "dask",
    "pyhf",
    "snakemake",
)


def code_digest(*modules: str, script: Path | None = None) -> str:
    """A digest of the source of these modules of the package and of all modules of it that they import.

    Put into a rule's ``params`` it makes a change of library code rerun the stages that use it, and only those.
    Comments, docstrings and layout do not count: the digest is taken of the syntax tree.

    Args:
        modules: names without that of the package.
        script: that calls them; of the script itself alone, since much of what it imports turns files into arguments.

    Raises:
        FileNotFoundError: no such module.
    """
    digest = hashlib.sha256()
    if script:
        digest.update(_read(script).syntax.encode())
    for path in sorted(_closure(modules)):
        digest.update(str(path.relative_to(_ROOT)).encode() + _read(path).syntax.encode())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of Python, of Steelyard and of every package that can change a number."""
    found = {"python": platform.python_version(), PACKAGE: __version__}
    return found | {name: importlib.metadata.version(name) for name in _RECORDED}


def _closure(modules: tuple[str, ...]) -> set[Path]:
    waiting, seen = [_source(name) for name in modules], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _read(path).imported
    return seen


def _source(name: str) -> Path:
    base = _ROOT.joinpath(*name.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not path.exists():
        raise FileNotFoundError(f"{PACKAGE} has no module {name}")
    return path


@dataclass(frozen=True)
class _Module:
    """A source file: the modules of this package that it imports, and its syntax without docstrings."""

    imported: tuple[Path, ...]
    syntax: str


@cache  # every rule asks, and every job of a batch system reads all rules: 36 walks through the package cost seconds
def _read(path: Path) -> _Module:
    tree = ast.parse(path.read_text())
    imported = _imported(tree)
    for node in ast.walk(tree):  # docstrings are comments too
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return _Module(imported, ast.dump(tree))


def _imported(tree: ast.Module) -> tuple[Path, ...]:
    names = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]  # ``from package import module``
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse  # what is imported for type annotations alone is not run
        else:
            waiting += ast.iter_child_nodes(node)
    paths = []
    for name in names:
        base = _ROOT.joinpath(*name.split(".")[1:])
        paths += [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists() and base != _ROOT]
    return tuple(paths)
