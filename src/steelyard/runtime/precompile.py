"""Compilation of the engine ahead of its first use: ``python -m steelyard.runtime.precompile``.

Otherwise the first jobs of a workflow that fit would each do it, at the same time and for a minute or more.
"""

import numpy as np

from steelyard.inference.fit import scan
from steelyard.inference.toy_fits import fit_toys
from steelyard.likelihood.integration import Integration
from steelyard.likelihood.kernels.total_intensity import total_intensity
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.interpolation import interpolate
from steelyard.model.mixture import Mixture

EVENTS = 40


def main() -> None:
    """Fit a small data set in all the ways that jobs do."""
    intensities = np.random.default_rng(0).uniform(0.5, 1.5, (EVENTS, 2))
    mixture = Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), np.array([10.0, 30.0]), (0.0, 5.0))
    shape = Systematics.of(
        (Nuisance("shape"),),
        np.full((2, 1, 2), [0.01, -0.01]),
        np.zeros((2, 1), dtype=bool),
        np.array([[0, 0]], dtype=np.int64),
    )
    log_g = np.full((EVENTS, 1, 2), [0.01, -0.01], dtype=np.float32)
    offsets = np.array([0, EVENTS // 2, EVENTS])
    fit_toys(mixture, intensities, offsets, 1.0, shape, log_g, np.zeros((2, 1)))
    fit_toys(mixture, intensities, offsets, 1.0)
    interpolate("code4", 3.0, 3.0, 0.5)
    for weights in (None, np.ones(EVENTS)):
        scan(Likelihood.of(mixture, intensities, weights, shape, log_g), np.array([0.5, 1.0]))
        scan(Likelihood.of(mixture, intensities, weights), np.array([0.5, 1.0]))
    # What building a model and throwing from it need besides.
    weights = np.full(EVENTS, 1.0 / EVENTS)
    total_intensity(mixture, shape, intensities, log_g, 1.0, np.zeros(1))
    pair = Systematics.of(
        (Nuisance("one"), Nuisance("other")),
        np.zeros((2, 2, 2)),
        np.zeros((2, 2), dtype=bool),
        np.array([[0, 0], [0, 1]], dtype=np.int64),
    )
    Integration(mixture, pair, intensities, np.repeat(log_g, 2, axis=1), weights).derivatives(np.array([0.5, 0.2]))
    Likelihood.of(mixture, intensities).negative_events(1.0)
    mixture.coefficients.expand(np.ones((1, 1)))


if __name__ == "__main__":
    main()
