r"""Networks of densities whose simulation has events of negative weight, and the loss that they minimise.

The density of weighted events is their absolute density times what the signs leave of it,

.. math:: p(x) = \frac{\sum|w|}{\sum w}\,|p|(x)\,s(x), \qquad s(x) = E[\operatorname{sign}w\,|\,x],

so that a ratio has three factors, each of which is learned from positive weights:

.. math:: \log\frac{p_1}{p_0} = \log\frac{|p_1|}{|p_0|} + \log\frac{s_1}{\bar s_1} - \log\frac{s_0}{\bar s_0},
          \qquad \bar s = \frac{\sum w}{\sum|w|}.

The first minimises the cross entropy of a classifier with |w|, the others minimise those of the sign, of which
:math:`\tfrac12(1+s)` is the probability to be positive; :math:`s=1/(1+e^{-h})` lies between 0 and 1, since a density is
not negative. Every term of this loss is positive, whatever the weights are. The cross entropy with signed weights is
not bounded: an event of weight w < 0 contributes :math:`w\,\mathrm{softplus}(-f)`, which falls without end as f does,
and a network that can tell such events from others goes there.

To make a signed density of positive ones is the idea of the signed mixtures of Drnevich, Jiggins, Katzy and Cranmer,
arXiv:2410.10216. What the factors add is that the density stays positive, and that its logarithm is as precise as that
of any classifier where the density is small for other reasons than cancellation. ``benchmarks/negative_weights.py``
compares it with other methods.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.network import Features, Network

# A sign that no training event has is taken for as frequent as half an event would make it.
HALF = 0.5


class SignedNetwork(Network):
    """log p_1/p_0 of two densities, of which at least one has events of negative weight.

    Its outputs are log |p_1|/|p_0| and the logit h of s for each density with such events, which starts at its mean,
    s = s̄. If both densities have some, the outputs are the mean and the difference of the two logits: a variation and
    its nominal have much the same signs, and what an event says of the difference is the difference of its two weights
    only, as it is for the soft label of a ratio.

    Args:
        inputs, design, zero_output, generator: as of :class:`~steelyard.ratios.network.Network`; with ``zero_output``
            the untrained answer is p_1 = p_0.
        net: s̄ of p_1 and of p_0, Σw/Σ|w|; None for a density whose events all have positive weight.

    Raises:
        ValueError: as of a Network; or neither density has negative weights; or a sum that is not positive.
    """

    def __init__(
        self,
        inputs: int,
        design: Design,
        zero_output: bool = False,
        generator: torch.Generator | None = None,
        *,
        net: tuple[float | None, float | None],
    ) -> None:
        found = [value for value in net if value is not None]
        if not found or not all(0.0 < value < 1.0 for value in found):
            raise ValueError(f"fractions of net weight are within 0 and 1, and one is needed; found {net}")
        self.net = tuple(net)
        super().__init__(inputs, design, zero_output, generator, outputs=1 + len(found))

    def parts(self, features: Features) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """log |p_1|/|p_0|, and the logits of s_1 and s_0, (N,) each; None where all weights are positive."""
        outputs = self.raw(features).unbind(-1)
        first, second = (None if value is None else _logit(value) for value in self.net)
        if first is None:
            return outputs[0], None, outputs[1] + second
        if second is None:
            return outputs[0], outputs[1] + first, None
        return outputs[0], outputs[1] + 0.5 * outputs[2] + first, outputs[1] - 0.5 * outputs[2] + second

    def forward(self, features: Features) -> Tensor:
        """Log ratio of each event: (N, D) float32 to (N,) float32."""
        result, h1, h0 = self.parts(features)
        for sign, logit, net in ((1.0, h1, self.net[0]), (-1.0, h0, self.net[1])):
            if logit is not None and net is not None:
                result = result + sign * (logsigmoid(logit) - math.log(net))
        return result

    def loss(self, features: Features, *weights: Tensor) -> Tensor:
        """Mean over events of the cross entropies of the class, with |w|, and of the signs; a scalar, never negative.

        Args:
            features: (N, D).
            weights: w1 and w0, (N,) each, of p_1 and p_0 with their signs; Σ|w1| = Σ|w0| over all events.
        """
        w1, w0 = weights
        f, h1, h0 = self.parts(features)
        total = w1.abs() * softplus(-f) + w0.abs() * softplus(f)
        for weight, logit in ((w1, h1), (w0, h0)):
            if logit is not None:
                total = total + sign_cross_entropy(logit, weight)
        return torch.mean(total)

    @property
    def nothing_learnt(self) -> float:
        """The loss of the mean signs without a difference: ln 2 and half of the entropy of each sign."""
        shares = [0.5 * (1.0 + value) for value in self.net if value is not None]
        entropies = [-share * math.log(share) - (1.0 - share) * math.log(1.0 - share) for share in shares]
        return math.log(2) + 0.5 * sum(entropies)

    def architecture(self) -> dict[str, Any]:
        return super().architecture() | {"net": list(self.net)}


def sign_cross_entropy(logit: Tensor, weight: Tensor) -> Tensor:
    r"""Of each event |w| times −log of the probability of its sign, ½(1 ± s) with s = 1/(1+e^(−h)), (N,) each.

    Its minimum is at s = E[sign w] where that is positive, and at s → 0 elsewhere.
    """
    positive = math.log(2.0) + softplus(-logit) - torch.logaddexp(-logit, torch.full_like(logit, math.log(2.0)))
    negative = math.log(2.0) + softplus(logit)
    return weight.abs() * torch.where(weight < 0, negative, positive)


def net_fraction(training: Tensor, validation: Tensor) -> float | None:
    """s̄ = Σw/Σ|w| of the training weights (N,), and 1 − 1/2N at most; None if these and those of validation are ≥ 0.

    Raises:
        ValueError: the sum is not positive.
    """
    if not bool((training < 0).any() or (validation < 0).any()):
        return None
    total, net = float(training.abs().sum(dtype=torch.float64)), float(training.sum(dtype=torch.float64))
    if not net > 0.0:
        raise ValueError(f"weights sum to {net:g}")
    return min(net / total, 1.0 - HALF / len(training))


def _logit(value: float) -> float:
    return math.log(value / (1.0 - value))
