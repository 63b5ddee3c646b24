r"""One network for the density ratios of several processes: a softmax classifier in the place of one per process.

A row i of the training carries the densities :math:`p_{ci}` of all processes c = 1 … K, each of sum 1 over the rows.
With :math:`q_{ci}=\tfrac NK\,p_{ci}` the network's outputs :math:`o_c(x)` minimise

.. math:: -\frac1N\sum_i\sum_c q_{ci}\log\frac{e^{o_c(x_i)}}{\sum_k e^{o_k(x_i)}}
          \;\to\; -\frac1K\int\Big[\sum_c p_c(x)\log\operatorname{softmax}_c\,o(x)\Big]\,dx .

At one x this is the cross entropy between the shares :math:`p_c/\sum_k p_k` and the softmax, times the positive
:math:`\sum_k p_k`: it is least where the two agree, :math:`o_c(x)=\log p_c(x)+a(x)` with one function a for all
processes. That drops out of the ratio to the reference mixture :math:`p_\mathrm{ref}=\sum_k w_k p_k`,

.. math:: \log r_c(x)=\log\frac{p_c}{p_\mathrm{ref}}=o_c-\log\sum_k w_k e^{o_k}=-\log\sum_k w_k e^{o_k-o_c} .

So the group has every process of the mixture; others may be in it. Whatever the outputs are,

- :math:`\sum_c w_c r_c=1` in every event, as for true densities, and so :math:`r_c\le 1/w_c`;
- the ratio of two processes, :math:`\log r_c/r_d=o_c-o_d`, is learned by one network from the events that differ in it,
  and is no difference of two independent errors.

The weights w are not in the loss: another mixture trains nothing again.

*Families.* Events that carry the weights of several processes (soft labels: matrix elements of signal, background and
both) say their shares without any statistical error, while events of different samples only say that they are there.
In one softmax the second noise is in the gradient of the first. So the processes fall into families F, those whose
densities lie on common events, and

.. math:: o_c = g_F + \log n_F + \log\operatorname{softmax}_{c\in F}\,l_c , \qquad
          -\log\operatorname{softmax}_c\,o = -\log\operatorname{softmax}_F(g_F+\log n_F)
          - \log\operatorname{softmax}_{c\in F}\,l_c

with one output g for each family and one output l for each process in it. Both terms are proper by themselves, so that
the second may have a factor without moving the minimum of either. It is 10: the first term's noise sets the pace
otherwise. In the embedded analysis this halves the mean square error of the ratios among S, SBI and B for the same time
of training (docs/training.md).

That a classifier of K classes gives density ratios, as one of two does (Cranmer, Pavez and Louppe, arXiv:1506.02169),
is Bayes' theorem, :math:`p_c/p_d=P(c|x)/P(d|x)` for equal priors: Sugiyama, Suzuki and Kanamori, Density Ratio
Estimation in Machine Learning (2012), chapter 4, and with more than two classes Srivastava, Han, Xu, Rhodes and
Gutmann, arXiv:2305.00869. Soft labels are those of Stoye, Brehmer, Louppe, Pavez and Cranmer, arXiv:1808.00973.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from steelyard.errors import ModelError
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.network import Features, Network

# Of the cross entropy within families, against that between them.
WITHIN = 10.0


class JointNetwork(Network):
    """log p_c + a(x) of K processes; with a mixture and a target, log r of that process.

    Args:
        inputs, design, zero_output, generator: as of :class:`~steelyard.ratios.network.Network`.
        processes: names of the outputs, in order.
        families: those of more than one process, as numbers of processes; the others are families of their own.
        mixture: their weights w_k in the reference mixture, in the same order; needed for a ratio, not for training.
        target: the process in the numerator.

    Raises:
        ValueError: as of a Network; or fewer than two processes, two of one name, a target that is none of them, a
            mixture that is none of them, or families that are no part of a partition.
    """

    log_mixture: Tensor

    def __init__(
        self,
        inputs: int,
        design: Design,
        zero_output: bool = False,
        generator: torch.Generator | None = None,
        *,
        processes: Sequence[str],
        families: Sequence[Sequence[int]] = (),
        mixture: Sequence[float] | None = None,
        target: str | None = None,
    ) -> None:
        self.processes, self.target = tuple(processes), target
        self.families = tuple(tuple(map(int, family)) for family in families)
        self.mixture = None if mixture is None else tuple(map(float, mixture))
        if len(set(self.processes)) != len(self.processes) or len(self.processes) < 2:
            raise ValueError(f"one network is of several processes, each once; found {self.processes}")
        if (target is None) != (mixture is None) or target not in (None, *self.processes):
            raise ValueError(f"a ratio has a mixture and one of {self.processes} as its target; found {target}")
        if self.mixture is not None and (
            len(self.mixture) != len(self.processes) or min(self.mixture) < 0 or not 0 < sum(self.mixture) < math.inf
        ):
            raise ValueError(f"weights of the mixture of {self.processes} are not negative; found {mixture}")
        members = [number for family in self.families for number in family]
        if len(set(members)) != len(members) or any(
            len(family) < 2 or not all(0 <= number < len(self.processes) for number in family)
            for family in self.families
        ):
            raise ValueError(f"families of {self.processes} are of several, each in one; found {self.families}")
        # g of every family of several processes after the outputs of the processes
        super().__init__(inputs, design, zero_output, generator, outputs=len(self.processes) + len(self.families))
        if self.mixture is not None:
            # No part of the state: it is known from the architecture, and the trained network has none.
            logs = torch.tensor(self.mixture, dtype=torch.float64).log().float()
            self.register_buffer("log_mixture", logs, persistent=False)

    def of_process(self, process: str, mixture: Mapping[str, float]) -> "JointNetwork":
        """A network with these outputs for the log ratio of one process to a mixture; it takes this one's state.

        Args:
            process: one of this network's.
            mixture: w_k of every process in the mixture, of sum 1.

        Raises:
            ModelError: this network does not have the process, or one of those with w_k > 0.
        """
        needed = [process, *(name for name, weight in mixture.items() if weight > 0)]
        missing = [name for name in dict.fromkeys(needed) if name not in self.processes]
        if missing or len(needed) == 1:
            raise ModelError(
                f"a network of the processes {', '.join(self.processes)} has no ratio of {process} to a reference of "
                f"{', '.join(needed[1:]) or 'nothing'}: it was not trained on {', '.join(missing) or 'a reference'}; "
                "add what is missing to `ensembles.joint` and train again, or take it out of `reference`"
            )
        weights = [mixture.get(name, 0.0) for name in self.processes]
        return JointNetwork(
            *(self.inputs, self.design),
            processes=self.processes,
            families=self.families,
            mixture=weights,
            target=process,
        )

    def forward(self, features: Features) -> Tensor:
        """Log ratio of the target to the mixture: (N, D) float32 to (N,) float32.

        Raises:
            ModelError: a network as it was trained, without a target.
        """
        return self.log_ratio(self.raw(features))

    def log_ratio(self, outputs: Tensor) -> Tensor:
        """The same from the outputs of :meth:`raw`, which are those of the network for any other target.

        Raises:
            ModelError: as of :meth:`forward`.
        """
        if self.target is None:
            raise ModelError("a network of several processes gives a ratio once it has a target: see `of_process`")
        # differences first: what the outputs have in common may be large, and would cost digits
        logs = self.log_densities(outputs)
        differences = logs - logs[:, self.processes.index(self.target), None]
        return -torch.logsumexp(differences + self.log_mixture, dim=-1)

    def log_densities(self, outputs: Tensor) -> Tensor:
        """o_c = log p_c + a(x), (N, K), from the outputs of :meth:`raw`."""
        columns = list(outputs[:, : len(self.processes)].unbind(-1))
        for family, total in zip(self.families, outputs[:, len(self.processes) :].unbind(-1), strict=True):
            shares = log_softmax(outputs[:, family], dim=-1) + math.log(len(family))
            for number, share in zip(family, shares.unbind(-1), strict=True):
                columns[number] = total + share
        return torch.stack(columns, dim=-1)

    def loss(self, features: Features, *weights: Tensor) -> Tensor:
        """The cross entropy of events (N, D), weights (N,) per process: mean over them of -Σ_F w_F log softmax_F with
        w_F = Σ_c w_c, and WITHIN times that of the shares within families."""
        outputs = self.raw(features)
        alone = [number for number in range(len(self.processes)) if number not in sum(self.families, ())]
        totals = [outputs[:, number] for number in alone]
        sums = [weights[number] for number in alone]
        within = outputs.new_zeros(())
        for family, total in zip(self.families, outputs[:, len(self.processes) :].unbind(-1), strict=True):
            own = torch.stack([weights[number] for number in family], dim=-1)
            within = within - (own * log_softmax(outputs[:, family], dim=-1)).sum()
            totals.append(total + math.log(len(family)))
            sums.append(own.sum(dim=-1))
        between = -(torch.stack(sums, dim=-1) * log_softmax(torch.stack(totals, dim=-1), dim=-1)).sum()
        return (between + WITHIN * within) / len(features)

    @property
    def nothing_learnt(self) -> float:
        """The loss of zero outputs, "no difference", on the training rows, where Σ_c w_c has the mean 1 and every
        process has the same part of it: log K of a softmax over all processes."""
        sizes = [len(family) for family in self.families]
        number = len(self.processes)
        between = (number - sum(sizes)) / number * math.log(number)
        between += sum(size / number * math.log(number / size) for size in sizes)
        return between + WITHIN * sum(size / number * math.log(size) for size in sizes)

    def architecture(self) -> dict[str, Any]:
        ratio = {} if self.mixture is None else {"mixture": list(self.mixture), "target": self.target}
        families = {"families": [list(family) for family in self.families]} if self.families else {}
        return super().architecture() | {"processes": list(self.processes)} | families | ratio


def families(classes: Sequence[Sequence[np.ndarray]]) -> tuple[tuple[int, ...], ...]:
    """The processes whose densities lie on common events, as numbers; those that share none are left out.

    Args:
        classes: of every sample the weights (N,) of each process.
    """
    number = len(classes[0]) if classes else 0
    label = list(range(number))
    for weights in classes:
        carried = [weight != 0 for weight in weights]
        for i, j in itertools.combinations(range(number), 2):
            if label[i] != label[j] and bool((carried[i] & carried[j]).any()):
                label = [label[i] if old == label[j] else old for old in label]
    found = (tuple(k for k in range(number) if label[k] == name) for name in dict.fromkeys(label))
    return tuple(family for family in found if len(family) > 1)
