import numpy as np
import pytest

from steelyard.errors import ModelError
from steelyard.inference.fit import fit, scan
from steelyard.likelihood.likelihood import Likelihood


@pytest.mark.parametrize("mu", [0.3, 1.0, 2.0])
def test_asimov_data_give_back_their_parameter(interference, mu):
    best = fit(interference.asimov(mu))
    assert best.hat == pytest.approx(mu, abs=1e-4)
    assert best.valid and not best.at_bound
    assert best.edm < 1e-4


def test_the_lower_bound_is_exact(interference):
    best = fit(interference.asimov(0.0))
    assert best.hat == pytest.approx(0.0, abs=1e-6)
    # Background-like events without any of the signal's: the minimum is the bound itself, not a point near it.
    background = np.zeros((50, 4))
    background[:, 2] = interference.mixture.yields[2] * 3.0
    bounded = fit(Likelihood.of(interference.mixture, background))
    assert bounded.hat == 0.0 and bounded.at_bound and bounded.uncertainty is None


def test_both_basins_are_found(interference):
    # Interference makes small and large mu look alike: somewhere between the two there is a hill.
    best = fit(interference.asimov(0.02))
    assert len(best.basins) >= 2
    assert best.hat == best.basins[0][0]
    assert all(first[1] <= second[1] for first, second in zip(best.basins, best.basins[1:], strict=False))
    grid = np.linspace(*interference.mixture.coordinate_bounds, 4001)
    assert best.minimum <= interference.asimov(0.02).value(grid).min() + 1e-6


def test_uncertainty_is_the_parabola_of_the_parameter(interference):
    data = interference.asimov(1.0)
    best = fit(data)
    step = 0.01
    values = data.value(np.sqrt(best.hat + step * np.array([-1.0, 0.0, 1.0])))
    curvature = (values[0] - 2.0 * values[1] + values[2]) / step**2
    assert best.uncertainty == pytest.approx(np.sqrt(2.0 / curvature), rel=1e-2)


def test_scan_is_relative_to_the_best_fit(interference):
    grid = np.linspace(0.2, 3.0, 15)
    result = scan(interference.asimov(1.0), grid)
    data = interference.asimov(1.0)
    np.testing.assert_allclose(result.t, data.value(np.sqrt(grid)) - result.fit.minimum, atol=1e-7)
    assert result.t.min() == pytest.approx(0.0, abs=1e-6)
    assert result.t_lower_bound == pytest.approx(data.value(0.0)[0] - result.fit.minimum)


def test_data_without_any_allowed_hypothesis_are_an_error(interference):
    with pytest.raises(ModelError, match=r"positive density: at .* 2 negative events"):
        fit(Likelihood.of(interference.mixture, np.array([[0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, -2.0]])))
