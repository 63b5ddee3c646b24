"""No penalty within the bounds, and every value there as likely: of two models that nobody can rank, for example."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steelyard.model.constraints.free import Free


@dataclass(frozen=True)
class Uniform(Free):
    """In a fit as :class:`Free`, nothing being measured; but the bounds say how a value is drawn."""

    kind: ClassVar[str] = "uniform"

    def draw(
        self, nominal: float, bounds: tuple[float, float], number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """Uniformly between the bounds."""
        return generator.uniform(*bounds, size=number)
