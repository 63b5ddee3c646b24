import numpy as np
import pytest
from phase_space import points

from steelyard.errors import ConfigurationError, InputError
from steelyard.simulators.offshell4l import densities
from steelyard.simulators.offshell4l.constants import PROCESSES, SYSTEMATICS
from steelyard.simulators.offshell4l.integrals import integrals
from steelyard.simulators.offshell4l.variation_factors import Nuisances

CENTRE = np.array([[400.0, 91.0, 91.5, 0.3, -0.2, 0.6, 1.0, -2.0]])


@pytest.mark.parametrize("shift", [0.0, -10.0, -5.0, -1.0, 1.0, 5.0, 10.0])
def test_quadrature_has_converged(shift):
    space = Nuisances(lepton_scale=shift, gg_scale=-shift, qqZZ_angle=shift).space
    coarse, fine = integrals(space), integrals(space, m4l_nodes=40, mass_nodes=96, cosine_nodes=64)
    for process in PROCESSES:
        assert coarse.process(process) == pytest.approx(fine.process(process), rel=1e-6)


def test_yields_are_those_of_the_design():
    """B and NI are inputs; the prototype found S 48.8 and I −44.9 from 6·10⁵ points, that is, to half a per cent."""
    signal, both, box, quark = densities.yields()
    assert [box, quark] == pytest.approx([170.0, 900.0], rel=1e-14)
    assert signal == pytest.approx(48.8, rel=0.01)
    assert both - signal - box == pytest.approx(-44.9, rel=0.01)
    assert densities.yields(["NI", "S"]).tolist() == [quark, signal]


def test_numbers_without_nuisance_parameters_have_not_changed():
    """Values that this model had before it knew nuisance parameters."""
    x = np.array([CENTRE[0], [221, 88, 93, -0.8, 0.5, -0.9, -3, 0.4], [1234.5, 70, 110, 0.95, 0.1, 0.2, 2.5, 3.1]])
    before = [
        [-14.139510516896532, -15.949918513083384, -15.781257206535104, -15.752226187683792],
        [-18.4806254540334, -15.534920834507048, -15.599634745012535, -15.984774829186575],
        [-28.386088519441966, -30.41835296390371, -29.521500200704004, -29.365803192048997],
    ]
    zeros = dict.fromkeys(SYSTEMATICS, 0.0)
    for alpha in (None, {}, zeros):
        np.testing.assert_allclose(densities.log_densities(x, alpha=alpha), before, rtol=0, atol=1e-12)
        assert densities.yields(alpha=alpha) == pytest.approx([48.61052374912646, 173.95274771074298, 170, 900], 1e-12)


def test_yields_follow_the_norms():
    nominal, lumi, quarks = densities.yields(), densities.yields(alpha={"lumi": 2}), {"qqZZ_norm": -1, "lumi": 1}
    np.testing.assert_allclose(lumi, 1.017**2 * nominal, rtol=1e-14)
    np.testing.assert_allclose(densities.yields(["B", "NI"], quarks), [170 * 1.017, 900 * 1.017 / 1.05], rtol=1e-13)
    x, _ = points(50, seed=8)
    np.testing.assert_array_equal(densities.log_densities(x, alpha=quarks), densities.log_densities(x))


def test_yields_at_one_point_are_integrated_once():
    alpha = {"lepton_scale": 0.123, "gg_scale": 0.7}
    densities.yields(alpha=alpha)
    misses = integrals.cache_info().misses
    for _ in range(5):
        densities.yields(["B"], {**alpha, "lumi": 1.0, "qqZZ_norm": -1.0})
        densities.log_densities(CENTRE, ["S"], alpha)
    assert integrals.cache_info().misses == misses


def test_densities_see_the_true_masses():
    """p_c(x|α) ν_c(α) = p_c(u) ν_c factor/s³, u = x with its masses divided by s, written out with numpy."""
    x = points(2000, seed=6)[0]
    x = x[(x[:, 0] > 230) & (x[:, 0] < 1450) & (abs(x[:, 1:3] - 90) < 26).all(axis=1)]
    for alpha in ({"lepton_scale": 5}, {"lepton_scale": -3.3, "gg_scale": 2, "qqZZ_angle": -4, "lumi": 1}):
        full = dict.fromkeys(SYSTEMATICS, 0.0) | alpha
        u, s = x.copy(), 1 + 0.005 * full["lepton_scale"]
        u[:, :3] /= s
        gluons = full["gg_scale"] * (0.1 + 0.1 * np.log(u[:, 0] / 300))
        quarks = full["qqZZ_angle"] * 0.03 * (3 * u[:, 3] ** 2 - 1)
        factors = np.column_stack([gluons, gluons, gluons, quarks]) + full["lumi"] * np.log(1.017) - 3 * np.log(s)
        expected = densities.log_densities(u) + np.log(densities.yields()) + factors
        found = densities.log_densities(x, alpha=alpha) + np.log(densities.yields(alpha=alpha))
        inside = np.isfinite(expected[:, 0])
        assert inside.mean() > 0.9
        np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-11)


def test_the_edge_is_that_of_the_observed_masses():
    """Selected events whose true masses are not selected have a density; others, selected before, have none."""
    x = np.repeat(CENTRE, 4, axis=0)
    x[:, 0] = 221, 1499, 219.9, 1500.1
    for alpha in (2.0, -2.0):
        found = densities.densities(x, alpha={"lepton_scale": alpha})
        assert np.all(found[:2] > 0) and np.all(found[2:] == 0)


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


def test_unknown_systematic_names_the_nearest():
    with pytest.raises(ConfigurationError, match="no systematic 'gg-scale'; did you mean 'gg_scale'"):
        densities.log_densities(CENTRE, ["S"], {"gg-scale": 1.0})
    with pytest.raises(ConfigurationError, match="no systematic 'luminosity'"):
        densities.yields(alpha={"luminosity": 1.0})


@pytest.mark.parametrize("value", [10.1, -11, np.nan, np.inf])
def test_senseless_values_of_a_systematic_are_refused(value):
    with pytest.raises(ConfigurationError, match="'lepton_scale' must be within ±10; found"):
        densities.yields(alpha={"lepton_scale": value})


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
