"""Compilation of functions, kept on disk and never stale.

A function of the engine that is called by compiled code is compiled, linked into its caller, and optimised and
translated once more with it, at every level of the calls. What nobody calls from Python therefore has no wrapper for
Python, which would be compiled again each time as well: that is more than half of the time.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.extending import register_jitable

# What ends up in the compiled code of the engine with its functions and constants. A test holds compiled code to these.
_ROOT = Path(__file__).parents[1]
_ENGINE = (
    "numerics",
    "model/constraints",
    "model/interpolation",
    "model/coefficient_forms.py",
    "model/anchor.py",
    "likelihood/objective.py",
    "likelihood/minimise",
    "likelihood/kernels",
)
COMPILED = tuple(_ROOT / part for part in _ENGINE)

# Sums may be reordered, which is what lets them run in vector lanes, and products and sums fused. Infinities and
# undefined numbers keep their meaning: they are how a forbidden hypothesis shows. But ``np.isfinite(x)`` asks whether
# x - x is a number, and of an x that is itself a difference the compiler finds that to be 0: compare with ``np.inf``.
SUMMATION = frozenset({"reassoc", "contract", "nsz"})

# Compiled code allocates nothing, so it need not count who uses an array. Counting is an atomic operation for each
# array of a tuple at each call, and was more than half of the time of a slice.
_OPTIONS = {"error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}


def kept(function: Callable, folders: tuple[Path, ...], **options: Any) -> Callable:
    """``numba.njit`` with its compiled code kept on disk, in a folder that belongs to the source text of ``folders``.

    Numba keys what it keeps by the function's own file, but compiled code has the constants and functions of other
    files inside: after a change there it would go on using the old ones. The folder is in ``__pycache__`` of the last
    of ``folders``, or below NUMBA_CACHE_DIR where that is set; where it cannot be written, numba takes a folder of the
    user's.

    Args:
        function: to be compiled on its first call.
        folders: with all files whose functions and constants end up in its compiled code, or such files.
        options: of ``numba.njit``.
    """
    usual = config.CACHE_DIR
    config.CACHE_DIR = os.path.join(usual or folders[-1] / "__pycache__", f"compiled-{_digest(folders)}")
    try:
        return njit(cache=True, **options)(function)
    finally:
        config.CACHE_DIR = usual


def compiled(function: Callable) -> Callable:
    """``numba.njit`` for functions of the engine that Python calls: without the interpreter's lock, :func:`kept`."""
    return kept(function, COMPILED, nogil=True, fastmath=set(SUMMATION), **_OPTIONS)


def internal(function: Callable) -> Callable:
    """A function for compiled code, where it is compiled like :func:`compiled`; Python runs it as it stands."""
    return register_jitable(fastmath=set(SUMMATION), **_OPTIONS)(function)


def internal_exactly(function: Callable) -> Callable:
    """As :func:`internal`, for arithmetic whose order of operations is its point."""
    return register_jitable(fastmath=False, **_OPTIONS)(function)


@functools.cache
def _digest(folders: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            name = f"{folder.name}/{path.relative_to(folder)}"
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
