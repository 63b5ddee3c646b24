"""Problems of a configuration: the key, the fault, and the remedy."""

import difflib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

from steelyard.errors import ConfigurationError, nearest


@dataclass(frozen=True)
class Problem:
    """One problem: the path of the key (``samples[gg].weights.S``), what is wrong there and what to do."""

    path: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f"; {self.advice}" if self.advice else "")


def fail(problems: Sequence[Problem], source: str) -> None:
    """Raise one error that lists all problems of the file ``source``, or do nothing without any.

    Raises:
        ConfigurationError: there is at least one problem.
    """
    if not problems:
        return
    lines = list(dict.fromkeys(str(problem) for problem in problems))
    if len(lines) == 1:
        raise ConfigurationError(f"{source}: {lines[0]}")
    raise ConfigurationError("\n  ".join([f"{source}: {len(lines)} problems", *lines]))


def key_path(location: Sequence[str | int], data: Any) -> str:
    """A readable path: items of lists appear by their name (or process) where they have one.

    Elements of ``location`` that lead nowhere in ``data`` are dropped, except the last: they are
    pydantic's tags of union members, not keys.
    """
    path = ""
    for depth, step in enumerate(location):
        inside, following = _descend(data, step)
        if not inside and depth < len(location) - 1:
            continue
        if isinstance(step, int):
            label = next((str(following[key]) for key in ("name", "process") if _has(following, key)), step)
            path += f"[{label}]"
        else:
            path += f".{step}" if path else str(step)
        data = following if inside else None
    return path or "the file"


def _has(item: Any, key: str) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get(key), str)


def _descend(data: Any, step: str | int) -> tuple[bool, Any]:
    if isinstance(data, Mapping) and step in data:
        return True, data[step]
    if isinstance(data, Sequence) and not isinstance(data, str) and isinstance(step, int) and step < len(data):
        return True, data[step]
    return False, None


def from_validation(error: ValidationError, data: Any, model: type[BaseModel]) -> list[Problem]:
    """The problems that pydantic found in ``data`` against ``model``, one a key."""
    errors = error.errors(include_url=False)
    # A misspelt required key is two errors to pydantic, one missing and one unknown: the second says it all.
    replaced: set[tuple[int | str, ...]] = set()
    for item in errors:
        if item["type"] == "extra_forbidden":
            *parent, key = item["loc"]
            missing = [other["loc"][-1] for other in errors if _missing_beside(other, parent)]
            close = difflib.get_close_matches(str(key), [str(name) for name in missing], n=1, cutoff=0.5)
            replaced.update((*parent, name) for name in close)
    problems: dict[str, list[Problem]] = {}
    for item in errors:
        if item["type"] == "missing" and tuple(item["loc"]) in replaced:
            continue
        location = _without_tag(item["loc"], data, item["type"])
        path = key_path(location, data)
        problems.setdefault(path, []).append(_problem(path, item, location, model))
    return [_merge(path, found) for path, found in problems.items()]


def _missing_beside(item: Mapping[str, Any], parent: list[str | int]) -> bool:
    return item["type"] == "missing" and list(item["loc"][:-1]) == parent


def _without_tag(location: Sequence[str | int], data: Any, kind: str) -> tuple[str | int, ...]:
    """Drop what is no key of the data; a missing key is the one last element that is not there."""
    kept: list[str | int] = []
    for depth, step in enumerate(location):
        inside, following = _descend(data, step)
        if inside:
            data = following
            kept.append(step)
        elif kind in ("missing", "extra_forbidden") and depth == len(location) - 1:
            kept.append(step)
    return tuple(kept)


def _merge(path: str, found: list[Problem]) -> Problem:
    """The members of a union that all failed are one problem with several ways out."""
    if len(found) == 1:
        return found[0]
    advice = " or ".join(dict.fromkeys(problem.advice for problem in found if problem.advice))
    return Problem(path, found[0].what, advice)


def _problem(path: str, item: Mapping[str, Any], location: Sequence[str | int], model: type[BaseModel]) -> Problem:
    kind, found, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden":
        valid = keys_of(model, location[:-1], item["loc"])
        return Problem(path, "unknown key", nearest(location[-1], valid, "valid keys"))
    if kind == "missing":
        return Problem(path, "this key is required and not there", "add it")
    if kind == "literal_error":
        choices = [choice.strip().strip("'") for choice in context["expected"].replace(" or ", ", ").split(",")]
        return Problem(path, f"found {_show(found)}", nearest(found, choices, "choose from"))
    if kind == "string_pattern_mismatch":
        return Problem(path, f"found {_show(found)}", "a name has letters, digits and _ and starts with a letter")
    if kind == "model_type":
        keys = ", ".join(keys_of(model, location, item["loc"]))
        return Problem(path, _found(found), f"write a mapping with the keys {keys}")
    return Problem(path, _found(found), _advice(item["msg"]))


def _advice(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ").strip()
    return f"it {message}" if message.startswith("should") else message[:1].lower() + message[1:]


def _found(value: Any) -> str:
    return "found nothing after the key" if value is None else f"found {_show(value)}"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def keys_of(model: type[BaseModel], location: Sequence[str | int], tags: Sequence[str | int] = ()) -> list[str]:
    """The keys that the model takes at a location, as they are written in YAML.

    Args:
        model: of the whole file.
        location: keys and indices that lead there.
        tags: of a choice among tagged models those that are meant.
    """
    kinds: list[Any] = [model]
    for step in location:
        kinds = [inner for kind in kinds for inner in _inside(kind, step, tags)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [field.alias or name for kind in models for name, field in kind.model_fields.items()]


def _inside(kind: Any, step: str | int, tags: Sequence[str | int]) -> list[Any]:
    if not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return []
    annotations = [field.annotation for name, field in kind.model_fields.items() if step in (name, field.alias)]
    if isinstance(step, int):
        return [kind]
    return [inner for annotation in annotations for inner in _models(annotation, tags)]


def _models(annotation: Any, tags: Sequence[str | int]) -> list[Any]:
    if any(isinstance(mark, Tag) and mark.tag not in tags for mark in getattr(annotation, "__metadata__", ())):
        return []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for argument in typing.get_args(annotation) for inner in _models(argument, tags)]
