"""Exact log ratios of ±1σ variations, where a simulator knows its densities."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from steelyard.simulators.interface import Simulator

SIDES = {"up": 1.0, "down": -1.0}


class VariationRule(Protocol):
    """What is asked of a variation, see :func:`steelyard.configuration.systematics.variations`."""

    @property
    def process(self) -> str: ...

    @property
    def systematic(self) -> str: ...

    @property
    def direction(self) -> Literal["up", "down"]: ...


def exact_variations(simulator: Simulator, observables: np.ndarray, variations: Sequence[VariationRule]) -> np.ndarray:
    r"""log g of each variation, :math:`\ln p_c(x|\alpha_k=\pm1) - \ln p_c(x|0)`, both normalised: (N, V) float64.

    Args:
        simulator: with exact densities.
        observables: (N, D) in the order of the simulator's observables.
        variations: V of them.

    Raises:
        ConfigurationError: the simulator has no such process or systematic.
    """
    processes = list(dict.fromkeys(variation.process for variation in variations))
    nominal = simulator.log_densities(observables, processes) if processes else np.empty((len(observables), 0))
    points = dict.fromkeys((variation.systematic, variation.direction) for variation in variations)
    result = np.empty((len(observables), len(variations)))
    for systematic, direction in points:
        varied = simulator.log_densities(observables, processes, {systematic: SIDES[direction]})
        for column, variation in enumerate(variations):
            if (variation.systematic, variation.direction) == (systematic, direction):
                place = processes.index(variation.process)
                result[:, column] = varied[:, place] - nominal[:, place]
    return result
