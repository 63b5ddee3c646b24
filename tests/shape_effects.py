"""Shape effects made up of smooth functions of three uniform variables, for one process."""

import numpy as np

from steelyard.model.effects import Nuisance, Systematics


def correlated(
    shapes: int,
    size: float,
    events: int = 20_000,
    share: float = 0.4,
    kind: str = "code4",
    bounds: tuple[float, float] = (-5.0, 5.0),
    seed: int = 0,
) -> tuple[Systematics, np.ndarray, np.ndarray]:
    """Shapes of an rms of ``size``, of which a ``share`` of the variance is a combination of six common functions.

    Returns:
        The systematics without a normaliser, log_g (n, T, 2) with E[g] = 1, and equal densities (n, 1).
    """
    generator = np.random.default_rng(seed)
    x, y, z = generator.uniform(size=(3, events))
    common = [np.log(x + 0.05), x**2, np.cos(np.pi * y), x * y, z**2, x * np.cos(3.0 * np.pi * z)]
    common = np.stack([_standard(values) for values in common])
    log_g = np.empty((events, shapes, 2))
    for k in range(shapes):
        together = _standard(generator.normal(size=len(common)) @ common)
        a, b, c = generator.integers(2, 9, size=3)
        alone = _standard(np.cos(np.pi * (a * x + b * y + c * z) + generator.uniform(0.0, 6.0)))
        shape = size * (np.sqrt(share) * together + np.sqrt(1.0 - share) * alone)
        log_g[:, k] = np.stack([shape, -shape + 0.1 * size * together], axis=1)
    log_g -= np.log(np.exp(log_g).mean(axis=0))
    nuisances = tuple(Nuisance(f"shape{k}", interpolation=kind, bounds=bounds) for k in range(shapes))
    terms = np.stack([np.zeros(shapes, dtype=np.int64), np.arange(shapes)], axis=1)
    systematics = Systematics.of(nuisances, np.zeros((1, shapes, 2)), np.zeros((1, shapes), dtype=bool), terms)
    return systematics, log_g.astype(np.float32), np.full((events, 1), 1.0 / events)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()
