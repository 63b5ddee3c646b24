import numpy as np
import pytest

from steelyard.simulators.offshell4l import variation_factors as factors
from steelyard.simulators.offshell4l.constants import SYSTEMATICS


def test_names_are_those_of_the_values():
    assert tuple(factors.Nuisances.__dataclass_fields__) == SYSTEMATICS
    assert factors.checked_alpha({"gg_scale": 1, "lumi": 0}).shifted == {"gg_scale": 1.0}


def test_shape_factors():
    """h(300 GeV) = 0.1, h(300·e GeV) = 0.2; q(0) = −0.03, q(±1) = 0.06, q = 0 at c² = 1/3."""
    for alpha in (-3.0, -1.0, 0.5, 5.0):
        gluons = [factors.gluon_factor(mass, alpha) for mass in (300.0, 300.0 * np.e)]
        assert np.log(gluons) == pytest.approx([0.1 * alpha, 0.2 * alpha], rel=1e-12)
        quarks = [factors.quark_factor(cosine, alpha) for cosine in (0.0, 1.0, -1.0, np.sqrt(1 / 3))]
        assert np.log(quarks) == pytest.approx([-0.03 * alpha, 0.06 * alpha, 0.06 * alpha, 0.0], abs=1e-13)
        cosines = np.linspace(-1, 1, 101)
        assert factors.weight_factors(cosines, False, alpha).max() == factors.quark_factor_bound(alpha)


def test_no_shape_factor_at_zero():
    assert np.all(factors.weight_factors(np.array([220.0, 1500.0]), True, 0.0) == 1.0)
    assert factors.quark_factor_bound(0.0) == 1.0


def test_weight_factors_leave_their_input_alone():
    values = np.array([250.0, 900.0])
    weights = factors.weight_factors(values, True, 1.0)
    assert values.tolist() == [250.0, 900.0]
    assert weights.tolist() == [factors.gluon_factor(value, 1.0) for value in values]
