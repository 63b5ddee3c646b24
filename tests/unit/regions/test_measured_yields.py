import math

import numpy as np
import pytest

from steelyard.data.store import SampleInfo
from steelyard.errors import InputError
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, ProcessEffect
from steelyard.regions.measured_yields import log_yields

BOTH = ("up", "down")


def info(name, **sums):
    nothing = dict.fromkeys(sums, 0.0)
    counts = dict.fromkeys(sums, 0)
    return SampleInfo(name, tuple(sums), (), (), 10, 10, sums, nothing, counts, (f"{name}.root", f"{name}2.root"))


# S lives in one sample, B in two.
NOMINAL = [info("gg", S=50.0, B=100.0), info("extra", B=60.0)]


def effects(*given, nuisances=("k", "l", "free")):
    parameters = tuple(Nuisance(name) for name in nuisances)
    return DeclaredEffects(("S", "B"), parameters, given, {"free": ("B",)})


def of(effect, varied):
    return log_yields(effects(effect), NOMINAL, varied)


def variation(process="B", directions=BOTH, **keys):
    return ProcessEffect(process, "k", kind="weights", directions=directions, use_norm=True, **keys)


def test_no_effect_is_zero_for_all_processes_and_nuisance_parameters():
    found = log_yields(effects(), NOMINAL, {})
    assert found.shape == (2, 3, 2) and found.dtype == np.float64 and not found.any()
    assert log_yields(DeclaredEffects(("S", "B")), NOMINAL, {}).shape == (2, 0, 2)


def test_an_explicit_norm_is_its_logarithm_in_its_place():
    found = log_yields(effects(ProcessEffect("B", "l", norm=(1.1, 0.8))), NOMINAL, {})
    expected = np.zeros((2, 3, 2))
    expected[1, 1] = np.log([1.1, 0.8])
    np.testing.assert_array_equal(found, expected)


def test_a_process_is_summed_over_its_samples():
    varied = {("gg", "k", side): info("gg", B=value) for side, value in (("up", 108.0), ("down", 96.0))}
    varied |= {("extra", "k", side): info("extra", B=value) for side, value in (("up", 63.0), ("down", 48.0))}
    np.testing.assert_allclose(of(variation(), varied)[1, 0], np.log([171 / 160, 144 / 160]), rtol=1e-14)


def test_a_sample_without_a_varied_source_counts_as_it_is():
    varied = {("gg", "k", side): info("gg", B=value) for side, value in (("up", 116.0), ("down", 84.0))}
    # another process and another systematic of the other sample change nothing
    varied |= {("extra", "k", "up"): info("extra", S=1.0), ("extra", "l", "up"): info("extra", B=1e6)}
    np.testing.assert_allclose(of(variation(), varied)[1, 0], np.log([176 / 160, 144 / 160]), rtol=1e-14)


def test_a_norm_multiplies_the_ratio_of_a_variation():
    varied = {("gg", "k", side): info("gg", S=value) for side, value in (("up", 55.0), ("down", 40.0))}
    found = of(variation("S", norm=(1.2, 0.5)), varied)[0, 0]
    np.testing.assert_allclose(np.exp(found), [1.1 * 1.2, 0.8 * 0.5], rtol=1e-14)


def test_one_side_alone_leaves_the_other_at_zero_or_is_mirrored():
    varied = {("gg", "k", "up"): info("gg", S=60.0)}
    up = math.log(1.2)
    np.testing.assert_allclose(of(variation("S", ("up",)), varied)[0, 0], [up, 0.0], rtol=1e-14)
    np.testing.assert_allclose(of(variation("S", ("up",), symmetrise=True), varied)[0, 0], [up, -up], rtol=1e-14)
    # beside a norm, which has both sides
    found = of(variation("S", ("up",), symmetrise=True, norm=(1.5, 1 / 1.5)), varied)[0, 0]
    np.testing.assert_allclose(np.exp(found), [1.8, 1 / 1.8], rtol=1e-14)


def test_two_sides_are_symmetrised_in_the_logarithm():
    varied = {("gg", "k", side): info("gg", S=value) for side, value in (("up", 60.0), ("down", 45.0))}
    half = 0.5 * math.log(1.2 / 0.9)
    np.testing.assert_allclose(of(variation("S", symmetrise=True), varied)[0, 0], [half, -half], rtol=1e-14)


def test_a_norm_of_two_numbers_is_symmetrised_in_the_logarithm_too():
    found = of(ProcessEffect("S", "k", norm=(1.44, 1.0), symmetrise=True), {})[0, 0]
    np.testing.assert_allclose(np.exp(found), [1.2, 1.0 / 1.2], rtol=1e-14)


def test_a_variation_used_for_its_shape_has_no_yield():
    effect = ProcessEffect("S", "k", norm=(1.3, 0.7), kind="events", directions=BOTH, use_shape=True)
    np.testing.assert_allclose(np.exp(of(effect, {})[0, 0]), [1.3, 0.7], rtol=1e-14)


@pytest.mark.parametrize("value", [0.0, -7.0])
def test_a_yield_that_is_not_positive_is_named(value):
    varied = {("gg", "k", "up"): info("gg", S=60.0), ("gg", "k", "down"): info("gg", S=value)}
    with pytest.raises(InputError) as error:
        of(variation("S"), varied)
    assert str(error.value) == (
        f"process S, k down: the weights of the selected events sum to {value:g}, nominal 50 (samples gg; gg.root …); "
        "a yield is positive: correct the weights or the files"
    )


def test_a_variation_that_was_not_ingested_is_named():
    varied = {("gg", "k", "up"): info("gg", B=60.0)}
    with pytest.raises(InputError, match=r"process B, k down: no varied events of the samples that carry it \(gg, ext"):
        of(variation(), varied)
