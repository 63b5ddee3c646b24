import numpy as np
import pytest

from steelyard.simulators.offshell4l.spaces import GENERATED, SELECTED
from steelyard.simulators.offshell4l.variation_factors import Nuisances


def covers(outer, inner):
    (low, high, mass_low, mass_high), (first, last, mass_first, mass_last) = outer.ranges, inner.ranges
    return low <= first and last <= high and mass_low <= mass_first and mass_last <= mass_high


def test_the_selected_region_is_that_of_the_nominal_events():
    assert Nuisances().space == SELECTED
    assert SELECTED.ranges == (220.0, 1500.0, 60.0, 120.0)


def test_samples_cover_every_scale_up_to_five_and_no_more():
    assert all(covers(GENERATED, Nuisances(lepton_scale=alpha).space) for alpha in np.linspace(-5, 5, 41))
    for alpha in (-5.01, 5.01):
        assert not covers(GENERATED, Nuisances(lepton_scale=alpha).space)


def test_observed_edges_are_the_selection():
    nuisances = Nuisances(lepton_scale=3.0, gg_scale=1.5, qqZZ_angle=-2.0)
    assert nuisances.scale == pytest.approx(1.015, rel=1e-15)
    assert np.array(nuisances.space.ranges) * 1.015 == pytest.approx([220, 1500, 60, 120], rel=1e-14)
    assert (nuisances.space.gluon_alpha, nuisances.space.quark_alpha) == (1.5, -2.0)
