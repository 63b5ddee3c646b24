"""Results as JSON: frozen dataclasses, written and read back."""

import dataclasses
import json
import os
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from steelyard.io.files import whole

Result = TypeVar("Result")


def to_data(value: Any) -> Any:
    """Plain JSON data of a result: dataclasses become mappings, arrays lists; ``None`` fields are left out.

    Infinite and undefined numbers become the strings ``"inf"``, ``"-inf"``, ``"nan"``, since JSON has none.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: to_data(item) for name, item in fields.items() if item is not None}
    if isinstance(value, dict):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_data(value.tolist())
    if isinstance(value, list | tuple):
        return [to_data(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def from_data(kind: type[Result], data: Any) -> Result:
    """The inverse of :func:`to_data` for a dataclass ``kind``.

    Raises:
        TypeError: a field without default is missing, or an unknown one is there.
    """
    return _build(kind, data)


def _build(kind: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        kinds = typing.get_type_hints(kind)
        unknown = set(data) - set(kinds)
        if unknown:
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
        return kind(**{name: _build(kinds[name], item) for name, item in data.items()})
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return None if data is None else _build(inner[0], data)
    if origin is dict:
        return {key: _build(arguments[1], item) for key, item in data.items()}
    if origin is list:
        return [_build(arguments[0], item) for item in data]
    if origin is tuple:
        inner = arguments[0] if len(arguments) == 2 and arguments[1] is Ellipsis else None
        return tuple(_build(inner or arguments[index], item) for index, item in enumerate(data))
    if kind is np.ndarray:
        return np.asarray(_numbers(data), dtype=float)
    if kind is float:
        return float(data)
    return data


def _numbers(data: Any) -> Any:
    return [_numbers(item) for item in data] if isinstance(data, list) else float(data)


def to_json(result: Any, path: str | os.PathLike) -> None:
    """Write a result as JSON, whole."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(to_data(result), indent=1, allow_nan=False) + "\n")


def from_json(kind: type[Result], path: str | os.PathLike) -> Result:
    """Read a result of type ``kind`` from JSON."""
    return from_data(kind, json.loads(Path(path).read_text()))
