"""Toys of random models by the engine and by iminuit; `benchmarks/engine_agreement.py` is the same at full size."""

import numpy as np
import pytest
import random_models
from agreement import compare, random_analyses

from steelyard.inference.toy_fits import Status


@pytest.mark.parametrize(("thrown", "tested"), [(0.0, 1.0), (1.0, 1.0), (2.0, 0.1)])
def test_every_toy_agrees_with_iminuit_or_is_deeper(thrown, tested):
    for index, (name, analysis) in enumerate(random_analyses(4, seed=int(10 * thrown) + 1)):
        fits, disagreements = compare(name, analysis, tested, thrown, toys=8, seed=index)
        assert [found for found in disagreements if not found.excused] == []
        assert (fits.status <= Status.AT_BOUND).all()
        assert np.isfinite(fits.t).all() and (fits.t >= 0.0).all()


@pytest.mark.parametrize(
    ("settings", "thrown", "tested", "hat"),
    [
        (
            {"seed": 2, "nuisances": 3, "shape": 0.1, "norm": 0.1, "norm_only": 2, "common": 0.9},
            *(0.3, 0.0, {5: 1.440}),
        ),
        (
            {"seed": 22, "nuisances": 8, "shape": 0.02, "norm": 0.1, "norm_only": 2, "common": 0.5},
            *(0.0, 1.0, {24: 0.332}),
        ),
        (
            {"seed": 26, "nuisances": 3, "shape": 0.2, "norm": 0.01, "factors": 1, "common": 0.9},
            *(0.3, 2.0, {13: 0.546, 19: 0.0}),
        ),
    ],
    ids=["large shapes and norms", "large norms", "largest shapes"],
)
def test_a_basin_far_from_the_conditional_fit_is_found(settings, thrown, tested, hat):
    """What one slice along kappa predicts of the profile misses the global minimum of these toys, by up to 3 units.

    In the last ones Newton's method on an extrapolated point jumps to where both shapes are pulled by five standard
    deviations; the path must not.
    """
    analysis = random_models.analysis(events=2000, **settings)
    fits, disagreements = compare("far basin", analysis, tested, thrown, 25, settings["seed"], chosen_toys=hat)
    assert [found for found in disagreements if not found.excused] == []
    for toy, value in hat.items():
        assert fits.hat[toy] == pytest.approx(value, abs=2e-3)
