"""A narrow peak whose energy scale moves: far from it the true ratios are beyond what code 4 can interpolate."""

from dataclasses import replace

import numpy as np
import pytest
from interference_effects import shape

from steelyard.data.reference_events import ReferenceEvents
from steelyard.diagnostics.model.interpolation_check import FALL_BACK, check_fall_back
from steelyard.inference.fall_back import FallBackEffect, fall_back_effect, find_fall_back
from steelyard.inference.fit import scan
from steelyard.inference.toy_fits import fit_toys
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects
from steelyard.regions.unbinned import build_model
from steelyard.regions.varied_intensities import varied_intensities

EVENTS, PEAK, WIDTH, SCALE = 12_000, 125.0, 2.0, 0.005
YIELDS = {"s": 60.0, "b": 1500.0}
LOW, HIGH = 110.0, 160.0
MU = np.array([0.0, 0.5, 1.0, 1.6])


def log_peak(x, alpha=0.0):
    """ln of a Gaussian at 125 GeV x (1 + 0.005 alpha) of a width that scales with it."""
    scale = 1.0 + SCALE * alpha
    return -0.5 * ((x - PEAK * scale) / (WIDTH * scale)) ** 2 - np.log(np.sqrt(2.0 * np.pi) * WIDTH * scale)


def log_falling(x):
    rate = 0.03
    return -rate * x - np.log((np.exp(-rate * LOW) - np.exp(-rate * HIGH)) / rate)


def peak(interpolation="code4", events=EVENTS):
    """The reference is flat in mass; ratios and variations are exact."""
    x = LOW + (HIGH - LOW) * (np.arange(events) + 0.5) / events
    log_r = np.stack([log_peak(x), log_falling(x)], axis=1) + np.log(HIGH - LOW)
    log_ratios = np.stack([log_peak(x, side) - log_peak(x) for side in (1.0, -1.0)], axis=1)
    nuisance = Nuisance("energy", interpolation=interpolation)
    declared = DeclaredEffects(tuple(YIELDS), (nuisance,), (shape("s", "energy", "up", "down"),))
    effects = MeasuredEffects(declared, np.zeros((2, 1, 2)), log_ratios)
    coefficients = Coefficients(["mu"], ["mu", "1"], {"mu": 1.0})
    reference = ReferenceEvents(
        np.full(events, 1.0 / events), np.stack([np.zeros(events, dtype=int), np.arange(events)], axis=1)
    )
    return x, build_model(YIELDS, coefficients, (0.0, 5.0), log_r, reference, effects)


def exact_profile(x, weights, mu, observed):
    """-2 ln L minimised over alpha, with the densities themselves for every alpha."""
    alpha = np.linspace(-2.0, 2.0, 401)
    background = YIELDS["b"] * np.exp(log_falling(x))
    values = []
    for a in alpha:
        intensity = mu * YIELDS["s"] * np.exp(log_peak(x, a)) + background
        values.append(2.0 * mu * YIELDS["s"] - 2.0 * weights @ np.log(intensity) + (a - observed) ** 2)
    best = int(np.argmin(values))
    near = np.polyfit(alpha[best - 2 : best + 3] - alpha[best], values[best - 2 : best + 3], 2)
    return float(near[2] - near[1] ** 2 / (4.0 * near[0]))


@pytest.fixture(scope="module")
def moved():
    """Events of a peak that lies half a standard deviation up, with true densities; a third of them as data."""
    x, model = peak()
    truth = 1.2 * YIELDS["s"] * np.exp(log_peak(x, 0.5)) + YIELDS["b"] * np.exp(log_falling(x))
    return x, model, truth * (HIGH - LOW) / len(x)


def test_the_model_builds_and_counts(moved):
    _, model, _ = moved
    (found,) = find_fall_back(model.mixture.processes, model.systematics, model.log_g, model.densities)
    assert (found.process, found.systematic) == ("s", "energy")
    assert 0.3 * EVENTS < found.events < 0.9 * EVENTS and found.share < 1e-5


def test_the_fit_is_that_of_the_exponential_form_and_of_the_exact_densities(moved):
    x, model, weights = moved
    _, safe = peak("exponential")
    ours, theirs = (scan(replace_weights(m, weights), MU) for m in (model, safe))
    exact = np.array([exact_profile(x, weights, mu, 0.0) for mu in MU])
    grid = np.linspace(1.15, 1.25, 11)
    values = np.array([exact_profile(x, weights, mu, 0.0) for mu in grid])
    best = np.polyfit(grid - 1.2, values, 2)
    t = exact - (best[2] - best[1] ** 2 / (4.0 * best[0]))
    assert ours.fit.valid and ours.fit.hat == pytest.approx(theirs.fit.hat, abs=1e-3)
    np.testing.assert_allclose(ours.t, theirs.t, atol=5e-3)
    assert ours.fit.hat == pytest.approx(1.2 - best[1] / (2.0 * best[0]), abs=1e-3)
    np.testing.assert_allclose(ours.t, t, atol=5e-3)


