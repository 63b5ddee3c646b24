r"""The Poisson constraint: a factor that an auxiliary measurement of so many expected events knows.

With :math:`n=a\tau` counted events where :math:`\gamma\tau` are expected,

.. math:: -2\ln L(\gamma) = 2\tau\Big[\gamma-a-a\ln\frac{\gamma}{a}\Big], \quad a\tau \sim \mathrm{Poisson}(\gamma\tau),

a control region of one bin, or the simulated events of a template. The constant makes it 0 at :math:`\gamma=a`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import gammainc, gammaincinv, ndtr, pdtrik


@dataclass(frozen=True)
class Poisson:
    """Of so many expected events at a factor of one."""

    events: float = 1.0

    kind: ClassVar[str] = "poisson"
    measured: ClassVar[bool] = True

    @property
    def scale(self) -> float:
        """Expected events of the measurement at a factor of one."""
        return self.events

    @property
    def error(self) -> float:
        """Standard deviation of the measurement at a factor of one."""
        return float(self.events**-0.5)

    @staticmethod
    def penalty(value: float, observable: float, scale: float) -> tuple[float, float, float]:
        """The deviance, with two derivatives; infinite below zero, and at zero if anything was counted."""
        if observable <= 0.0:
            return (2.0 * scale * value if value >= 0.0 else np.inf), 2.0 * scale, 0.0
        if value <= 0.0:
            return np.inf, 2.0 * scale, 0.0
        ratio = observable / value
        total = value - observable + observable * np.log(ratio)
        return 2.0 * scale * total, 2.0 * scale * (1.0 - ratio), 2.0 * scale * ratio / value

    def throw(self, value: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Counted events in units of the expected ones: their quantile at the probability of z."""
        mean = np.maximum(np.asarray(value, dtype=float) * self.events, 0.0)
        counted = np.ceil(pdtrik(ndtr(z), mean))
        return np.where(ndtr(z) <= np.exp(-mean), 0.0, counted) / self.events

    def draw(
        self, nominal: float, bounds: tuple[float, float], number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """From the gamma distribution that the nominal count leaves, cut at the bounds."""
        shape = nominal * self.events + 1.0
        low, high = np.clip(bounds, 0.0, None)
        least, most = gammainc(shape, np.array([low, high]) * self.events)
        drawn = gammaincinv(shape, generator.uniform(least, most, size=number)) / self.events
        return np.asarray(np.clip(drawn, low, high))
