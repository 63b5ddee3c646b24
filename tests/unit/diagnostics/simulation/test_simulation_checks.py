"""The verdict on the predicted error of t(mu)."""

import numpy as np
import pytest

from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis, diagnose_simulation, scan_points
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.finite_simulation.simulation_error import SimulationError
from steelyard.inference.fit import Scan
from steelyard.io.serialisation import from_data, to_data

MU = np.linspace(0.0, 3.0, 31)
# A minimum at 1, another one at 0.2 and a maximum between them; t = 16 at 3.
T = np.where(MU < 1.0, 4.0 - 3.0 * np.cos(2.0 * np.pi * (MU - 0.2) / 0.8), 4.0 * (MU - 1.0) ** 2)
T[10] = 0.0


def error(sigma, bias=0.0, t=T):
    sigma = np.full(31, sigma) if np.ndim(sigma) == 0 else sigma
    bias = np.full(31, bias)
    return SimulationError(MU, t, sigma, bias, sigma, {"gg": sigma / 2.0}, 0.0 * MU, reference=0.1 * sigma)


def verdict(*arguments):
    (check,) = diagnose_simulation(error(*arguments), 1.0, Thresholds()).checks
    return check


class TestVerdict:
    @pytest.mark.parametrize(("sigma", "status"), [(0.07, "PASS"), (0.1, "WARN"), (0.14, "WARN"), (0.2, "FAIL")])
    def test_at_half_of_the_allowance_it_warns_beyond_it_fails(self, sigma, status):
        check = verdict(sigma)
        assert check.status == status
        assert check.value == pytest.approx(sigma / 0.15)

    def test_ten_per_cent_of_a_large_t_are_allowed_less_what_is_bias(self):
        sigma = np.where(MU == 0.0, 0.2, 0.0)
        t = T.copy()
        t[0] = 8.0
        assert verdict(sigma, 0.0, t).status == "PASS"
        # Of the same curve with most of it noise there is less.
        assert verdict(sigma, 6.5, t).status == "FAIL"

    def test_far_from_the_minimum_an_error_does_not_count(self):
        sigma = np.where(MU > 2.6, 10.0, 0.0)
        assert T[MU > 2.6].min() > 9.0
        assert verdict(sigma).status == "PASS"

    def test_negative_intensities_fail(self):
        sigma = np.where(np.isclose(MU, 0.5), np.inf, 0.01)
        check = verdict(sigma, 0.0, np.where(np.isinf(sigma), np.inf, T))
        assert check.status == "FAIL"
        assert check.value == np.inf

    def test_the_detail_names_the_place_and_the_sources(self):
        detail = verdict(np.where(np.isclose(MU, 0.2), 0.4, 0.01)).detail
        assert "at 0.2" in detail
        assert "gg 0.2" in detail
        assert "reference 0.04" in detail


class TestPoints:
    def test_the_points_that_matter(self):
        points = diagnose_simulation(error(np.where(np.isclose(MU, 0.5), 0.6, 0.1)), 1.0, Thresholds()).points
        assert [(point.name, round(point.mu, 6)) for point in points] == [
            ("lower bound", 0.0),
            ("other minimum", 0.2),
            ("maximum", 0.6),
            ("twice nominal", 2.0),
            ("worst", 0.5),
        ]

    def test_they_are_among_those_looked_at(self):
        chosen = scan_points(Scan(MU, T, T[0], None), 1.0, 5)
        assert {0, 2, 6, 20, 30} <= set(chosen)
        assert len(chosen) < 12


def test_survives_json():
    diagnosis = diagnose_simulation(error(0.1), 1.0, Thresholds())
    again = from_data(SimulationDiagnosis, to_data(diagnosis))
    assert again.points == diagnosis.points
    assert again.checks == diagnosis.checks
    assert again.error.t == pytest.approx(T)
