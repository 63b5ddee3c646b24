import numpy as np
from interference_effects import inputs

from steelyard.likelihood.kernels.blocks import BLOCK
from steelyard.likelihood.kernels.total_intensity import _BLOCKS, total_intensity
from steelyard.regions.varied_intensities import total_intensities

ALPHA = np.array([0.7, -1.3, 0.4, 0.6, 1.8])


def test_intensities_are_those_in_float64_to_the_rounding_of_a_shape():
    model = inputs(2000).build()
    kappa = model.mixture.to_coordinate(0.8)
    coefficients = model.mixture.coefficients_along(kappa)[0]
    for alpha in (ALPHA, -0.5 * ALPHA, model.systematics.nominal):
        found = total_intensity(model.mixture, model.systematics, model.intensities, model.log_g, kappa, alpha)
        expected = total_intensities(model.systematics, coefficients, model.intensities, model.log_g, alpha[None])[0]
        terms = np.abs(coefficients * model.intensities).sum(axis=1)  # which may cancel
        assert (np.abs(found - expected) < 1e-6 * terms).all()


def test_a_sample_longer_than_the_room_comes_back_in_its_order():
    model = inputs(2000).build()
    rows = np.arange(_BLOCKS * BLOCK + 777) % len(model.intensities)
    kappa = model.mixture.to_coordinate(1.0)
    one, many = (
        total_intensity(model.mixture, model.systematics, model.intensities[chosen], model.log_g[chosen], kappa, ALPHA)
        for chosen in (slice(None), rows)
    )
    np.testing.assert_array_equal(many, one[rows])
