import logging

import numpy as np

from steelyard.regions.pruning import Pruned, prune_norms, prune_shapes

EFFECTS = np.log(np.array([[[1.002, 0.999], [1.0, 1.0]], [[1.001, 0.99], [1.3, 0.8]]]))


def test_a_norm_effect_is_as_large_as_its_larger_side():
    kept, pruned = prune_norms(EFFECTS, ("S", "B"), ("jes", "pdf"), 0.005)
    np.testing.assert_array_equal(kept[0], np.zeros((2, 2)))
    np.testing.assert_array_equal(kept[1], EFFECTS[1])
    (effect,) = pruned  # nothing at all is not an effect that was left out
    assert (effect.process, effect.systematic, effect.effect, effect.threshold) == ("S", "jes", "norm", 0.005)
    np.testing.assert_allclose(effect.size, 0.002, rtol=1e-12)


def test_a_threshold_of_zero_leaves_out_nothing():
    kept, pruned = prune_norms(EFFECTS, ("S", "B"), ("jes", "pdf"), 0.0)
    np.testing.assert_array_equal(kept, EFFECTS)
    assert pruned == ()
    kept, pruned = prune_shapes(np.zeros((2, 2)), [("S", "jes"), ("B", "jes")], 0.0)
    assert kept.all() and pruned == ()


def test_a_shape_effect_is_as_large_as_its_larger_side():
    sizes = np.array([[0.001, 0.0], [0.0, 0.02], [0.004, 0.005]])
    kept, pruned = prune_shapes(sizes, [("S", "jes"), ("B", "jes"), ("B", "pdf")], 0.005)
    assert kept.tolist() == [False, True, True]  # at the threshold is not below it
    assert pruned == (Pruned("S", "jes", "shape", 0.001, 0.005),)


def test_what_is_left_out_is_in_the_log(caplog):
    with caplog.at_level(logging.INFO, logger="steelyard"):
        prune_shapes(np.array([[0.001, 0.0]]), [("S", "jes")], 0.005)
    assert caplog.messages == ["shape effect of jes on S left out: rms of ln g = 0.001 is below 0.005"]
