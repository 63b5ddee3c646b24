r"""The normaliser N_c(α) = E_{p_c}[Π_t g_t(x|α)] as what it is: a joint expectation, over events that are kept for it.

The tables and pairs of :mod:`steelyard.model.normaliser` cost nothing per event but leave out what three or more
shapes do together. Here the whole product is averaged, at the cost of the events of the integration sample.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.model.interpolation import interpolate
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
from steelyard.regions.asimov import shape_products
from steelyard.regions.normaliser_fit import build_normaliser

# Numbers (events times points, or events times terms) that are held at a time.
BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class JointNormaliser:
    r"""ln N_c by the joint expectation over an integration sample.

    With all events it is exact. A random part of them would carry the sampling error of the *whole* ln N_c; but what
    the form of tables and pairs explains is known from all events, so only the rest is taken from the part,

    .. math:: \ln N_c = \mathrm{form}_c + (\ln\hat E_c - \widehat{\mathrm{form}}_c),

    where the hats belong to the part: the form is a control variate. With 50 shapes of 6 % some thousand events give
    the rest to about a tenth of itself.

    Attributes:
        systematics: with the form fitted to all events.
        log_g: (m, T, 2) of the integration sample.
        densities: (m, C) of the processes there, each column with sum 1.
        part: the same systematics with the form fitted to the integration sample; None if that is all events.
    """

    systematics: Systematics
    log_g: np.ndarray
    densities: np.ndarray
    part: Systematics | None = None

    @classmethod
    def over(
        cls,
        systematics: Systematics,
        log_g: np.ndarray,
        densities: np.ndarray,
        events: int | None = None,
        seed: int = 0,
    ) -> "JointNormaliser":
        """The joint expectation over (n) events, or over a random part of ``events`` of them.

        Args:
            systematics: with the normaliser fitted to all these events.
            log_g: (n, T, 2).
            densities: (n, C), of any scale.
            events: size of the integration sample; None, or no fewer than n: all.
            seed: of the choice.
        """
        densities = _normalised(densities)
        if events is None or events >= len(log_g):
            return cls(systematics, log_g, densities)
        rows = np.sort(np.random.default_rng(seed).choice(len(log_g), size=events, replace=False))
        log_g, densities = log_g[rows], _normalised(densities[rows])
        part = systematics.with_effects(normaliser=build_normaliser(systematics, log_g, densities))
        return cls(systematics, log_g, densities, part)

    def joint(self, alpha: np.ndarray) -> np.ndarray:
        """The logarithm of the joint expectation over the integration sample alone: points (P, K) to (P, C)."""
        alpha = np.asarray(alpha, dtype=float)
        sums = np.zeros((len(alpha), self.densities.shape[1]))
        varied = self._varied
        step = max(BLOCK // max(len(alpha), 1), 1)
        for start in range(0, len(self.log_g), step):
            block = slice(start, start + step)
            for process in varied:
                products = shape_products(self.systematics, self.log_g[block], alpha, process)
                sums[:, process] += products @ self.densities[block, process]
        sums[:, varied] = np.log(sums[:, varied])
        return sums

    def value(self, alpha: np.ndarray) -> np.ndarray:
        """ln N_c at points α: (P, K) to (P, C)."""
        result = self.joint(alpha)
        if self.part is not None:
            result += log_normaliser(self.systematics, alpha) - log_normaliser(self.part, alpha)
        return result

    def derivatives(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""ln N_c at one point (K,), (C,), with its gradient (C, K) and its Hessian (C, K, K).

        With P = Π_t g_t the derivatives of the expectation are
        :math:`\partial_k E = E[P\,g'_k/g_k]`, :math:`\partial_k\partial_l E = E[P\,(g'_k/g_k)(g'_l/g_l)]` for
        :math:`k\ne l`, and :math:`\partial_k^2E=E[P\,g''_k/g_k]`.
        """
        alpha = self.systematics.point(alpha)
        result = [np.zeros((self.densities.shape[1], *([len(alpha)] * order))) for order in range(3)]
        for process in self._varied:
            value, first, second = self._expectations(alpha, process)
            nuisances = self.systematics.terms[self.systematics.terms[:, 0] == process, 1]
            slope = first / value
            result[0][process] = np.log(value)
            result[1][process, nuisances] = slope
            result[2][process][np.ix_(nuisances, nuisances)] = second / value - np.outer(slope, slope)
        if self.part is not None:
            forms = (log_normaliser_derivatives(form, alpha) for form in (self.systematics, self.part))
            result = [own + full - part for own, full, part in zip(result, *forms, strict=True)]
        return result[0], result[1], result[2]

    @property
    def _varied(self) -> np.ndarray:
        """Processes with shape effects, without those that nothing is expected of."""
        processes = np.unique(self.systematics.terms[:, 0])
        return processes[self.densities[:, processes].any(axis=0)]

    def _expectations(self, alpha: np.ndarray, process: int) -> tuple[float, np.ndarray, np.ndarray]:
        """E[P] and its derivatives in the nuisance parameters of the process's terms."""
        terms = np.flatnonzero(self.systematics.terms[:, 0] == process)
        value, first, second = 0.0, np.zeros(len(terms)), np.zeros((len(terms), len(terms)))
        diagonal = np.arange(len(terms))
        step = max(BLOCK // len(terms), 1)
        for start in range(0, len(self.log_g), step):
            block = slice(start, start + step)
            product = self.densities[block, process].copy()
            slopes, curvatures = (np.empty((len(product), len(terms))) for _ in range(2))
            for column, t in enumerate(terms):
                k = self.systematics.terms[t, 1]
                kind = self.systematics.nuisances[k].interpolation
                g, slope, curvature = interpolate(kind, self.log_g[block, t, 0], self.log_g[block, t, 1], alpha[k])
                product *= g
                slopes[:, column], curvatures[:, column] = slope / g, curvature / g
            value += float(product.sum())
            first += product @ slopes
            joint = (slopes * product[:, None]).T @ slopes
            joint[diagonal, diagonal] = product @ curvatures
            second += joint
        return value, first, second


def _normalised(densities: np.ndarray) -> np.ndarray:
    total = densities.sum(axis=0)
    return densities / np.where(total > 0.0, total, 1.0)
