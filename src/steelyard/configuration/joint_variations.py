"""Samples in which several nuisance parameters are varied together, as they are written in the configuration."""

from typing import Annotated

from pydantic import Field

from steelyard.configuration.fields import Named, Text
from steelyard.data.variations import Kind
from steelyard.options import Options


class JointEffect(Options):
    """How some processes are given at a joint point: as one side of a systematic is, and trees with other weights."""

    processes: Annotated[list[str], Field(min_length=1)] = Field(
        description="Processes of which this is the density at the point."
    )
    factors: Text | None = Field(
        None, description="Factor on the event weight, evaluated on the varied events where there are any."
    )
    weights: Annotated[dict[str, Text], Field(min_length=1)] | None = Field(
        None, description="Process: expression of its whole event weight, normalised as the nominal one."
    )
    trees: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Name of the tree of the varied events."
    )
    files: Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)] | None = Field(
        None, description="Sample: globs or paths of the ROOT files of its varied events."
    )

    @property
    def kind(self) -> Kind:
        """``events``: other events, perhaps with other weights; ``weights``: the same events with other weights."""
        return "events" if self.trees or self.files else "weights"


class JointVariation(Named):
    """A point at which two or more nuisance parameters are one sigma off together, and samples made there."""

    alpha: Annotated[dict[str, float], Field(min_length=2)] = Field(
        description="Systematic: 1 or -1, the side of it that these samples have; two or more of them."
    )
    effects: Annotated[list[JointEffect], Field(min_length=1)] = Field(
        description="How the processes are given there; a process that is left out is not checked."
    )
