import subprocess
import sys

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
    assert compiled["fit_experiments"] == compiled["add_moments"] == compiled["add_slice"] == "1"
    assert set(compiled.values()) <= {"0", "1"}  # what only compiled code has called is not loaded


def test_an_internal_function_is_plain_python():
    """Without a wrapper for Python a compiled function must not be called from there; so it is not one."""
    from steelyard.likelihood.kernels.quintic import quintic
    from steelyard.likelihood.minimise.newton import copy

    assert type(quintic) is type(copy) is type(test_an_internal_function_is_plain_python)
