"""The component of the reference sample against the scatter over many reference samples, in two analytic models.

Observed data stay the same while the reference is drawn again: what mu_hat and t(mu) scatter by is the component.
"""

from typing import ClassVar

import interference
import numpy as np
import pytest
from interference_effects import shape
from scipy.stats import norm

from steelyard.checks import Levels
from steelyard.data.reference_events import ReferenceEvents
from steelyard.diagnostics.inference.reference_checks import REFERENCE, check_reference
from steelyard.errors import ModelError
from steelyard.finite_simulation.reference_error import Components, ReferenceError, reference_error
from steelyard.inference.fit import scan
from steelyard.io.serialisation import from_data, to_data
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, MeasuredEffects
from steelyard.regions.unbinned import build_model

GRID = np.array([0.0, 0.5, 2.0, 3.0])
LEVELS = REFERENCE.default("reference_error")


class Gaussians:
    """A signal and a background without interference: unit Gaussians at 1.5 and 0."""

    yields: ClassVar = {"S": 50.0, "B": 300.0}
    coefficients = Coefficients(("mu",), ("mu", "1"), {"mu": 1.0})
    bounds = (0.0, 10.0)

    def densities(self, x):
        return np.stack([norm.pdf(x, 1.5), norm.pdf(x)], axis=1)

    def draw(self, process, number, rng):
        return rng.normal(1.5 if process == 0 else 0.0, size=number)


class Interference:
    """The analysis of :mod:`interference`, by inversion of its distribution functions on a fine grid."""

    x = (np.arange(20_000) + 0.5) / 20_000
    yields: ClassVar = dict(zip(interference.PROCESSES, interference.rate_densities(x).mean(axis=0), strict=True))
    coefficients = interference.coefficients()
    bounds = interference.BOUNDS

    def densities(self, x):
        return interference.rate_densities(x) / np.array(list(self.yields.values()))

    def draw(self, process, number, rng):
        cumulative = np.cumsum(self.densities(self.x)[:, process])
        return np.interp(rng.uniform(size=number), cumulative / cumulative[-1], self.x)


def reference(problem, number, rng, effects=None):
    """A model on ``number`` events of each process, and its components."""
    processes = len(problem.yields)
    x = np.concatenate([problem.draw(process, number, rng) for process in range(processes)])
    densities = problem.densities(x)
    log_r = np.log(densities / densities.mean(axis=1, keepdims=True))
    weights = np.kron(np.eye(processes), np.full((number, 1), 1.0 / (number * processes)))
    events = ReferenceEvents(weights.sum(axis=1), np.zeros((len(x), 2), dtype=int))
    model = build_model(
        problem.yields, problem.coefficients, problem.bounds, log_r, events, effects(x) if effects else None
    )
    return model, Components(weights)


def observed(problem, model, x, shapes=None):
    densities = problem.densities(x)
    intensities = model.event_intensities(np.log(densities / densities.mean(axis=1, keepdims=True)))
    return model.observed(intensities, model.event_shapes(shapes(x)) if shapes else None)


