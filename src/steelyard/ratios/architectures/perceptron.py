"""The multilayer perceptron: linear layers with an activation between them."""

import itertools
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from steelyard import options
from steelyard.options import Count

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["silu", "relu", "gelu", "tanh"]


class Options(options.Options):
    """The layers of a nominal ratio."""

    hidden: Annotated[list[Count], Field(min_length=1)] = Field([64, 64, 64], description="Units of the hidden layers.")
    activation: Activation = Field("silu", description="Activation; silu is swish.")


class VariationOptions(Options):
    """The layers of the ratio of a variation, a small and smooth effect: more units would learn the noise."""

    hidden: Annotated[list[Count], Field(min_length=1)] = Field([32, 32], description="Units of the hidden layers.")


def layers(chosen: Options, inputs: int, outputs: int) -> "nn.Sequential":
    """W_L a(... a(W_1 x + b_1) ...) + b_L of standardised features x; see
    :meth:`steelyard.ratios.architectures.architecture.Architecture.layers`.
    """
    from torch import nn

    activation = {"silu": nn.SiLU, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}[chosen.activation]
    found: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise([inputs, *chosen.hidden, outputs]):
        # skip_init: the network draws all weights of linear layers itself
        found += [nn.utils.skip_init(nn.Linear, fan_in, fan_out), activation()]
    return nn.Sequential(*found[:-1])
