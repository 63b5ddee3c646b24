"""Global observables: the auxiliary measurements behind the constraints of nuisance parameters."""

from collections.abc import Mapping

import numpy as np

from steelyard.model.effects import Systematics
from steelyard.model.parameters import ParameterSet
from steelyard.seeds import seed_for


def throw_global_observables(
    systematics: Systematics, alpha: Mapping[str, float], number: int, seed: int
) -> np.ndarray:
    """Auxiliary measurements of ``number`` experiments at true values ``alpha``, by name: (number, K).

    Parameters without a constraint that is measured have none, and keep their nominal value. Each has random numbers of
    its own, so that two models which differ in their nuisance parameters see the same measurements of the common ones.
    """
    columns = [np.zeros((number, 0))]
    for parameter in systematics.parameters:
        generator = np.random.default_rng(seed_for(seed, "global_observable", nuisance=parameter.name))
        columns.append(generator.normal(size=(number, 1)))
    values = [alpha.get(parameter.name, parameter.nominal) for parameter in systematics.parameters]
    return throw_from(systematics.parameters, np.tile(values, (number, 1)), np.concatenate(columns, axis=1))


def throw_from(parameters: ParameterSet, alpha: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Auxiliary measurements (T, K) at true values (T, K), from standard normal numbers (T, K)."""
    observed = np.array(np.broadcast_to(parameters.nominal, alpha.shape))
    for k, parameter in enumerate(parameters):
        if parameter.constraint.measured:
            observed[:, k] = parameter.constraint.throw(alpha[:, k], z[:, k])
    return observed
