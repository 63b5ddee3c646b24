from dataclasses import replace

import numpy as np
import pytest
from interference_effects import inputs
from shape_effects import correlated

from steelyard.results import from_data, to_data
from steelyard.statistics.coefficients import Coefficients
from steelyard.statistics.expectations import JointNormaliser
from steelyard.statistics.mixture import Mixture
from steelyard.statistics.model import Model, Normalisation
from steelyard.statistics.normaliser import build_normaliser, log_normaliser
from steelyard.statistics.normaliser_accuracy import NormaliserAccuracy, measure_accuracy


def one_process(shapes, events=8000, size=0.06):
    """A model of 1000 expected events of one process."""
    systematics, log_g, densities = correlated(shapes, size, events)
    systematics = replace(systematics, normaliser=build_normaliser(systematics, log_g, densities))
    mixture = Mixture(("B",), Coefficients(("mu",), ("1",), {"mu": 1.0}), np.array([1000.0]), (0.0, 2.0))
    normalisation = Normalisation(("B",), np.ones(1), np.zeros(1))
    rows = np.zeros((events, 2), dtype=np.int64)
    return Model(mixture, np.full((events, 1), 1000.0), densities[:, 0], normalisation, rows, systematics, log_g)


def test_few_shapes_are_good_enough_and_fifty_are_not():
    few, many = (measure_accuracy(one_process(shapes, size=size), points=10) for shapes, size in ((3, 0.06), (50, 0.1)))
    assert few.sufficient() and "good enough" in few.advice
    assert not many.sufficient() and "joint expectation" in many.advice
    within = many.within[0]
    assert within.size == 1.0 and within.points == 10
    # One process of 1000 events without a yield effect: -2 ln L is off by 2000 times the normaliser.
    assert within.deviation == pytest.approx(2000.0 * within.rms[0], rel=1e-12)
    assert within.largest_deviation == pytest.approx(2000.0 * within.largest[0], rel=1e-12)
    assert within.factorised_deviation == pytest.approx(2000.0 * within.factorised[0], rel=1e-12)
    assert within.rms[0] < within.factorised[0] < within.log_normaliser[0]
    # What is left is of the fourth order: 81 times as large in a cube three times as wide, give or take.
    assert 25.0 < many.within[2].rms[0] / within.rms[0] < 400.0


def test_the_numbers_are_those_of_the_definition():
    model = inputs(4000).build()
    seed, points = 4, 6
    result = measure_accuracy(model, mu=(0.5,), sizes=(2.0,), points=points, seed=seed)
    generator = np.random.default_rng(seed)
    alpha = np.tile(model.systematics.nominal, (points, 1))
    alpha[:, 1:3] = generator.uniform(-2.0, 2.0, size=(points, 2))  # the two nuisance parameters with shapes
    exact = JointNormaliser.over(model.systematics, model.log_g, model.densities).value(alpha)
    left = log_normaliser(model.systematics, alpha) - exact
    np.testing.assert_allclose(result.within[0].rms, np.sqrt((left**2).mean(axis=0)), rtol=1e-9, atol=1e-12)
    # Only B has two shapes, so only it is not exact; the yield factors at alpha are the scale's.
    expected = model.mixture.fractions(np.sqrt(0.5))[0][2] * model.mixture.yields[2]
    factor = np.array([model.asimov_weights(0.0, point).sum() for point in alpha])  # f_B = 1, f_S = f_SBI = 0 there
    factor = (factor - model.mixture.yields[3]) / model.mixture.yields[2]
    deviation = 2.0 * expected * factor * left[:, 2]
    assert result.within[0].deviation == pytest.approx(np.sqrt((deviation**2).mean()), rel=1e-2)


def test_a_part_of_the_events_tells_the_same():
    model = one_process(20)
    full, part = (measure_accuracy(model, sizes=(1.0,), events=events).within[0] for events in (8000, 4000))
    # The rms of the same 20 points; fourth cumulants of half of the events scatter by a few ten per cent.
    assert part.rms[0] == pytest.approx(full.rms[0], rel=0.5)


def test_round_trip_as_json():
    result = measure_accuracy(inputs(2000).build(), points=2)
    assert from_data(NormaliserAccuracy, to_data(result)) == result
