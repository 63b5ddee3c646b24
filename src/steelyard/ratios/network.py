"""The network that learns one log density ratio: layers of some architecture with their input scaling before them."""

import math
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from steelyard.ratios.architectures.architecture import Design

# What a network sees of N events: a table (N, D) float32. Inputs of variable length would be another type, here and
# in the batches that training and evaluation cut.
Features: TypeAlias = Tensor


def cross_entropy(log_ratio: Tensor, w1: Tensor, w0: Tensor) -> Tensor:
    """Mean over events of w1 softplus(−f) + w0 softplus(f), f = ``log_ratio``; all shapes (N,), the result is a scalar.

    With w1 and w0 the weights of p_1 and p_0 at one event this is the binary cross entropy of the soft label
    w1/(w1 + w0), weight w1 + w0. Its minimum over functions f(x) is log p_1(x)/p_0(x). It is bounded for weights that
    are not negative only; :mod:`steelyard.ratios.signed` has the loss of others.
    """
    return torch.mean(w1 * softplus(-log_ratio) + w0 * softplus(log_ratio))


class Network(nn.Module):
    """f(x) = layers((x − mean)/scale), the estimate of a log density ratio log p_1(x)/p_0(x).

    The output is the logit itself, never a sigmoid of it: the minimiser of the cross entropy between p_1 and p_0 is
    f = log p_1/p_0 (Cranmer, Pavez and Louppe, arXiv:1506.02169, eq. 2.9, there as s = p_1/(p_1+p_0)), and a float32
    sigmoid would round the ratio away in its tails.

    Args:
        inputs: number of features D.
        design: the architecture of the layers, and its options.
        zero_output: start the last layer at zero, so that the untrained answer is f = 0, "no difference".
        generator: random numbers of the initial weights; the global ones without it.
        outputs: numbers that the last layer gives for each event; one, but for signed densities and several processes.

    Raises:
        ConfigurationError: an unknown architecture.
        ValueError: no inputs, impossible options, or layers that do not end in a linear one with these outputs.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        inputs: int,
        design: Design,
        zero_output: bool = False,
        generator: torch.Generator | None = None,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        if inputs < 1:
            raise ValueError(f"a network needs inputs, found {inputs}")
        self.inputs, self.design = int(inputs), design
        self.layers = _layers(design, self.inputs, outputs, generator)
        self.register_buffer("mean", torch.zeros(self.inputs))
        self.register_buffer("scale", torch.ones(self.inputs))
        self._initialise(zero_output, generator)

    def _initialise(self, zero_output: bool, generator: torch.Generator | None) -> None:
        """Uniform in ±1/sqrt(fan in), weights and biases, as torch's own default for a linear layer."""
        with torch.no_grad():
            for layer in self.layers.modules():
                if isinstance(layer, nn.Linear):
                    bound = 1 / math.sqrt(layer.in_features)
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    if layer.bias is not None:
                        layer.bias.uniform_(-bound, bound, generator=generator)
            if zero_output:
                self.layers[-1].weight.zero_()
                self.layers[-1].bias.zero_()

    def standardise(self, features: Features) -> None:
        """Scale the inputs to mean 0 and deviation 1 over ``features`` (N, D); a constant one is only shifted."""
        sums = features.sum(dim=0, dtype=torch.float64)
        mean = sums / len(features)
        # the second moment about a rounded mean, in pieces: float64 copies of the whole sample would double the memory
        square = sum(((piece.double() - mean) ** 2).sum(dim=0) for piece in torch.split(features, 65536))
        scale = torch.sqrt(square / len(features))
        scale = torch.where(scale > 1e-6 * mean.abs().clamp(min=1e-30), scale, torch.ones_like(scale))
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def raw(self, features: Features) -> Tensor:
        """What the last layer gives: (N, D) float32 to (N, outputs) float32."""
        result: Tensor = self.layers((features - self.mean) / self.scale)
        return result

    def forward(self, features: Features) -> Tensor:
        """Log ratio of each event: (N, D) float32 to (N,) float32."""
        return self.raw(features).squeeze(-1)

    def loss(self, features: Features, *weights: Tensor) -> Tensor:
        """The :func:`cross_entropy` of events (N, D) with the weights w1 and w0 of the classes, (N,) each: a scalar."""
        w1, w0 = weights
        return cross_entropy(self(features), w1, w0)

    @property
    def nothing_learnt(self) -> float:
        """The loss of f = 0, "no difference", on the training rows: with Σ w1 = Σ w0 = N/2 exactly ln 2."""
        return math.log(2)

    def architecture(self) -> dict[str, Any]:
        """Plain data from which :func:`steelyard.ratios.members.build` makes a network that takes this one's state."""
        return {"name": self.design.architecture, "inputs": self.inputs, "options": dict(self.design.options)}


def _layers(design: Design, inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Sequential:
    """The layers of a design; what random numbers they start from follows from the generator, and no global ones do."""
    with torch.random.fork_rng(devices=[], enabled=generator is not None):
        if generator is not None:
            torch.default_generator.manual_seed(generator.initial_seed())
        layers = design.layers(inputs, outputs)
    last = layers[-1]
    if not isinstance(last, nn.Linear) or last.out_features != outputs or last.bias is None:
        raise ValueError(
            f"the architecture '{design.architecture}' ends in {last}; a network needs an nn.Linear there, with a bias "
            f"and {outputs} outputs"
        )
    return layers
