"""Choices that are compiled together: kinds of constraints and interpolation codes, each in a file of its own."""

import importlib
from typing import Any


def load_all(*places: str) -> tuple[Any, ...]:
    """The code at these places, one a line: ``module`` or ``module:attribute``, without the name of this package.

    Compiled code has all of them inside, so every one is part of what uses any: a digest of code
    (:mod:`steelyard.runtime.code_digest`) goes through such a list, where it stops at a
    :class:`~steelyard.registry.Registry`.
    """
    found = []
    for place in places:
        name, _, attribute = place.partition(":")
        module = importlib.import_module(f"steelyard.{name}")
        found.append(getattr(module, attribute) if attribute else module)
    return tuple(found)
