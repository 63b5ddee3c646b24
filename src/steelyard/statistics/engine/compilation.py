"""Compilation of the engine's functions, kept on disk and never stale."""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from numba import config, njit

PACKAGE = Path(__file__).parent

# Sums may be reordered, which is what lets them run in vector lanes, and products and sums fused. Infinities and
# undefined numbers keep their meaning: they are how a forbidden hypothesis shows.
SUMMATION = {"reassoc", "contract", "nsz"}


def compiled(function: Callable) -> Callable:
    """``numba.njit`` for sums over events: without the interpreter's lock, kept on disk.

    The compiled code lies in a folder that belongs to this package's source text: numba keys what it keeps by the
    function's own file, but compiled code has the functions of other files inside. The folder is ``__pycache__``
    beside the source, or below NUMBA_CACHE_DIR where that is set; where it cannot be written, numba takes a folder
    of the user's.
    """
    return _njit(function, fastmath=SUMMATION)


def compiled_exactly(function: Callable) -> Callable:
    """As :func:`compiled`, for arithmetic whose order of operations is its point."""
    return _njit(function, fastmath=False)


def _njit(function: Callable, **options: object) -> Callable:
    usual = config.CACHE_DIR
    config.CACHE_DIR = os.path.join(usual or PACKAGE / "__pycache__", f"compiled-{_digest()}")
    try:
        return njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = usual


@functools.cache
def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
