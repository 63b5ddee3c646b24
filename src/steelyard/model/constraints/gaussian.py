r"""The Gaussian constraint: an auxiliary measurement a of the parameter with a known error.

.. math:: -2\ln L(\alpha) = \frac{(\alpha-a)^2}{\sigma^2}, \qquad a \sim N(\alpha,\sigma)

A log-normal constraint on a yield is this one with the exponential interpolation code.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Gaussian:
    """Of this width, 1 for a nuisance parameter in units of its standard deviation."""

    width: float = 1.0

    kind: ClassVar[str] = "gaussian"
    measured: ClassVar[bool] = True

    @property
    def scale(self) -> float:
        """Standard deviation of the measurement, in units of the parameter."""
        return self.width

    @property
    def error(self) -> float:
        """Standard deviation of the measurement."""
        return self.width

    @staticmethod
    def penalty(value: float, observable: float, scale: float) -> tuple[float, float, float]:
        """The square of the pull, with two derivatives."""
        pull = (value - observable) / scale
        return pull * pull, 2.0 * pull / scale, 2.0 / (scale * scale)

    def throw(self, value: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The measurements at true values, from standard normal numbers z."""
        return value + self.width * z

    def draw(
        self, nominal: float, bounds: tuple[float, float], number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """From the normal distribution about the nominal value, cut at the bounds."""
        low, high = bounds
        least, most = ndtr([(low - nominal) / self.width, (high - nominal) / self.width])
        drawn = nominal + self.width * ndtri(generator.uniform(least, most, size=number))
        return np.asarray(np.clip(drawn, low, high))  # rounding at the edges
