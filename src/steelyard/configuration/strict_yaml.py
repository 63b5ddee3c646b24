"""Strict reading of YAML: a duplicate key is an error, not a silent overwrite."""

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from steelyard.errors import ConfigurationError


class _Loader(yaml.SafeLoader):
    """The safe loader, which refuses a key that appears twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                first = seen[key].line + 1
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key '{key}' appears twice, first in line {first}; remove or rename one of them",
                    key_node.start_mark,
                )
            if isinstance(key, Hashable):
                seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


def read(path: str | os.PathLike) -> dict[str, Any]:
    """The mapping that the YAML file at ``path`` holds.

    Raises:
        ConfigurationError: there is no such file, its syntax is wrong (with line and column), a key appears
            twice, or its top level is not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"{path}: cannot be read: {reason}; check the path of the configuration") from None
    try:
        data = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        context = f" {error.context}" if error.context else ""
        raise ConfigurationError(f"{path}{where}: {error.problem}{context}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise ConfigurationError(f"{path}: found {found}, expected a mapping with keys such as 'analysis'")
    return data
