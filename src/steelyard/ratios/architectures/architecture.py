"""Architectures by name: what lies between the features of an event and the numbers that make a log ratio of it.

Everything else is the same for all of them and not theirs: the scaling of the inputs, the loss, the signs of weights,
the random numbers (:mod:`steelyard.ratios.network`, :mod:`steelyard.ratios.signed`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from steelyard import options
from steelyard.registry import Registry

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES = Registry(
    "architecture",
    {
        "perceptron": "ratios.architectures.perceptron",
    },
)

# What a configuration, or the file of a network, means that does not say it.
DEFAULT = "perceptron"


class Architecture(Protocol):
    """What a module of the registry has.

    It is imported to check a configuration, so torch is imported where it is needed, inside :meth:`layers`.

    Attributes:
        Options: its keys of the section ``training``, with defaults for nominal ratios.
        VariationOptions: the same keys, with defaults for those of variations, which are small effects.
    """

    Options: type[options.Options]
    VariationOptions: type[options.Options]

    @staticmethod
    def layers(chosen: Any, inputs: int, outputs: int) -> "nn.Sequential":
        """The layers, from standardised features (N, ``inputs``) float32 to (N, ``outputs``).

        The last one is an ``nn.Linear``, so that a network can start at "no difference". Linear layers get their
        weights from the network's own random numbers, whatever they are made with here; others keep theirs, which are
        made reproducible in the same way.
        """


@dataclass(frozen=True)
class Design:
    """An architecture and the options that were chosen for it.

    Attributes:
        architecture: name in the registry.
        options: all of them, as plain data.
    """

    architecture: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, architecture: str = DEFAULT, **options: Any) -> "Design":
        """A design with the defaults of what is not given.

        Raises:
            ConfigurationError: no such architecture.
            ValueError: options that it does not have or that are impossible.
        """
        entry: Architecture = ARCHITECTURES.load(architecture)
        return cls(architecture, entry.Options(**options).model_dump(mode="json"))

    @classmethod
    def chosen(cls, training: Any) -> "Design":
        """The design of a section ``training``: its key ``architecture``, and the options as keys beside it."""
        architecture = getattr(training, "architecture", DEFAULT)
        entry: Architecture = ARCHITECTURES.load(architecture)
        return cls.of(architecture, **{name: getattr(training, name) for name in entry.Options.model_fields})

    def layers(self, inputs: int, outputs: int) -> "nn.Sequential":
        """See :meth:`Architecture.layers`."""
        entry: Architecture = ARCHITECTURES.load(self.architecture)
        return entry.layers(entry.Options(**self.options), inputs, outputs)
