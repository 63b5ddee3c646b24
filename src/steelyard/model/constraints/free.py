"""No constraint at all: the data alone determine the parameter, such as the normalisation of a background."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Free:
    """Nothing is measured, and nothing is said of which values are likely."""

    kind: ClassVar[str] = "free"
    measured: ClassVar[bool] = False
    scale: ClassVar[float] = 1.0
    error: ClassVar[float] = 1.0

    @staticmethod
    def penalty(value: float, observable: float, scale: float) -> tuple[float, float, float]:
        """Nothing."""
        return 0.0, 0.0, 0.0

    def throw(self, value: np.ndarray, z: np.ndarray) -> np.ndarray:
        """There is no measurement to be thrown: the values as they are."""
        return np.array(value, dtype=float)

    def draw(
        self, nominal: float, bounds: tuple[float, float], number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """The nominal value each time: nothing says how it would be drawn."""
        return np.full(number, float(nominal))
