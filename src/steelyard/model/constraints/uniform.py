r"""No penalty within the bounds, and every value there as likely: of two models that nobody can rank, for example."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """Nothing is measured; the parameter's bounds say all."""

    kind: ClassVar[str] = "uniform"
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
        """Uniformly between the bounds."""
        return generator.uniform(*bounds, size=number)
