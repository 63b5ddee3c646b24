import ast
import subprocess
import sys
from pathlib import Path

from numba import config

from steelyard.numerics import compilation

CHECK = """
import importlib
import pkgutil

from numba.core.dispatcher import Dispatcher

from steelyard import likelihood, numerics
from steelyard.runtime.precompile import main

main()
for room in (numerics, likelihood):
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        members = vars(importlib.import_module(module.name))
        for name, member in members.items():
            if isinstance(member, Dispatcher) and member.py_func.__module__ == module.name:
                print(name, len(member.signatures))
"""


def test_every_function_is_compiled_for_one_type():
    """A read-only array or a literal number in one place would be a second type, and half a minute of compilation."""
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    compiled = dict(line.split() for line in done.stdout.splitlines())
    assert compiled["fit_experiments"] == compiled["evaluate_data"] == compiled["evaluate_slice"] == "1"
    assert set(compiled.values()) <= {"0", "1"}  # what only compiled code has called is not loaded


def test_an_internal_function_is_plain_python():
    """Without a wrapper for Python a compiled function must not be called from there; so it is not one."""
    from steelyard.likelihood.kernels.quintic import quintic
    from steelyard.likelihood.minimise.newton import copy

    assert type(quintic) is type(copy) is type(test_an_internal_function_is_plain_python)


def test_compiled_code_has_nothing_inside_that_its_key_does_not_cover():
    """Functions and constants of any other module could change, and the kept code would go on using the old ones."""
    root = Path(compilation.__file__).parents[1]
    covered = {file for part in compilation.COMPILED for file in ([part] if part.is_file() else part.rglob("*.py"))}
    for path in root.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        if not any(node.module == "steelyard.numerics.compilation" for node in imports) or "offshell4l" in path.parts:
            continue
        assert path in covered, path
        for node in imports:
            other = root.joinpath(*(node.module or "").split(".")[1:])
            files = {other.with_suffix(".py"), other / "__init__.py"}
            if (node.module or "").startswith("steelyard.") and not files & covered:
                values = [alias.name for alias in node.names if alias.name.isupper()]
                assert not values, f"{path} has {values} of {node.module} inside"


def test_kept_code_belongs_to_the_text_of_all_its_folders(tmp_path):
    """Wherever they lie: a file that is changed, renamed or in an inner folder counts, and nothing else does."""

    def key():
        return compilation._digest.__wrapped__((tmp_path / "first", tmp_path / "second"))

    for name in ("first/a.py", "first/inner/b.py", "second/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("MASS = 172.5\n")
    keys = [key()]
    (tmp_path / "second/notes.txt").write_text("no code\n")
    assert key() == keys[0]
    for name in ("first/inner/b.py", "second/c.py"):
        (tmp_path / name).write_text("MASS = 173.0\n")
        keys.append(key())
    (tmp_path / "second/c.py").rename(tmp_path / "second/d.py")
    assert len({*keys, key()}) == 4


def test_kept_code_lies_beside_the_last_folder_and_leaves_that_of_others_alone(tmp_path):
    before, folders = config.CACHE_DIR, (*compilation.COMPILED, tmp_path)
    function = compilation.kept(_twice, folders)
    assert before == config.CACHE_DIR
    root = before or str(tmp_path / "__pycache__")
    assert function.stats.cache_path.startswith(f"{root}/compiled-{compilation._digest(folders)}")
    assert function(2) == 4


def _twice(x):
    return 2 * x
