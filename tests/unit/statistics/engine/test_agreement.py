"""Toys of random models by the engine and by iminuit; `benchmarks/engine_agreement.py` is the same at full size."""

import numpy as np
import pytest
import random_models
from agreement import compare, random_analyses

from steelyard.statistics.toy_fits import Status


@pytest.mark.parametrize(("thrown", "tested"), [(0.0, 1.0), (1.0, 1.0), (2.0, 0.1)])
def test_every_toy_agrees_with_iminuit_or_is_deeper(thrown, tested):
    for index, (name, analysis) in enumerate(random_analyses(4, seed=int(10 * thrown) + 1)):
        fits, disagreements = compare(name, analysis, tested, thrown, toys=8, seed=index)
        assert [found for found in disagreements if not found.excused] == []
        assert (fits.status <= Status.AT_BOUND).all()
        assert np.isfinite(fits.t).all() and (fits.t >= 0.0).all()


def test_a_basin_that_the_expected_profile_hides_is_found():
    """Large shapes and norms: the expected profile falls without end, and its only minimum is the upper bound.

    A search from there slides past the basin at 1.46 into the one at 0, three units higher.
    """
    analysis = random_models.analysis(seed=2, events=2000, nuisances=3, shape=0.1, norm=0.1, norm_only=2, common=0.9)
    fits, disagreements = compare("hidden basin", analysis, 0.0, 0.3, toys=25, seed=2)
    assert [found for found in disagreements if not found.excused] == []
    assert fits.hat[5] == pytest.approx(1.4587, abs=1e-3) and fits.t[5] == pytest.approx(3.0497, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "thrown", "tested", "hat"),
    [
        (
            {"seed": 22, "nuisances": 8, "shape": 0.02, "norm": 0.1, "norm_only": 2, "common": 0.5},
            0.0,
            1.0,
            {24: 0.336},
        ),
        (
            {"seed": 26, "nuisances": 3, "shape": 0.2, "norm": 0.01, "factors": 1, "common": 0.9},
            *(0.3, 2.0, {13: 0.503, 19: 0.0}),
        ),
    ],
    ids=["large norms", "large shapes"],
)
def test_a_basin_far_from_the_conditional_fit_is_found_by_the_second_look(settings, thrown, tested, hat):
    """With the slice through the conditional fit alone, these toys end up to 0.25 above the global minimum."""
    analysis = random_models.analysis(events=2000, **settings)
    fits, disagreements = compare("far basin", analysis, tested, thrown, toys=25, seed=settings["seed"])
    assert [found for found in disagreements if not found.excused] == []
    for toy, value in hat.items():
        assert fits.hat[toy] == pytest.approx(value, abs=2e-3)
