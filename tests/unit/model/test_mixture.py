import numpy as np


def test_totals_and_derivatives_follow_from_the_coefficients(interference):
    mixture = interference.mixture
    kappa = np.array([0.0, 0.5, 1.0, 1.7])
    s, sbi, b, ni = mixture.yields
    np.testing.assert_allclose(mixture.total(kappa), (kappa**2 - kappa) * s + kappa * sbi + (1 - kappa) * b + ni)
    np.testing.assert_allclose(mixture.total(kappa, 1), (2 * kappa - 1) * s + sbi - b)
    np.testing.assert_allclose(mixture.total(kappa, 2), np.full(4, 2 * s))


def test_the_coordinate_keeps_the_bounds(interference):
    assert interference.mixture.coordinate_bounds == (0.0, np.sqrt(10.0))
    mu = np.array([0.0, 0.3, 9.0])
    np.testing.assert_allclose(interference.mixture.to_parameter(interference.mixture.to_coordinate(mu)), mu)


def test_the_slope_of_the_coordinate_is_its_derivative(interference):
    coordinate = interference.mixture.coefficients.coordinate
    step = 1e-6
    for kappa in (0.3, 1.0, 2.0):
        numeric = (coordinate.to_parameter(kappa + step) - coordinate.to_parameter(kappa - step)) / (2 * step)
        np.testing.assert_allclose(coordinate.slope(kappa), numeric, rtol=1e-8)
