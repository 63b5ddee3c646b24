"""The plane of two parameters against single fits and against the ellipse of a nearly Gaussian likelihood."""

import numpy as np
import pytest
import two_regions
from scipy.stats import chi2

from steelyard.errors import ModelError
from steelyard.inference.contours import surface, threshold
from steelyard.inference.fit import fit
from steelyard.inference.region_toys import expected_data


@pytest.fixture(scope="module")
def data():
    return expected_data(*two_regions.model())


def test_levels_are_those_of_two_parameters():
    assert threshold(0.6827) == pytest.approx(chi2.ppf(0.6827, 2), rel=1e-12)
    assert threshold(0.9545) == pytest.approx(6.18, abs=0.01)


def test_t_is_that_of_single_fits_in_either_order(data):
    mu, k = np.array([0.4, 1.0, 1.9]), np.array([0.9, 1.1])
    found, turned = surface(data, ("mu", "k"), mu, k), surface(data, ("k", "mu"), k, mu)
    best = fit(data)
    expected = [[fit(data, {"mu": float(one), "k": float(other)}).minimum - best.minimum for other in k] for one in mu]
    np.testing.assert_allclose(found.t, expected, atol=1e-5)
    np.testing.assert_allclose(turned.t.T, expected, atol=1e-5)
    assert found.not_converged == 0 and found.t[1, 0] > 0.0


def test_the_area_is_that_of_the_ellipse(data):
    """Of 380 events the likelihood is Gaussian to a few per cent within the inner contour."""
    found = surface(data, ("mu", "k"), np.linspace(0.2, 1.9, 18), np.linspace(0.75, 1.25, 18))
    block = np.array(found.fit.covariance)[:2, :2]
    ellipse = np.pi * threshold(0.6827) * np.sqrt(np.linalg.det(block))
    assert found.area(0.6827) == pytest.approx(ellipse, rel=0.06)


def test_what_is_no_plane_is_an_error(data):
    with pytest.raises(ModelError, match="two different parameters out of mu, k"):
        surface(data, ("mu", "norm"), np.ones(2), np.ones(2))
