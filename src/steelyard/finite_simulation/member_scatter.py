r"""Scatter between the networks of an ensemble: of a linear functional of the densities, and event by event.

Member m of process c is off the mean of the members by :math:`\Delta_{mc}=r_{mc}-\bar r_c`, both normalised. A
functional :math:`\sum_c\int\varphi_c\,\delta r_c\,p_\mathrm{ref}` has the variance of the members' values over their
number. Event by event single members have, in a sum u of logarithms :math:`\ln\lambda` of hypotheses,

.. math:: s^2 = \int\lambda_0\,\mathrm{var}_m(u_m)\,p_\mathrm{ref}, \qquad
          \lambda_m = \sum_c\lambda_c\,r_{mc}/\bar r_c,

and their mean one Mth of it. The logarithms are taken as they are, not their derivatives: where an interference leaves
an intensity of nearly zero, its relative error has no meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.regions.normalisation import log_mean
from steelyard.regions.unbinned import UnbinnedModel

# Most by which a member's intensity of an event is taken to differ from that of all: single events in the dips of an
# interference, of which one member has nothing left and the mean has enough, would be most of the noise.
FACTOR = 2.0


@dataclass(frozen=True, eq=False)
class MemberRatios:
    """The members of every ratio on some of the reference events.

    Attributes:
        rows: (m,) numbers of these reference events.
        log_r: of every process (M_c, m), raw.
        bootstrap: member m of all ratios has the same bootstrap of the training events.
        validation_fraction: of the training events, another one for every member.
        features: (m, D) of these events, with which a signal is looked for that has not been learned.
        networks: of every process a mark of the networks that its members are: processes of one mark share member m,
            and its deviation is that of all of them together; without any each process has networks of its own.
    """

    rows: np.ndarray
    log_r: tuple[np.ndarray, ...]
    bootstrap: bool = False
    validation_fraction: float = 0.0
    features: np.ndarray | None = None
    networks: tuple[tuple[str, ...], ...] = ()

    @property
    def inflation(self) -> float:
        """How much larger the sample's variance is, as a fraction v of the events validates, others for every member.

        An event trains a member with the weight 0 or 1/(1 - v), and the mean of M members with the mean of these.
        """
        v, fewest = self.validation_fraction, min(len(values) for values in self.log_r)
        return 1.0 + v / ((1.0 - v) * fewest)


@dataclass(frozen=True, eq=False)
class MemberScatter:
    """Deviations of the members from their mean.

    Attributes:
        rows: (m,) numbers of reference events.
        weights: (m,) of these, sum 1.
        deviations: of every process (M_c, m).
        relative: r_mc over the mean of the members, of every process (M_c, m).
        bootstrap: one bootstrap of the events in all ratios.
        networks: as of :class:`MemberRatios`.
    """

    rows: np.ndarray
    weights: np.ndarray
    deviations: tuple[np.ndarray, ...]
    relative: tuple[np.ndarray, ...]
    bootstrap: bool
    networks: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, model: UnbinnedModel, members: MemberRatios) -> "MemberScatter":
        """Of a model's members."""
        weights = model.weights[members.rows]
        weights = weights / weights.sum()
        deviations, relative = [], []
        for values in members.log_r:
            log_r = np.asarray(values, dtype=float)
            normalised = np.exp(log_r - log_mean(log_r, weights)[:, None])
            mean = normalised.mean(axis=0)
            deviations.append(normalised - mean)
            relative.append(normalised / mean)
        return cls(members.rows, weights, tuple(deviations), tuple(relative), members.bootstrap, members.networks)

    @property
    def fewest(self) -> int:
        """Members of the ratio that has the fewest."""
        return min(len(values) for values in self.deviations)

    def variance(self, phi: np.ndarray) -> float | None:
        """Of a functional with phi (n, C) on all reference events, of the mean of the members; None of one member."""
        if self.fewest < 2:
            return None
        moved = [values @ (self.weights * phi[self.rows, c]) for c, values in enumerate(self.deviations)]
        if self.bootstrap and len({len(values) for values in moved}) == 1:  # one replica of the events in all ratios
            moved = [np.sum(moved, axis=0)]
        elif self.networks:  # one network of several processes moves all of their ratios at once
            together: dict[tuple[str, ...], np.ndarray] = {}
            for network, values in zip(self.networks, moved, strict=True):
                together[network] = together.get(network, 0.0) + values
            moved = list(together.values())
        return float(sum(values.var(ddof=1) / len(values) for values in moved))

    def single_noise(self, terms: Sequence[tuple[float, np.ndarray]], intensity: np.ndarray) -> float | None:
        """s^2 of u, a sum of factors times ln lambda of parts (n, C), with lambda_0 (n,); None of one member.

        A member's lambda is taken within a factor of FACTOR of that of all.
        """
        number = self.fewest
        if number < 2:
            return None
        u = np.zeros((number, len(self.rows)))
        for factor, parts in terms:
            own = parts[self.rows]
            total = own.sum(axis=1)
            for m in range(number):
                moved = sum(own[:, c] * values[m] for c, values in enumerate(self.relative))
                u[m] += factor * np.log(np.clip(moved / total, 1.0 / FACTOR, FACTOR))
        return float((self.weights * intensity[self.rows]) @ u.var(axis=0, ddof=1))
