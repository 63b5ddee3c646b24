"""Coverage of belts with a nuisance parameter away from nominal, in a small analysis with exact densities."""

from dataclasses import replace

import interference
import numpy as np
import pytest

from steelyard.coverage.audit import compare
from steelyard.coverage.critical_surface import CriticalSurfaces, throw_surface
from steelyard.coverage.experiment_fits import FittedExperiments
from steelyard.inference.belts import build_belt
from steelyard.inference.toys import throw_toys
from steelyard.model.effects import Nuisance, Systematics

LEVELS = (0.6827, 0.9545)
MU = 0.05
# The truth lies at these values of the one nuisance parameter, the yield of S, SBI and B times 1.3 at +1.
TRUTHS = (-2.0, 0.0, 2.0)
EXPERIMENTS = 3000


@pytest.fixture(scope="module")
def model():
    base = interference.model(4000)
    log_yields = np.zeros((4, 1, 2))
    log_yields[:3, 0] = np.log(1.3) * np.array([1.0, -1.0])
    systematics = Systematics.of(
        (Nuisance("k"),), log_yields, np.zeros((4, 1), dtype=bool), np.zeros((0, 2), dtype=np.int64)
    )
    return replace(base, systematics=systematics)


@pytest.fixture(scope="module")
def experiments(model):
    """Global observables are thrown about the truth, the fits know nothing of it."""
    thrown = {
        truth: throw_toys(model, MU, EXPERIMENTS, 7 + index, "conditional", [truth])
        for index, truth in enumerate(TRUTHS)
    }
    return [FittedExperiments(MU, {"k": truth}, fits, fits) for truth, fits in thrown.items()]


def coverage(experiments, critical):
    """(truths, levels) coverage and its pull."""
    points = compare(experiments, critical, np.sqrt).points
    return tuple(
        np.array([[getattr(item, name) for item in point.coverage] for point in points])
        for name in ("fraction", "pull")
    )


def test_belts_of_the_conditional_fit_cover_wherever_the_nuisance_parameter_is(model, experiments):
    surfaces = CriticalSurfaces((throw_surface(model, MU, ("k",), 1500, LEVELS, seed=1),))
    fraction, pull = coverage(experiments, surfaces)
    assert (np.abs(pull) < 3.0).all(), (fraction, pull)
    assert ((fraction[:, 0] > 0.65) & (fraction[:, 0] < 0.72)).all() and (
        (fraction[:, 1] > 0.94) & (fraction[:, 1] < 0.97)
    ).all()


def test_belts_of_nominal_toys_do_not(model, experiments):
    """0.75 and 0.62 for 0.683, in 4,000 experiments each; the error is 0.008."""
    belt = build_belt({MU: throw_toys(model, MU, 3000, 2)}, LEVELS)
    belt = replace(belt, points=(replace(belt.points[0], mu=0.0), belt.points[0], replace(belt.points[0], mu=0.1)))
    fraction, pull = coverage(experiments, belt)
    assert fraction[0, 0] == pytest.approx(0.75, abs=0.035) and pull[0, 0] > 3.0
    assert abs(pull[1, 0]) < 3.0
    assert fraction[2, 0] == pytest.approx(0.62, abs=0.035) and pull[2, 0] < -3.0
