"""Simulated events of the analysis in ``interference.py``, with their weights and exact ratios."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from interference import BOUNDS, PROCESSES, coefficients, rate_densities

from steelyard.data.identifiers import event_ids
from steelyard.model.mixture import Mixture


@dataclass(frozen=True)
class Simulated:
    """n events: x, an unrelated y, weights (n, 4) of column sums 1, reference weights, exact log_r (n, 4), ids."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    reference: np.ndarray
    log_r: np.ndarray
    ids: np.ndarray
    mixture: Mixture

    @property
    def intensities(self) -> np.ndarray:
        return intensities(self, self.log_r)


@cache
def simulated(events: int = 200_000, seed: int = 1) -> Simulated:
    """Half of the events carry the weights of S, SBI and B (soft labels), the other half that of NI."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(size=events), rng.normal(size=events)
    total = rate_densities((np.arange(4000) + 0.5) / 4000)
    yields = total.mean(axis=0)
    p = rate_densities(x) / yields
    weights = p.copy()
    half = events // 2
    weights[half:, :3] = 0.0
    weights[:half, 3] = 0.0
    weights /= weights.sum(axis=0)
    log_r = np.log(p / p.mean(axis=1, keepdims=True))
    mixture = Mixture(PROCESSES, coefficients(), yields, BOUNDS)
    ids = event_ids("simulated", [np.arange(events)])
    return Simulated(x, y, weights, weights.mean(axis=1), log_r, ids, mixture)


def intensities(events: Simulated, log_r: np.ndarray) -> np.ndarray:
    """nu_c r_c of any log ratios, normalised on the reference as a model's are."""
    r = np.exp(log_r)
    return r * events.mixture.yields / (events.reference @ r)
