"""Compilation of the model's functions, kept on disk and never stale."""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from numba import config, njit

PACKAGE = Path(__file__).parent


def compiled(function: Callable) -> Callable:
    """``numba.njit`` with its compiled code kept on disk, in a folder that belongs to this package's source text.

    Numba keys the code that it keeps by the function's own file, but compiled code has the constants and functions of
    other files inside: after a change of ``constants.py`` it would go on using the old numbers. The folder is
    ``__pycache__`` beside the source, or below NUMBA_CACHE_DIR where that is set; where it cannot be written, numba
    takes a folder of the user's.
    """
    usual = config.CACHE_DIR
    config.CACHE_DIR = os.path.join(usual or PACKAGE / "__pycache__", f"compiled-{_digest()}")
    try:
        return njit(cache=True)(function)
    finally:
        config.CACHE_DIR = usual


@functools.cache
def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
