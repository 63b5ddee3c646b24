"""Global observables: the auxiliary measurements behind the constraints of nuisance parameters."""

from collections.abc import Mapping

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.seeds import seed_for


def throw_global_observables(
    systematics: Systematics, alpha: Mapping[str, float], number: int, seed: int
) -> np.ndarray:
    """Auxiliary measurements of ``number`` experiments at true values ``alpha``: a ~ N(alpha, 1), (number, K).

    Parameters without a Gaussian constraint have none, and keep their nominal value. Each has random numbers of its
    own, so that two models which differ in their nuisance parameters see the same measurements of the common ones.
    """
    columns = []
    for nuisance in systematics.nuisances:
        thrown = np.random.default_rng(seed_for(seed, "global_observable", nuisance=nuisance.name)).normal(size=number)
        truth = alpha.get(nuisance.name, nuisance.nominal)
        columns.append(truth + thrown if nuisance.constraint == "gaussian" else np.full(number, nuisance.nominal))
    return np.stack(columns, axis=1) if columns else np.empty((number, 0))
