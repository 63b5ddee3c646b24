import numpy as np
import pytest
from phase_space import points

from steelyard.errors import ConfigurationError, InputError
from steelyard.offshell4l import densities
from steelyard.offshell4l.constants import PROCESSES
from steelyard.offshell4l.integrals import integrals

CENTRE = np.array([[400.0, 91.0, 91.5, 0.3, -0.2, 0.6, 1.0, -2.0]])


def test_quadrature_has_converged():
    coarse, fine = integrals(), integrals(m4l_nodes=40, mass_nodes=96, cosine_nodes=64)
    for process in PROCESSES:
        assert coarse.process(process) == pytest.approx(fine.process(process), rel=1e-6)


def test_yields_are_those_of_the_design():
    """B and NI are inputs; the prototype found S 48.8 and I −44.9 from 6·10⁵ points, that is, to half a per cent."""
    signal, both, box, quark = densities.yields()
    assert [box, quark] == pytest.approx([170.0, 900.0], rel=1e-14)
    assert signal == pytest.approx(48.8, rel=0.01)
    assert both - signal - box == pytest.approx(-44.9, rel=0.01)
    assert densities.yields(["NI", "S"]).tolist() == [quark, signal]


def test_columns_follow_the_request():
    x, _ = points(50, seed=1)
    everything = densities.log_densities(x)
    np.testing.assert_array_equal(densities.log_densities(x, ["NI", "SBI"]), everything[:, [3, 1]])
    np.testing.assert_array_equal(densities.log_density("B", x), everything[:, 2])
    assert everything.dtype == np.float64
    assert densities.log_densities(x, []).shape == (50, 0)


@pytest.mark.parametrize("column, value", [(0, 219.9), (0, 1500.1), (1, 59.9), (2, 120.1), (3, 1.01), (4, -1.01)])
def test_density_is_zero_outside_the_selection(column, value):
    x = CENTRE.copy()
    assert np.isfinite(densities.log_densities(x)).all()
    x[0, column] = value
    assert np.all(densities.log_densities(x) == -np.inf)


def test_density_is_zero_where_the_masses_do_not_fit():
    x = CENTRE.copy()
    x[0, :3] = [230.0, 118.0, 119.0]
    assert np.all(densities.log_densities(x) == -np.inf)


def test_azimuths_are_periodic():
    x, _ = points(100, seed=2)
    shifted = x.copy()
    shifted[:, 6:] += 2 * np.pi
    np.testing.assert_allclose(densities.log_densities(shifted), densities.log_densities(x), atol=1e-10)


def test_single_precision_input_is_evaluated_in_double():
    x = points(100, seed=3)[0].astype(np.float32)
    np.testing.assert_array_equal(densities.log_densities(x), densities.log_densities(x.astype(np.float64)))


@pytest.mark.parametrize("mu", [0.0, 0.01, 0.25, 0.5, 1.0, 2.0, 4.0])
def test_rate_density_is_positive(mu):
    x, _ = points(20_000, seed=4)
    inside = x[:, 1] + x[:, 2] < x[:, 0]
    assert densities.rate_density(x, {"mu": mu})[inside].min() > 0.0


def test_rate_density_at_one_and_zero():
    x, _ = points(100, seed=5)
    p, nu = densities.densities(x), densities.yields()
    np.testing.assert_allclose(densities.rate_density(x, {"mu": 1}), p[:, [1, 3]] @ nu[[1, 3]], rtol=1e-13)
    np.testing.assert_allclose(densities.rate_density(x, {"mu": 0}), p[:, [2, 3]] @ nu[[2, 3]], rtol=1e-13)


def test_expected_events():
    signal, both, box, quark = densities.yields()
    assert densities.expected_events({"mu": 0}) == pytest.approx(box + quark)
    assert densities.expected_events({"mu": 1}) == pytest.approx(both + quark)
    assert densities.expected_events({"mu": 4}) == pytest.approx(4 * signal + 2 * (both - signal - box) + box + quark)


def test_unknown_process_names_the_nearest():
    with pytest.raises(ConfigurationError, match="no process 'SIB'; did you mean 'SBI'"):
        densities.log_densities(CENTRE, ["SIB"])


@pytest.mark.parametrize(
    "parameters, message",
    [({"mu": -0.1}, "≥ 0"), ({"mu": np.nan}, "finite"), ({}, "'mu' needs a value"), ({"mu": 1, "Mu": 1}, "mean 'mu'")],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        densities.expected_events(parameters)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match=r"shape \(1, 7\)"):
        densities.log_densities(CENTRE[:, :7])
    x = np.repeat(CENTRE, 3, axis=0)
    x[1, 2] = np.nan
    with pytest.raises(InputError, match="1 events are not finite, first in 'mZ2'"):
        densities.log_densities(x)
