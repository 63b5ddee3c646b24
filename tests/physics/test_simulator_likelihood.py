"""The exact expected t(μ) of the embedded analysis."""

import numpy as np
import pytest

from steelyard.simulators.offshell4l.densities import densities, yields
from steelyard.simulators.offshell4l.draw import draw_sample

PROTOTYPE = {0.0: 1.77, 0.05: 0.59, 0.25: 0.39, 1.5: 0.58, 2.0: 2.60}
"""Found by an independent implementation with 6·10⁵ points, quoted to two digits after the point."""


@pytest.fixture(scope="module")
def reference():
    """Points of a mixture of all processes in equal parts, intensities ν_c p_c/p_ref there, and their volume 1/n."""
    rng = np.random.default_rng(41)
    x = np.concatenate([draw_sample("gg", 375_000, rng)[0], draw_sample("qqZZ", 125_000, rng)[0]])
    p = densities(x)
    return p / p.mean(axis=1, keepdims=True) * yields()


def rate(reference, mu):
    return reference @ [mu - np.sqrt(mu), np.sqrt(mu), 1 - np.sqrt(mu), 1.0]


def t(reference, mu):
    """t(μ) of the Asimov data at μ = 1 and its Monte Carlo error.

    t = 2 ∫ [λ(μ) − λ(1) − λ(1) ln λ(μ)/λ(1)], λ(x|μ) = ν p: the maximum of the exact likelihood is at the truth.
    """
    truth, tested = rate(reference, 1.0), rate(reference, mu)
    terms = 2.0 * (tested - truth - truth * np.log(tested / truth))
    return terms.mean(), terms.std() / np.sqrt(len(terms))


@pytest.mark.parametrize("mu, expected", PROTOTYPE.items())
def test_expected_curve_is_that_of_the_prototype(reference, mu, expected):
    """Within the rounding to two digits and 4 errors of two independent samples of about this size."""
    value, error = t(reference, mu)
    assert error < 0.01
    assert abs(value - expected) < 0.005 + 4 * np.sqrt(2) * error


def test_expected_curve_has_its_minimum_at_the_truth_and_a_plateau_below(reference):
    """t = 0 at μ = 1 only; between 0.05 and 0.5 it is almost flat: a parabola would be symmetric about 1."""
    assert t(reference, 1.0)[0] == pytest.approx(0.0, abs=1e-12)
    assert all(t(reference, mu)[0] > 0 for mu in (0.0, 0.3, 0.8, 1.2, 3.0))
    for mu in (0.05, 0.25):
        (below, error), (above, _) = t(reference, mu), t(reference, 2 - mu)
        assert below + 10 * error < above / 2
