r"""Influence of single simulated events on t: its error from finite samples, and a measurement of its bias.

A classifier of process c learns :math:`r_c=p_c/p_\mathrm{ref}` from events with weights :math:`p_{ci}` (label 1) and
:math:`\omega_i=\sum_kw_kp_{ki}` (label 0), each of sum 1. At the minimum of its cross entropy
:math:`\sum_i[p_{ci}(1-s_i)-\omega_is_i]\,h(x_i)=0` holds for every function h that it is free to vary along,
:math:`s=r/(1+r)`. To first order a linear functional of what it has learned is therefore off by a sum over its events,

.. math:: \int\varphi_c\,\delta p_c\,dx = \sum_i\big[p_{ci}-\omega_i\,r_c(x_i)\big]\,\varphi_c(x_i),

the influence function of any classifier that is flexible enough to follow :math:`\varphi_c` (Newey, Econometrica 62
(1994) 1349; with the choice :math:`h=(1+r)\varphi`). Where one event carries the weights of several processes and its
features tell all, :math:`p_{ci}=\omega_ir_c(x_i)` event by event: soft labels have no such error. The samples of all
processes are the same events in every classifier, and an event may enter under several labels, so the terms are summed
by event before they are squared. Each density is normalised by itself, and with
:math:`A_k=\varphi_k-w_k\sum_cr_c\varphi_c` an event changes t by

.. math:: I_i = \sum_kp_{ki}\,\big(A_k(x_i)-\langle A_k\rangle_k\big), \qquad
          \mathrm{var}\,t = \sum_iI_i^2.

Where weights are negative the reference is made of :math:`|p_k|`, whose fluctuation is another one, and the terms stand
apart: :math:`\sum_kp_{ki}(\varphi_k-\langle\varphi_k\rangle_k)` less that of
:math:`\psi=\sum_cr_c\varphi_c` over the :math:`w_k|p_k|_i`.

Events that no network has seen have the same distribution as those that trained, and the scores of the model: the sums
over the training events are those over the reference events times the ratio of the numbers.

*Bias.* The same expression over events that did **not** train, :math:`\sum_c\sum_ip_{ci}\varphi_c(x_i)` with
:math:`\varphi` and r of the networks, is zero where the ratios are right, and :math:`-(L+2R)` where t is off by
:math:`L+R`, L to first and R to second order (:mod:`steelyard.finite_simulation.functional_derivative`; in the
derivative at the learned densities the square counts twice). This is the one-step estimate of semiparametric statistics
(Chernozhukov et al., Econometrics Journal 21 (2018) C1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.event_densities import process_weights, reference_part
from steelyard.data.reference import Reference
from steelyard.data.reference_events import ReferenceEvents, process_densities, reference_components
from steelyard.data.store import Sample
from steelyard.errors import ModelError


@dataclass(frozen=True, eq=False)
class SimulatedEvents:
    """The reference events as simulated ones: what they were drawn from, and what trained beside them.

    Attributes:
        densities: (n, C) weights of each process, columns of sum 1.
        composition: (C,) weights w_k of the processes in the reference, sum 1.
        samples: names of the samples.
        sample: (n,) number of each event's sample.
        training: training events for each of these.
        labelled: (n, C) the densities as the networks were told them, where labels are hard; None: ``densities``.
        events: (n,) number of the independent event of each row; None: each row is one.
        trained: these very events trained other members (cross-fitting).
        mixed: (n, C) |p_k|, columns of sum 1, which the reference is made of; None: ``densities``, no weight being
            negative.
    """

    densities: np.ndarray
    composition: np.ndarray
    samples: tuple[str, ...]
    sample: np.ndarray
    training: float
    labelled: np.ndarray | None = None
    events: np.ndarray | None = None
    trained: bool = False
    mixed: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.sample) != len(self.densities) or self.densities.shape[1] != len(self.composition):
            raise ModelError(
                f"densities of shape {self.densities.shape} do not belong to {len(self.sample)} events and "
                f"{len(self.composition)} processes: take all of them from one reference"
            )
        if not self.training > 0.0:
            raise ModelError(f"the ratio of training to reference events is {self.training:g}; it must be positive")

    def variances(self, influence: np.ndarray) -> np.ndarray:
        """Sums of the squared influences (n,), one a sample."""
        sample = self.sample
        if self.events is not None:
            owner = np.zeros(int(self.events.max()) + 1, dtype=np.int64)
            owner[self.events] = sample
            influence, sample = np.bincount(self.events, weights=influence), owner
        return np.bincount(sample, weights=influence**2, minlength=len(self.samples))


def simulated_events(samples: Sequence[Sample], reference: Reference, events: ReferenceEvents) -> SimulatedEvents:
    """The reference events of an analysis as simulated ones.

    Held out, the unseen side stands for the training side, which has train_fraction/(1 - train_fraction) times as many
    events; cross-fitted, every event is on both.
    """
    parts = [events.gather(process_weights(samples, reference, process)) for process in reference.processes]
    hard = "hard" in reference.labels.values()
    split = reference.split
    cross_fit = split.method == "cross_fit"
    mixed = None
    if any(reference.negative_fractions.values()):
        absolute = [events.gather(reference_part(samples, reference, process)) for process in reference.processes]
        mixed = np.stack(absolute, axis=1)
    return SimulatedEvents(
        densities=np.stack(parts, axis=1),
        composition=np.array([reference.weights[process] for process in reference.processes]),
        samples=tuple(sample.info.name for sample in samples),
        sample=events.rows[:, 0],
        training=1.0 if cross_fit else split.train_fraction / (1.0 - split.train_fraction),
        labelled=process_densities(samples, reference, events) if hard else None,
        events=reference_components(samples, reference, events)[1],
        trained=cross_fit,
        mixed=mixed,
    )


def influences(
    densities: np.ndarray,
    composition: np.ndarray,
    ratios: np.ndarray,
    phi: np.ndarray,
    mixed: np.ndarray | None = None,
) -> np.ndarray:
    """I_i (n,) of events with densities, ratios r_c and phi_c (n, C), and weights (C,) in the reference.

    ``mixed`` (n, C) are the densities that the reference is made of, if it is not made of these.
    """
    learned = np.einsum("ic,ic->i", ratios, phi)[:, None] * composition
    if mixed is None:
        return centred(densities, phi - learned)
    return centred(densities, phi) - centred(mixed, learned)


def centred(densities: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over the columns of densities times values less their mean, (n,)."""
    return np.einsum("ic,ic->i", densities, values - np.einsum("ic,ic->c", densities, values))
