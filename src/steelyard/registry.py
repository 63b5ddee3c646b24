"""Choices by name: what a configuration may name, and where the code of each choice is."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from steelyard.errors import ConfigurationError, nearest


class Registry(Mapping[str, str]):
    """Name in the configuration → place of its code, which is imported when it is asked for and not before.

    A place is ``module`` or ``module:attribute``, without the name of this package. To add a choice is a file and a
    line: nothing else imports it. So the list of a registry counts in no digest of code
    (:mod:`steelyard.runtime.code_digest`), and a choice more reruns nothing; a rule names the module of the choice that
    its stage uses (:meth:`module`), so that a change of that code runs the stage again.

    Args:
        what: word for one of its choices, for messages.
        places: name → place.
    """

    def __init__(self, what: str, places: Mapping[str, str]) -> None:
        self.what = what
        self._places = dict(places)

    def __getitem__(self, name: str) -> str:
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def module(self, name: str) -> str:
        """The module of a choice, as :func:`steelyard.runtime.code_digest.code_digest` takes it.

        Raises:
            ConfigurationError: there is no such choice; the message has the nearest name.
        """
        if name not in self._places:
            raise ConfigurationError(f"there is no {self.what} '{name}'; {nearest(name, self._places, 'there are')}")
        return self._places[name].partition(":")[0]

    def load(self, name: str) -> Any:
        """The choice itself: a module, or what is called so in it.

        Raises:
            ConfigurationError: there is no such choice; the message has the nearest name.
        """
        module = importlib.import_module(f"steelyard.{self.module(name)}")
        attribute = self._places[name].partition(":")[2]
        return getattr(module, attribute) if attribute else module
