"""What the yields were summed from, for their error from the finite number of events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.store import SampleInfo


@dataclass(frozen=True, eq=False)
class SimulatedYields:
    """Sums of weights of C processes over S samples.

    Attributes:
        simulated: (C,) whether a yield is the sum of simulated weights; a configured one has no error.
        shares: (S, C) part of each sample in each yield.
        generated: (S,) entries of each sample before the selection.
    """

    simulated: np.ndarray
    shares: np.ndarray
    generated: np.ndarray

    @classmethod
    def of(
        cls, samples: Sequence[SampleInfo], processes: Sequence[str], configured: Collection[str] = ()
    ) -> "SimulatedYields":
        """Of stored samples, with the names of the processes whose yields the configuration gives."""
        sums = np.array([[sample.sum_weights.get(name, 0.0) for name in processes] for sample in samples])
        total = sums.sum(axis=0)
        return cls(
            simulated=np.array([name not in configured for name in processes]),
            shares=sums / np.where(total != 0.0, total, 1.0),
            generated=np.array([float(max(sample.n_read, 1)) for sample in samples]),
        )
