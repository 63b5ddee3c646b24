"""Toys of random models by the engine and by iminuit; `benchmarks/engine_agreement.py` is the same at full size."""

import numpy as np
import pytest
from agreement import compare, random_analyses

from steelyard.statistics.toy_fits import Status


@pytest.mark.parametrize(("thrown", "tested"), [(0.0, 1.0), (1.0, 1.0), (2.0, 0.1)])
def test_every_toy_agrees_with_iminuit_or_is_deeper(thrown, tested):
    for index, (name, analysis) in enumerate(random_analyses(4, seed=int(10 * thrown) + 1)):
        fits, disagreements = compare(name, analysis, tested, thrown, toys=8, seed=index)
        assert [found for found in disagreements if not found.excused] == []
        assert (fits.status <= Status.AT_BOUND).all()
        assert np.isfinite(fits.t).all() and (fits.t >= 0.0).all()
