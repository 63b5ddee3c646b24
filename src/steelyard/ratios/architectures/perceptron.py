"""The network that learns one log density ratio: a multilayer perceptron with its input scaling inside."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def cross_entropy(log_ratio: Tensor, w1: Tensor, w0: Tensor) -> Tensor:
    """Mean over events of w1 softplus(−f) + w0 softplus(f), f = ``log_ratio``; all shapes (N,), the result is a scalar.

    With w1 and w0 the weights of p_1 and p_0 at one event this is the binary cross entropy of the soft label
    w1/(w1 + w0), weight w1 + w0. Its minimum over functions f(x) is log p_1(x)/p_0(x). It is bounded for weights that
    are not negative only; :mod:`steelyard.ratios.signed` has the loss of others.
    """
    return torch.mean(w1 * softplus(-log_ratio) + w0 * softplus(log_ratio))


class Network(nn.Module):
    """f(x) = W_L a(... a(W_1 (x - mean)/scale + b_1) ...) + b_L, the estimate of a log density ratio log p_1(x)/p_0(x).

    The output is the logit itself, never a sigmoid of it: the minimiser of the cross entropy between p_1 and p_0 is
    f = log p_1/p_0 (Cranmer, Pavez and Louppe, arXiv:1506.02169, eq. 2.9, there as s = p_1/(p_1+p_0)), and a float32
    sigmoid would round the ratio away in its tails.

    Args:
        inputs: number of features D.
        hidden: widths of the hidden layers.
        activation: one of :data:`ACTIVATIONS`.
        zero_output: start the last layer at zero, so that the untrained answer is f = 0, "no difference".
        generator: random numbers of the initial weights; the global ones without it.
        outputs: numbers that the last layer gives for each event; one, but for signed densities.

    Raises:
        ValueError: no inputs, a layer without units, or an unknown activation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        activation: str = "silu",
        zero_output: bool = False,
        generator: torch.Generator | None = None,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        if inputs < 1 or any(width < 1 for width in hidden):
            raise ValueError(f"a network needs inputs and units in every layer, found {inputs} and {list(hidden)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}, choose one of {', '.join(ACTIVATIONS)}")
        self.inputs, self.hidden, self.activation = int(inputs), [int(width) for width in hidden], activation
        widths = [self.inputs, *self.hidden, outputs]
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise(widths):
            # skip_init: the weights are drawn below, from the network's own random numbers and no global ones
            layers += [nn.utils.skip_init(nn.Linear, fan_in, fan_out), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])
        self.register_buffer("mean", torch.zeros(self.inputs))
        self.register_buffer("scale", torch.ones(self.inputs))
        self._initialise(zero_output, generator)

    def _initialise(self, zero_output: bool, generator: torch.Generator | None) -> None:
        """Uniform in ±1/sqrt(fan in), weights and biases, as torch's own default for a linear layer."""
        with torch.no_grad():
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    bound = 1 / math.sqrt(layer.in_features)
                    layer.weight.uniform_(-bound, bound, generator=generator)
                    layer.bias.uniform_(-bound, bound, generator=generator)
            if zero_output:
                self.layers[-1].weight.zero_()
                self.layers[-1].bias.zero_()

    def standardise(self, features: Tensor) -> None:
        """Scale the inputs to mean 0 and deviation 1 over ``features`` (N, D); a constant one is only shifted."""
        sums = features.sum(dim=0, dtype=torch.float64)
        mean = sums / len(features)
        # the second moment about a rounded mean, in pieces: float64 copies of the whole sample would double the memory
        square = sum(((piece.double() - mean) ** 2).sum(dim=0) for piece in torch.split(features, 65536))
        scale = torch.sqrt(square / len(features))
        scale = torch.where(scale > 1e-6 * mean.abs().clamp(min=1e-30), scale, torch.ones_like(scale))
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def raw(self, features: Tensor) -> Tensor:
        """What the last layer gives: (N, D) float32 to (N, outputs) float32."""
        return self.layers((features - self.mean) / self.scale)

    def forward(self, features: Tensor) -> Tensor:
        """Log ratio of each event: (N, D) float32 to (N,) float32."""
        return self.raw(features).squeeze(-1)

    def loss(self, features: Tensor, w1: Tensor, w0: Tensor) -> Tensor:
        """The :func:`cross_entropy` of events (N, D) with the weights w1 and w0, (N,) each: a scalar."""
        return cross_entropy(self(features), w1, w0)

    @property
    def nothing_learnt(self) -> float:
        """The loss of f = 0, "no difference", on the training rows: with Σ w1 = Σ w0 = N/2 exactly ln 2."""
        return math.log(2)

    def architecture(self) -> dict[str, Any]:
        """Plain data from which :func:`build` makes a network that takes this one's state."""
        return {"inputs": self.inputs, "hidden": list(self.hidden), "activation": self.activation}


def build(architecture: Mapping[str, Any], state: Mapping[str, Tensor] | None = None) -> Network:
    """The network of :meth:`Network.architecture`, with the weights and the input scaling of ``state`` if given.

    Raises:
        ValueError: an architecture that is not one.
        RuntimeError: a state of another architecture.
    """
    arguments = architecture["inputs"], architecture["hidden"], architecture["activation"]
    if "net" in architecture:
        from steelyard.ratios.signed import SignedNetwork

        network: Network = SignedNetwork(*arguments, net=tuple(architecture["net"]))
    else:
        network = Network(*arguments)
    if state is not None:
        network.load_state_dict(state)
    return network.eval()
