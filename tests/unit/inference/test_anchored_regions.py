"""Several regions whose normalisers are joint expectations: fits and scans against the likelihood by its formula."""

import numpy as np
import pytest
from scipy.optimize import minimize
from several_regions import (
    at_coordinates,
    intensities,
    joint_log_normaliser,
    mixture_of,
    normaliser_of,
    systematics_of,
)

from steelyard.inference.fit import fit, scan
from steelyard.inference.impacts import impacts
from steelyard.likelihood.integration import Integration
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Normaliser, Nuisance
from steelyard.model.model import Model
from steelyard.model.region import UnbinnedRegion

FIRST, SECOND, NORM = Nuisance("first"), Nuisance("second", interpolation="exponential"), Nuisance("norm")
TRUTH = {"mu": 1.2, "first": 1.6, "second": 1.4, "norm": 0.5}


def region(name: str, order: tuple[Nuisance, ...], sign: float) -> tuple[UnbinnedRegion, np.ndarray, np.ndarray]:
    """With two shapes in common on each of two processes, and no pair factors: the form knows nothing of them."""
    x = (np.arange(1200) + 0.5) / 1200
    densities = np.stack([3.0 * x**2, np.full_like(x, 1.0)], axis=1)
    mixture = mixture_of(("sqrt(mu)", "1"), np.array([150.0, 500.0]), {"mu": (1.0, 0.0, 4.0)})
    names = [nuisance.name for nuisance in order]
    pairs = sorted(((c, k) for c in range(2) for k in ("first", "second")), key=lambda p: (p[0], names.index(p[1])))
    sizes = {"first": 0.12 * np.cos(np.pi * x), "second": 0.1 * np.cos(np.pi * x) + 0.03 * sign * x}
    log_g = np.stack([np.stack([sizes[k] * (1.0 - 0.3 * c), -0.9 * sizes[k]], axis=1) for c, k in pairs], axis=1)
    norms = {"norm": [[0.05, -0.05], [-0.02, 0.03]], "first": sign * np.array([[0.03, -0.02], [0.02, -0.02]])}
    systematics = systematics_of(2, order, {k: v for k, v in norms.items() if k in names}, shapes=pairs)
    for t, (c, _) in enumerate(pairs):
        log_g[:, t] -= np.log(densities[:, c] @ np.exp(log_g[:, t]) / densities[:, c].sum())
    exact = normaliser_of(systematics, log_g, densities)
    alone = Normaliser(exact.knots, exact.table, np.zeros((0, 2), dtype=np.int64), np.zeros((0, 2, 2)))
    own = UnbinnedRegion(name, mixture, systematics.with_effects(normaliser=alone))
    return own, densities * mixture.yields, log_g.astype(np.float32)


def analysis() -> tuple[Likelihood, dict]:
    """Expected events of both regions at the truth, and the normalisers by their definition."""
    regions, events, integrations, normalisers = [], [], [], {}
    for name, order, sign in (("one", (FIRST, SECOND), 1.0), ("two", (NORM, SECOND, FIRST), -1.0)):
        own, rows, log_g = region(name, order, sign)
        weights = np.full(len(rows), 1.0 / len(rows))
        normalisers[name] = joint_log_normaliser(own.systematics, rows, log_g)
        seen = RegionEvents(rows, None, log_g)
        expected = intensities(own, seen, TRUTH, normalisers[name])[0].real
        regions.append(own)
        events.append(RegionEvents(rows, weights * expected, log_g))
        integrations.append(Integration(own.mixture, own.systematics, rows, log_g, weights))
    model = Model(tuple(regions))
    observed = np.array([{"first": 1.3, "second": 1.8, "norm": 0.0}[nuisance.name] for nuisance in model.nuisances])
    return Likelihood(model, tuple(events), observed, integrations=tuple(integrations)), normalisers


def lowest(likelihood: Likelihood, normalisers: dict, mu: float | None = None) -> tuple[float, np.ndarray]:
    """The least -2 ln L by the formula, and where in the coordinates."""
    parameters = likelihood.parameters

    def function(place: np.ndarray) -> tuple[float, np.ndarray]:
        values = [at_coordinates(likelihood, place + step, normalisers) for step in 1e-30j * np.eye(len(place))]
        return complex(values[0]).real, np.array([complex(value).imag for value in values]) / 1e-30

    start = parameters.to_coordinates(parameters.point(TRUTH))
    bounds = np.array([parameter.to_coordinate(parameter.bounds) for parameter in parameters])
    if mu is not None:
        bounds[0] = start[0] = np.sqrt(mu)
    options = {"ftol": 1e-14, "gtol": 1e-5}
    found = minimize(function, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return float(found.fun), found.x


@pytest.fixture(scope="module")
def both() -> tuple[Likelihood, dict]:
    return analysis()


def test_form_and_expectation_differ_in_both_regions(both):
    likelihood, normalisers = both
    for own, events in zip(likelihood.model.regions, likelihood.integrations, strict=True):
        alpha = np.array([TRUTH[name] for name in own.systematics.names])
        found = events.log_normaliser(alpha[None])[0]
        assert found == pytest.approx(normalisers[own.name](alpha).real, abs=1e-6)
        form = at_coordinates(likelihood, likelihood.parameters.to_coordinates(likelihood.parameters.point(TRUTH)))
    place = likelihood.parameters.to_coordinates(likelihood.parameters.point(TRUTH))
    assert abs(form - at_coordinates(likelihood, place, normalisers)) > 1.0


def test_fit_and_scan_are_those_of_the_joint_expectation(both):
    likelihood, normalisers = both
    best, place = lowest(likelihood, normalisers)
    found = fit(likelihood)
    assert found.minimum == pytest.approx(best, abs=2e-3)
    values = likelihood.parameters.to_parameters(place)
    shifts = [found.hat - values[0], *(np.array(found.alpha) - values[1:])]
    assert np.abs(np.array(shifts) / found.errors).max() < 0.03  # an estimated distance of 1e-3
    mu = np.array([0.3, 1.0, 2.5])
    profile = scan(likelihood, mu)
    for value, t in zip(mu, profile.t, strict=True):
        assert profile.fit.minimum + t == pytest.approx(lowest(likelihood, normalisers, value)[0], abs=5e-3)
    at_zero = lowest(likelihood, normalisers, 0.0)[0] - best
    assert profile.t_lower_bound == pytest.approx(at_zero, abs=5e-3)


def test_impacts_are_refits_with_the_joint_expectation(both):
    likelihood, normalisers = both
    centre = fit(likelihood)
    found = {impact.name: impact for impact in impacts(likelihood, centre).impacts}
    moved = likelihood.global_observables + np.array([0.0, 1.0, 0.0])
    name = likelihood.model.nuisances[1].name
    other = Likelihood(likelihood.model, likelihood.events, moved, integrations=likelihood.integrations)
    shift = likelihood.parameters.to_parameters(lowest(other, normalisers)[1])[0]
    shift -= likelihood.parameters.to_parameters(lowest(likelihood, normalisers)[1])[0]
    assert found[name].up == pytest.approx(shift, abs=0.05 * centre.uncertainty)