def data(problem, seed):
    """One data set at mu = 1."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-5.0, 7.0, 40_001) if isinstance(problem, Gaussians) else problem.x
    at_one = problem.coefficients.value(np.array([1.0]))[0]
    density = problem.densities(x) @ (at_one * np.array(list(problem.yields.values())))
    number = rng.poisson(sum(at_one * np.array(list(problem.yields.values()))))
    cumulative = np.cumsum(density)
    return np.interp(rng.uniform(size=number), cumulative / cumulative[-1], x)


def predicted_and_found(problem, number, samples, asimov=False, effects=None, shapes=None):
    """Components of mu_hat and t(mu) and their errors, and the scatter over all reference samples and its error."""
    x = data(problem, 8)
    found, predicted, shares = [], [], []
    for seed in range(samples):
        model, components = reference(problem, number, np.random.default_rng(seed), effects)
        likelihood = model.asimov(1.0) if asimov else observed(problem, model, x, shapes)
        curve = scan(likelihood, GRID)
        found.append([curve.fit.hat, *curve.t])
        if seed < 8:
            result = reference_error(model, likelihood, curve, components, asimov)
            predicted.append([result.sigma_hat, *(result.regenerated_t if asimov else result.sigma_t)])
            shares.append([result.effective, result.of_sigma])
    mean, spread = np.mean(predicted, axis=0), np.std(predicted, axis=0, ddof=1) / np.sqrt(8.0)
    scatter = np.std(found, axis=0, ddof=1)
    return mean, spread, scatter, scatter / np.sqrt(2.0 * (samples - 1.0)), *np.mean(shares, axis=0)


@pytest.mark.parametrize(
    ("problem", "number", "samples", "effective", "of_sigma"),
    [
        # Effective reference events for each expected one, and what they add to the error of mu_hat, in units of it.
        (Gaussians(), 600, 200, 2.9, 0.20),
        (Gaussians(), 2000, 200, 9.6, 0.11),
        (Gaussians(), 6000, 200, 29.0, 0.064),
        (Gaussians(), 20_000, 60, 96.0, 0.035),
        (Gaussians(), 100_000, 40, 480.0, 0.0156),
        (Interference(), 2000, 200, 14.8, 0.16),
    ],
)
def test_the_component_is_the_scatter_over_reference_samples(problem, number, samples, effective, of_sigma):
    predicted, spread, found, error, *shares = predicted_and_found(problem, number, samples)
    assert shares == pytest.approx([effective, of_sigma], rel=0.15)
    assert (np.abs(predicted - found) < 3.5 * np.hypot(spread, error)).all(), (predicted, found)


@pytest.mark.parametrize("problem", [Gaussians(), Interference()])
def test_the_expected_curve_scatters_less_and_its_best_fit_not_at_all(problem):
    predicted, spread, found, error, *_ = predicted_and_found(problem, 2000, 200, asimov=True)
    assert found[0] < 1e-5 < 1e-3 * predicted[0]
    assert (np.abs(predicted - found) < 3.5 * np.hypot(spread, error))[1:].all(), (predicted, found)


def tilts(x):
    """Raw log ratios of the background at ±1."""
    return np.stack([0.2 * x, -0.2 * x], axis=1)


def tilted(x):
    declared = DeclaredEffects(("S", "B"), (Nuisance("tilt"),), (shape("B", "tilt", "up", "down"),))
    return MeasuredEffects(declared, np.zeros((2, 1, 2)), tilts(x).astype(np.float32))


def test_profiled_shapes_bring_the_sampling_of_their_normaliser():
    predicted, spread, found, error, *_ = predicted_and_found(Gaussians(), 2000, 100, effects=tilted, shapes=tilts)
    assert (np.abs(predicted - found) < 3.5 * np.hypot(spread, error)).all(), (predicted, found)
    plain, *_ = predicted_and_found(Gaussians(), 2000, 9)
    assert predicted[0] != pytest.approx(plain[0], rel=0.1)


def test_rows_of_one_event_are_summed_before_they_are_squared():
    """Each event twice, with half the weight, is the same sample; taken for independent it seems twice as large."""
    _, components = reference(Gaussians(), 500, np.random.default_rng(1))
    columns = np.random.default_rng(2).normal(size=(1000, 3))
    twice = np.repeat(components.weights, 2, axis=0) / 2.0
    once = components.variance(columns)
    owners = np.repeat(np.arange(1000), 2)
    np.testing.assert_allclose(Components(twice, owners).variance(np.repeat(columns, 2, axis=0)), once)
    np.testing.assert_allclose(2.0 * Components(twice).variance(np.repeat(columns, 2, axis=0)), once)


def test_a_part_of_the_events_says_the_same():
    problem = Gaussians()
    model, components = reference(problem, 20_000, np.random.default_rng(1))
    likelihood = observed(problem, model, data(problem, 8))
    curve = scan(likelihood, GRID)
    all_events = reference_error(model, likelihood, curve, components, False, events=40_000)
    part = reference_error(model, likelihood, curve, components, False, events=5_000)
    np.testing.assert_allclose(part.sigma_t, all_events.sigma_t, rtol=0.06)
    assert part.sigma_hat == pytest.approx(all_events.sigma_hat, rel=0.06)
    assert part.effective == pytest.approx(all_events.effective, rel=0.06)
    assert from_data(ReferenceError, to_data(part)).sigma_hat == part.sigma_hat


def test_a_best_fit_on_the_bound_has_a_curve_and_no_component_of_its_own():
    problem = Gaussians()
    model, components = reference(problem, 500, np.random.default_rng(1))
    likelihood = observed(problem, model, np.linspace(-3.0, 0.5, 300))
    curve = scan(likelihood, GRID)
    result = reference_error(model, likelihood, curve, components, False)
    assert curve.fit.at_bound and result.sigma_hat is None and result.of_sigma is None
    assert result.sigma_t[0] == 0.0 and (result.sigma_t[1:] > 0.0).all()
    (check,) = check_reference({"observed": result}, LEVELS)
    assert check.status == "WARN" and "bound" in check.detail


@pytest.mark.parametrize(("of_sigma", "status"), [(0.09, "PASS"), (0.2, "WARN"), (0.41, "FAIL")])
def test_the_check_says_how_many_events_are_missing(of_sigma, status):
    (check,) = check_reference({"observed": ReferenceError(GRID, GRID, 3.0, 0.1, of_sigma)}, LEVELS)
    assert check.status == status and "3 effective reference events" in check.detail
    assert ("4 times as many" in check.detail) == (of_sigma == 0.2)
    (lenient,) = check_reference({"observed": ReferenceError(GRID, GRID, 3.0, 0.1, of_sigma)}, Levels(0.5, 0.6))
    assert lenient.status == "PASS" and lenient.threshold == 0.5 and "times as many" not in lenient.detail


def test_components_of_another_reference_are_refused():
    model, components = reference(Gaussians(), 500, np.random.default_rng(1))
    likelihood = model.asimov(1.0)
    with pytest.raises(ModelError, match="do not add up"):
        reference_error(model, likelihood, scan(likelihood, GRID), Components(components.weights[1:]), True)
