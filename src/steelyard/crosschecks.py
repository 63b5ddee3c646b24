"""Checks of a configuration that need more than one key."""

from typing import TYPE_CHECKING

from steelyard.problems import Problem

if TYPE_CHECKING:
    from steelyard.configuration import Configuration


def problems_of(configuration: "Configuration", files: bool = True) -> list[Problem]:
    """All problems of a configuration whose keys are valid one by one."""
    names = [sample.name for sample in configuration.samples]
    return [
        Problem("samples", f"the name '{name}' appears twice", "rename one of them")
        for index, name in enumerate(names)
        if name in names[:index]
    ]
