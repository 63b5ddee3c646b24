"""The two sides of an effect from those that are given."""

import numpy as np
import pytest

from steelyard.regions.symmetrise import two_sided


def test_both_sides_become_half_their_difference():
    up, down = two_sided(np.log(1.2), np.log(1.1), True)
    assert np.exp(up) == pytest.approx(np.sqrt(1.2 / 1.1)) and down == -up


def test_a_side_alone_is_mirrored_and_none_stays_none():
    assert two_sided(0.1, None, True) == (0.1, -0.1)
    assert two_sided(None, 0.1, True) == (-0.1, 0.1)
    assert two_sided(None, None, True) == (None, None)


def test_without_the_wish_nothing_changes():
    assert two_sided(0.1, None, False) == (0.1, None)
    assert two_sided(0.1, 0.2, False) == (0.1, 0.2)


def test_arrays_are_symmetrised_event_by_event():
    up, down = np.array([0.3, -0.1]), np.array([-0.1, 0.5])
    np.testing.assert_allclose(two_sided(up, down, True), [[0.2, -0.3], [-0.2, 0.3]])
