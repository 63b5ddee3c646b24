r"""Scatter between the networks of an ensemble: of a linear functional of the densities, and event by event.

Member m of process c is off the mean of the members by :math:`\Delta_{mc}=r_{mc}-\bar r_c`, both normalised. A
functional :math:`\sum_c\int\varphi_c\,\delta r_c\,p_\mathrm{ref}` has the variance of the members' values over their
number. Event by event the mean of the members has, in u = ln lambda_mu/lambda_0 with
:math:`\delta u=\sum_ck_c\,\delta r_c/\lambda_0`,

.. math:: R_M = \int\lambda_0\,\mathrm{var}(u)\,p_\mathrm{ref}
          = \sum_c\int\frac{k_c^2}{\lambda_0}\,\frac{\mathrm{var}_m\,r_{mc}}{M_c}\,p_\mathrm{ref},

k the kernel of :class:`steelyard.finite_simulation.functional_derivative.Response`.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.regions.normalisation import log_mean
from steelyard.regions.unbinned import UnbinnedModel


@dataclass(frozen=True, eq=False)
class MemberRatios:
    """The members of every ratio on some of the reference events.

    Attributes:
        rows: (m,) numbers of these reference events.
        log_r: of every process (M_c, m), raw.
        bootstrap: member m of all ratios has the same bootstrap of the training events.
        validation_fraction: of the training events, another one for every member.
        features: (m, D) of these events, with which a signal is looked for that has not been learned.
    """

    rows: np.ndarray
    log_r: tuple[np.ndarray, ...]
    bootstrap: bool = False
    validation_fraction: float = 0.0
    features: np.ndarray | None = None

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
        bootstrap: one bootstrap of the events in all ratios.
    """

    rows: np.ndarray
    weights: np.ndarray
    deviations: tuple[np.ndarray, ...]
    bootstrap: bool

    @classmethod
    def of(cls, model: UnbinnedModel, members: MemberRatios) -> "MemberScatter":
        """Of a model's members."""
        weights = model.weights[members.rows]
        weights = weights / weights.sum()
        deviations = []
        for values in members.log_r:
            log_r = np.asarray(values, dtype=float)
            normalised = np.exp(log_r - log_mean(log_r, weights)[:, None])
            deviations.append(normalised - normalised.mean(axis=0))
        return cls(members.rows, weights, tuple(deviations), members.bootstrap)

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
        return float(sum(values.var(ddof=1) / len(values) for values in moved))

    def single_noise(self, kernel: np.ndarray, intensity: np.ndarray) -> float | None:
        """M R_M, the mean square of a single network's deviation, with kernel (n, C) and lambda_0 (n,); None of one."""
        if self.fewest < 2:
            return None
        share = self.weights / intensity[self.rows]
        squares = [
            (share * kernel[self.rows, c] ** 2) @ values.var(axis=0, ddof=1) for c, values in enumerate(self.deviations)
        ]
        return float(sum(squares))
