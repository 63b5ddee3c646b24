"""The extended unbinned likelihood of one data set."""

from dataclasses import dataclass

import numpy as np

from steelyard.statistics.mixture import Mixture

# Events whose intensities are formed at a time for several hypotheses: bounds the memory of a scan.
BLOCK = 65_536


@dataclass(frozen=True)
class Likelihood:
    r"""Minus two log-likelihood of weighted events under a mixture (DESIGN 1.7).

    .. math:: -2\ln L(\kappa) = 2\,\nu(\kappa) - 2\sum_i w_i \ln\lambda_i(\kappa), \qquad
              \lambda_i(\kappa) = \sum_c f_c(\kappa)\,\nu_c\,r_c(x_i)

    The reference density in :math:`r_c=p_c/p_\mathrm{ref}` only shifts it by a constant.
    Where any event with weight has :math:`\lambda_i\le0` the value is ``inf``: such a hypothesis cannot have
    produced the data, and no minimiser may walk through it.

    Attributes:
        mixture: the model.
        rates: (n, C) products nu_c r_c(x_i).
        weights: (n,) event weights, or ``None`` for observed events of weight one.
    """

    mixture: Mixture
    rates: np.ndarray
    weights: np.ndarray | None = None

    def value(self, kappa: np.ndarray | float) -> np.ndarray:
        """-2 ln L at each of the coordinates: (G,) to (G,)."""
        kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
        fractions = self.mixture.fractions(kappa).T
        logs = np.zeros(len(kappa))
        for rows in _blocks(len(self.rates)):
            logs += self._weighted(_log_positive(self.rates[rows] @ fractions), rows)
        return 2.0 * self.mixture.total(kappa) - 2.0 * logs

    def derivatives(self, kappa: float) -> tuple[float, float, float]:
        """-2 ln L with its first and second derivative in the coordinate, at one point."""
        f0, f1, f2 = (self.mixture.fractions(kappa, order)[0] for order in range(3))
        sums = np.zeros(3)
        for rows in _blocks(len(self.rates)):
            intensity = self.rates[rows] @ np.stack([f0, f1, f2], axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = intensity[:, 1] / intensity[:, 0]
                terms = np.stack(
                    [_log_positive(intensity[:, 0]), slope, intensity[:, 2] / intensity[:, 0] - slope**2], axis=1
                )
            sums += self._weighted(terms, rows)
        totals = [float(self.mixture.total(kappa, order)[0]) for order in range(3)]
        value, first, second = (2.0 * total - 2.0 * log for total, log in zip(totals, sums, strict=True))
        return value, first, second

    def negative_events(self, kappa: float) -> int:
        """Number of events with weight whose intensity is not positive at this coordinate."""
        negative = self.rates @ self.mixture.fractions(kappa)[0] <= 0.0
        return int(np.count_nonzero(negative if self.weights is None else negative & (self.weights != 0.0)))

    def _weighted(self, terms: np.ndarray, rows: slice) -> np.ndarray:
        if self.weights is None:
            return terms.sum(axis=0)
        used = self.weights[rows] != 0.0  # 0 * inf: an event without weight has no say
        return self.weights[rows][used] @ terms[used]


def _log_positive(intensity: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(intensity > 0.0, np.log(intensity), -np.inf)


def _blocks(size: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]
