"""The noise of log g alone constrains a parameter: against numbers that follow from a formula, and against a fit."""

from dataclasses import replace

import numpy as np
import pytest
from interference_effects import shape

from steelyard.data.null_ratios import NullRatios
from steelyard.data.reference_events import ReferenceEvents
from steelyard.errors import ModelError
from steelyard.finite_simulation.null_information import measure_null, null_information, other_processes, slope_share
from steelyard.inference.fit import fit
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects
from steelyard.regions.unbinned import build_model

EVENTS = 20_000
EXPECTED = 85_000.0


def model(noise=None, background=0.0, names=("tilt",)):
    """A signal of 85,000 events, perhaps a background, and a shape x on the signal; ``noise`` as one more shape."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=EVENTS)
    processes = {"S": EXPECTED, **({"B": background} if background else {})}
    log_r = np.zeros((EVENTS, len(processes)))
    if background:
        log_r[:, 1] = 0.5 * x
    expressions = ["mu", "1"][: len(processes)]
    coefficients = Coefficients(("mu",), tuple(expressions), {"mu": 1.0}, 0.0)
    rows = np.stack([np.zeros(EVENTS, dtype=int), np.arange(EVENTS)], axis=1)
    shapes = {"tilt": 0.05 * x, "null": noise}
    used = [*names, *(["null"] if noise is not None else [])]
    declared = DeclaredEffects(
        tuple(processes),
        tuple(Nuisance(name) for name in used),
        tuple(shape("S", name, "up", "down") for name in used),
    )
    log_ratios = np.stack([sign * shapes[name] for name in used for sign in (1.0, -1.0)], axis=1)
    effects = MeasuredEffects(declared, np.zeros((len(processes), len(used), 2)), log_ratios)
    events = ReferenceEvents(np.full(EVENTS, 1.0 / EVENTS), rows)
    return build_model(processes, coefficients, (0.0, 5.0), log_r, events, effects)


@pytest.fixture(scope="module")
def noise():
    return 0.01 * np.random.default_rng(2).normal(size=EVENTS)


def test_one_per_cent_of_noise_at_85_000_events_constrains_to_a_third(noise):
    plain = model()
    rows = plain.rows[::2]
    found, rms, expected = null_information(plain, 1.0, "S", rows, noise[None, ::2])
    assert rms[0] == pytest.approx(0.01, rel=0.03) and expected == pytest.approx(EXPECTED)
    # F = ν rms², known to sqrt(2/10⁴) = 1.4 % from as many independent events; what is profiled out is 3 of 10⁴ parts.
    assert 1.0 / np.sqrt(1.0 + found[0]) == pytest.approx(0.324, rel=0.03)


def test_it_is_the_post_fit_error_of_the_same_effect_in_the_model(noise):
    """A background dilutes the noise, and the real parameters are profiled: the covariance of a fit knows both."""
    generator = np.random.default_rng(3)
    shape = noise + 0.01 * np.random.default_rng(1).normal(size=EVENTS)  # correlated with the tilt
    plain, with_null = model(background=60_000.0), model(shape, background=60_000.0)
    order = generator.permutation(EVENTS)
    (found,), _, _ = null_information(plain, 1.0, "S", plain.rows[order], shape[None, order])
    best = fit(with_null.asimov(1.0))
    error = np.sqrt(np.asarray(best.covariance)[-1, -1])
    assert 1.0 / np.sqrt(1.0 + found) == pytest.approx(error, rel=0.01)


def test_other_processes_count_by_their_share_and_their_events():
    plain = model(background=60_000.0)
    assert other_processes(plain, 1.0, "S", {"S": 1000.0}) == 1.0
    shares = plain.intensities / plain.intensities.sum(axis=1, keepdims=True)
    squares = (plain.weights * plain.intensities.sum(axis=1)) @ shares**2
    expected = 1.0 + squares[1] / squares[0] * 1000.0 / 250.0
    assert other_processes(plain, 1.0, "S", {"S": 1000.0, "B": 250.0}) == pytest.approx(expected, rel=1e-9)
    # at μ = 0 the signal has no events, and no noise
    assert other_processes(plain, 0.0, "B", {"S": 1000.0, "B": 250.0}) == pytest.approx(1.0)


def test_two_sides_of_other_events_are_half_as_noisy_as_mirrored_ones(noise):
    assert slope_share(True, False, paired=True) == slope_share(False, True, paired=False) == 1.0
    assert slope_share(True, False, paired=False) == 0.5 and slope_share(False, False, paired=False) == 0.25
    plain = model()
    null = NullRatios("S", "tilt", plain.rows, np.stack([noise, 2.0 * noise]), 0.0, {"S": 1.0})
    found = measure_null(plain, 1.0, null, two_sided=True, symmetrised=False, alike=("tilt",))
    one = replace(found, information=found.information[:1], slope=1.0)
    assert found.total == pytest.approx(0.5 * one.total * (1.0 + 4.0) / 2.0, rel=1e-3)
    assert found.post_fit_error == pytest.approx((1.0 + found.total) ** -0.5)


def test_a_parameter_that_the_noise_imitates_is_profiled_away():
    """Noise that is the real effect itself: the real parameter, free to 1, takes most of its information."""
    plain = model()
    shape = 0.05 * np.random.default_rng(1).normal(size=EVENTS)
    (alone,), _, _ = null_information(plain, 1.0, "S", plain.rows, shape[None])
    assert alone == pytest.approx(1.0, rel=0.02)  # F/(1 + F) of F = 85,000 · 0.05² = 212


def test_an_event_without_density_counts_for_nothing(noise):
    plain = model()
    (before,), _, _ = null_information(plain, 1.0, "S", plain.rows, noise[None])
    intensities = plain.intensities.copy()
    intensities[:3] = [[0.0], [-1.0], [0.0]]
    (after,), _, _ = null_information(replace(plain, intensities=intensities), 1.0, "S", plain.rows, noise[None])
    assert after == pytest.approx(before, rel=1e-2)


def test_events_of_other_samples_are_an_error(noise):
    with pytest.raises(ModelError, match="only 0 of the 20000 events"):
        null_information(model(), 1.0, "S", model().rows + np.array([1, 0]), noise[None])