def replace_weights(model, weights):
    likelihood = model.asimov(1.0)
    return replace(likelihood, events=(replace(likelihood.events[0], weights=weights),))


def test_compiled_and_numpy_know_the_same_events(moved):
    _, model, weights = moved
    likelihood = replace_weights(model, weights)
    for alpha in (-1.3, -0.6, 0.1, 0.8):
        point = np.array([alpha])
        intensities = varied_intensities(model.systematics, model.intensities, model.log_g, point)
        expected = 2.0 * (1.4 * YIELDS["s"] + YIELDS["b"]) - 2.0 * weights @ np.log(intensities @ [1.4, 1.0]) + alpha**2
        assert likelihood.value(1.4, point)[0] == pytest.approx(expected, abs=1e-4)
        here, h = likelihood.expansion(1.4, point), 1e-3
        assert here.value == pytest.approx(expected, abs=1e-4)
        ends = [likelihood.expansion(1.4, point + step) for step in (h, -h)]
        assert here.gradient[1] == pytest.approx((ends[0].value - ends[1].value) / (2 * h), rel=1e-3, abs=0.05)
        assert here.hessian[1, 1] == pytest.approx((ends[0].gradient[1] - ends[1].gradient[1]) / (2 * h), rel=1e-2)


def test_toys_with_such_events_are_fitted(moved):
    _, model, weights = moved
    generator = np.random.default_rng(1)
    rows = [np.repeat(np.arange(len(weights)), generator.poisson(weights)) for _ in range(20)]
    offsets = np.concatenate([[0], np.cumsum([len(chosen) for chosen in rows])])
    observed = 0.5 + generator.normal(size=(20, 1))
    arguments = offsets, 1.2, model.systematics, model.log_g, observed, np.concatenate(rows)
    fits = fit_toys(model.mixture, model.intensities, *arguments)
    assert (fits.status <= 1).all() and np.isfinite(fits.t).all()


def test_the_form_of_these_events_hardly_matters_where_the_peak_is_not(moved):
    _, model, _ = moved
    effect = fall_back_effect(model, MU, 1.0)
    assert effect.largest < 0.1 and len(effect.difference) == 3
    check = check_fall_back(effect, FALL_BACK.default("interpolation"))
    assert check.status == "PASS" and "energy on s" in check.detail and "converge" not in check.detail


def test_it_is_seen_where_it_matters():
    """Ratios of 30 and 1/60 in the middle of the peak itself: between exponential and chord nothing is known there."""
    x, model = peak()
    density = model.densities[:, 0] / YIELDS["s"]
    middle = np.abs(x - PEAK) < 0.05  # two per cent of the peak
    log_g = np.where(middle[:, None], np.log([60.0, 1.0 / 60.0]), 0.0)
    log_g -= np.log(density @ np.exp(log_g))
    changed = replace(model, log_g=log_g[:, None].astype(np.float32))
    effect = fall_back_effect(changed, MU, 1.0)
    assert effect.found[0].events == middle.sum()
    check = check_fall_back(effect, FALL_BACK.default("interpolation"))
    assert check.status == "WARN" and "`interpolation: exponential`" in check.detail
    safe = replace(changed, systematics=peak("exponential")[1].systematics)
    assert fall_back_effect(safe, MU, 1.0) is None


def test_six_bad_events_of_160_000_leave_the_others_as_they_are():
    """They have ratios that no code 4 can follow; the rest keeps code 4 to the bit, and t hardly knows of them."""
    events, every = 160_000, 27_000
    x, model = peak(events=events)
    slope = (x - LOW) / (HIGH - LOW) - 0.5
    log_g = np.stack([0.1 * slope, -0.09 * slope], axis=-1)[:, None].astype(np.float32)
    bad = log_g.copy()
    bad[::every, 0] = np.log([50.0, 1.0 / 50.0])
    (found,) = find_fall_back(model.mixture.processes, model.systematics, bad)
    assert found.events == 6
    point = np.array([0.4])
    plain, changed = (varied_intensities(model.systematics, model.intensities, which, point) for which in (log_g, bad))
    same = np.arange(events) % every != 0
    np.testing.assert_array_equal(plain[same], changed[same])
    assert (changed > 0.0).all()
    assert fall_back_effect(replace(model, log_g=log_g), MU, 1.0) is None
    effect = fall_back_effect(replace(model, log_g=bad), MU, 1.0)
    assert isinstance(effect, FallBackEffect) and effect.largest < 0.1
    assert check_fall_back(effect, FALL_BACK.default("interpolation")).status == "PASS"
