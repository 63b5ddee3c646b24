"""The words of a picture: what the configuration calls the parameter, the processes and the columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


EMBEDDED = "simulation, embedded model \N{EN DASH} not a physics prediction"


@dataclass(frozen=True)
class Labels:
    """Labels of one analysis, in matplotlib's math text.

    Attributes:
        parameter: of the parameter of interest.
        processes: by process name; what is missing is called by its name.
        nuisances: by name of the nuisance parameter; what is missing is called by its name.
        columns: of observables and features, by name; what is missing is called by its name.
        note: small print under every picture, such as that the events come from an embedded model.
    """

    parameter: str
    processes: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    nuisances: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None

    def process(self, name: str) -> str:
        """Label of a process, or of a ratio of two written ``first/second``."""
        return "/".join(self.processes.get(part, part) for part in name.split("/"))

    def column(self, name: str) -> str:
        """Label of an observable or a feature."""
        return self.columns.get(name, name)

    def nuisance(self, name: str) -> str:
        """Label of a nuisance parameter."""
        return self.nuisances.get(name, name)

    def symbol(self, name: str) -> str:
        """Label of an observable or a feature without its unit."""
        return self.column(name).split(" [")[0]
