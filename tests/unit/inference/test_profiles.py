from types import SimpleNamespace

import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.inference.profiles import conditional_nuisances

ROOT = SimpleNamespace(to_coordinate=lambda mu: np.sqrt(np.asarray(mu, dtype=float)))
SCAN = SimpleNamespace(
    mu=np.array([0.0, 0.25, 1.0, 4.0]), alpha=np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 1.0], [2.0, 1.0]])
)


@pytest.mark.parametrize(("mu", "expected"), [(0.0, 0.0), (0.25, 0.5), (2.25, 1.5), (4.0, 2.0)])
def test_between_the_points_it_is_linear_in_the_fit_coordinate(mu, expected):
    np.testing.assert_allclose(conditional_nuisances(SCAN, mu, ROOT), [expected, 1.0])


def test_outside_the_scan_is_an_error():
    with pytest.raises(ModelError, match=r"need the scan at 5, and it covers \[0, 4\]"):
        conditional_nuisances(SCAN, 5.0, ROOT)
