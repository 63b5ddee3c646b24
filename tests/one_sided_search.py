"""A signal of 50 events on a background of 1,000 with two nearly collinear shapes, each with an `up` side alone."""

import numpy as np

from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.regions.normalisation import Normalisation
from steelyard.regions.normaliser_fit import build_normaliser
from steelyard.regions.unbinned import UnbinnedModel

BOUNDS = (0.0, 5.0)


def model(
    size: float = 0.05, correlation: float = 0.95, events: int = 4000, sides: tuple[float, float] = (0.0, 0.0)
) -> UnbinnedModel:
    """x is uniform in B, 3 x² in S; shapes of B of an rms of ``size``, the down sides ``-sides`` times the up ones."""
    x = (np.arange(events) + 0.5) / events
    line, wave = np.sqrt(12.0) * (x - 0.5), np.sqrt(2.0) * np.cos(2.0 * np.pi * x)
    shapes = [size * line, size * (correlation * line + np.sqrt(1.0 - correlation**2) * wave)]
    log_g = np.stack([np.stack([up, -share * up], axis=1) for up, share in zip(shapes, sides, strict=True)], axis=1)
    log_g -= np.log(np.exp(log_g).mean(axis=0))
    yields, weights = np.array([50.0, 1000.0]), np.full(events, 1.0 / events)
    ratios = np.stack([3.0 * x**2, np.ones(events)], axis=1)
    intensities = yields * ratios / (weights @ ratios)
    mixture = Mixture(("S", "B"), Coefficients(("mu",), ("mu", "1"), {"mu": 1.0}), yields, BOUNDS)
    systematics = Systematics.of(
        (Nuisance("first"), Nuisance("second")),
        np.zeros((2, 2, 2)),
        np.zeros((2, 2), dtype=bool),
        np.array([[1, 0], [1, 1]]),
    )
    log_g = log_g.astype(np.float32)
    normaliser = build_normaliser(systematics, log_g, weights[:, None] * intensities)
    systematics = Systematics.of(
        systematics.nuisances, systematics.log_yields, systematics.factors, systematics.terms, normaliser
    )
    rows = np.zeros((events, 2), dtype=np.int64)
    normalisation = Normalisation(mixture.processes, np.ones(2), np.zeros(2))
    return UnbinnedModel(mixture, intensities, weights, normalisation, rows, systematics, log_g)
