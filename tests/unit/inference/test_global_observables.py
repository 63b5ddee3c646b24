import numpy as np

from steelyard.inference.global_observables import throw_global_observables
from steelyard.model.effects import Nuisance, Systematics

THROWN = 4000


def systematics(*nuisances):
    number = len(nuisances)
    return Systematics.of(
        nuisances, np.zeros((1, number, 2)), np.zeros((1, number), dtype=bool), np.zeros((0, 2), dtype=np.int64)
    )


def test_a_constrained_parameter_is_measured_about_its_true_value():
    found = throw_global_observables(systematics(Nuisance("scale"), Nuisance("norm")), {"norm": -1.0}, THROWN, seed=1)
    assert found.shape == (THROWN, 2)
    for column, truth in zip(found.T, (0.0, -1.0), strict=True):
        assert abs(column.mean() - truth) < 4.0 / np.sqrt(THROWN)
        assert abs(column.std() - 1.0) < 4.0 / np.sqrt(2.0 * THROWN)
    assert abs(np.corrcoef(found.T)[0, 1]) < 4.0 / np.sqrt(THROWN)


def test_without_a_constraint_there_is_no_measurement():
    free = Nuisance("norm", constraint="free", interpolation="linear", nominal=1.0, bounds=(0.0, 5.0))
    np.testing.assert_array_equal(throw_global_observables(systematics(free), {}, 5, seed=1), 1.0)


def test_two_models_see_the_same_measurements_of_a_common_parameter():
    alone = throw_global_observables(systematics(Nuisance("b")), {}, 10, seed=1)[:, 0]
    both = throw_global_observables(systematics(Nuisance("a"), Nuisance("b")), {}, 10, seed=1)[:, 1]
    np.testing.assert_array_equal(alone, both)


def test_no_parameters_are_no_columns():
    assert throw_global_observables(systematics(), {}, 3, seed=1).shape == (3, 0)
