"""The normaliser N_c(α) = E_{p_c}[Π_t g_t(x|α)] as a mean over events, written out: what compiled forms are held to."""

from dataclasses import dataclass

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.model.interpolation import interpolate
from steelyard.regions.varied_intensities import shape_products


@dataclass(frozen=True, eq=False)
class JointNormaliser:
    r"""ln N_c by the joint expectation over events.

    Attributes:
        systematics: their normaliser is not looked at.
        log_g: (n, T, 2) of the events.
        densities: (n, C) of the processes there, each column with sum 1.
    """

    systematics: Systematics
    log_g: np.ndarray
    densities: np.ndarray

    @classmethod
    def over(cls, systematics: Systematics, log_g: np.ndarray, densities: np.ndarray) -> "JointNormaliser":
        """The joint expectation over events with densities of any scale."""
        return cls(systematics, log_g, densities / densities.sum(axis=0))

    def value(self, alpha: np.ndarray) -> np.ndarray:
        """ln N_c at points α: (P, K) to (P, C)."""
        result = np.zeros((len(alpha), self.densities.shape[1]))
        for process in np.unique(self.systematics.terms[:, 0]):
            products = shape_products(self.systematics, self.log_g, np.asarray(alpha, dtype=float), process)
            result[:, process] = np.log(products @ self.densities[:, process])
        return result

    def derivatives(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""ln N_c at one point (K,), (C,), with its gradient (C, K) and its Hessian (C, K, K).

        With P = Π_t g_t the derivatives of the expectation are
        :math:`\partial_k E = E[P\,g'_k/g_k]`, :math:`\partial_k\partial_l E = E[P\,(g'_k/g_k)(g'_l/g_l)]` for
        :math:`k\ne l`, and :math:`\partial_k^2E=E[P\,g''_k/g_k]`.
        """
        alpha = self.systematics.point(alpha)
        result = [np.zeros((self.densities.shape[1], *([len(alpha)] * order))) for order in range(3)]
        for process in np.unique(self.systematics.terms[:, 0]):
            value, first, second = self._expectations(alpha, process)
            nuisances = self.systematics.terms[self.systematics.terms[:, 0] == process, 1]
            slope = first / value
            result[0][process] = np.log(value)
            result[1][process, nuisances] = slope
            result[2][process][np.ix_(nuisances, nuisances)] = second / value - np.outer(slope, slope)
        return result[0], result[1], result[2]

    def _expectations(self, alpha: np.ndarray, process: int) -> tuple[float, np.ndarray, np.ndarray]:
        """E[P] and its derivatives in the nuisance parameters of the process's terms."""
        terms = np.flatnonzero(self.systematics.terms[:, 0] == process)
        product = self.densities[:, process].copy()
        slopes, curvatures = (np.empty((len(product), len(terms))) for _ in range(2))
        for column, t in enumerate(terms):
            k = self.systematics.terms[t, 1]
            kind = self.systematics.nuisances[k].interpolation
            g, slope, curvature = interpolate(kind, self.log_g[:, t, 0], self.log_g[:, t, 1], alpha[k])
            product *= g
            slopes[:, column], curvatures[:, column] = slope / g, curvature / g
        joint = (slopes * product[:, None]).T @ slopes
        np.fill_diagonal(joint, product @ curvatures)
        return float(product.sum()), product @ slopes, joint
