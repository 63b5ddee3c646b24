"""Compilation of the simulator's functions."""

from collections.abc import Callable
from pathlib import Path

from steelyard.numerics.compilation import kept

FOLDERS = (Path(__file__).parent,)


def compiled(function: Callable) -> Callable:
    """``numba.njit`` with strict arithmetic, kept as long as no file of this folder changes."""
    return kept(function, FOLDERS)
