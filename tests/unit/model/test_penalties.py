"""Constraints of parameters: penalties with their derivatives, and how wide they are."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

from steelyard.model.effects import Nuisance
from steelyard.model.parameters import ParameterSet

NUISANCES = (
    Nuisance("unit"),
    Nuisance("wide", scale=2.5),
    Nuisance("free", "free", "linear", 1.0, (0.0, 5.0)),
    Nuisance("control", "poisson", "linear", 1.0, (0.0, 5.0), scale=16.0),
    Nuisance("flat", "uniform", bounds=(-1.0, 1.0)),
)
PARAMETERS = ParameterSet(tuple(nuisance.parameter for nuisance in NUISANCES))
VALUES, OBSERVED = np.array([0.7, -1.5, 1.2, 1.3, 0.4]), np.array([-0.2, 0.5, 1.0, 0.75, 0.0])


def test_penalties_are_those_of_the_measurements():
    """Up to the constant that makes them 0 where the value is what was measured."""
    found = PARAMETERS.penalty(VALUES, OBSERVED)[0]
    logs = [
        [norm.logpdf(a, value, width) for value in (alpha, a)] for alpha, a, width in ((0.7, -0.2, 1), (-1.5, 0.5, 2.5))
    ]
    logs.append([poisson.logpmf(12, 16.0 * value) for value in (1.3, 0.75)])
    np.testing.assert_allclose(found[[0, 1, 3]], [-2.0 * (at - top) for at, top in logs], rtol=1e-12)
    np.testing.assert_array_equal(found[[2, 4]], 0.0)


@pytest.mark.parametrize("order", [1, 2])
def test_their_derivatives_are_those_of_the_values(order):
    step = 1e-5
    above, below = (PARAMETERS.penalty(VALUES + side, OBSERVED)[order - 1] for side in (step, -step))
    np.testing.assert_allclose(PARAMETERS.penalty(VALUES, OBSERVED)[order], (above - below) / (2.0 * step), atol=1e-8)


def test_errors_and_roles_follow_from_the_constraint():
    np.testing.assert_allclose(PARAMETERS.errors, [1.0, 2.5, 1.0, 0.25, 1.0])
    assert [parameter.role for parameter in PARAMETERS] == ["nuisance", "nuisance", "free", "nuisance", "nuisance"]
