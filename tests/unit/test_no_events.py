"""Observed data without a single event: every stage that gets them gives the answer that zero events have.

Without events -2 ln L is twice the expected number, and with nuisance parameters the squares of their pulls.
"""

import numpy as np
import pytest
import torch
from gaussians import HELD_OUT
from interference import model, rate_densities
from interference_effects import inputs

from steelyard.baselines.analyses import discriminant_baseline, fixed_baseline, parameterised_baseline
from steelyard.baselines.results import BaselineInput
from steelyard.data.reference_events import load_scores
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.inference.data_comparison import compare_data
from steelyard.inference.fit import Scan, fit, scan
from steelyard.inference.impacts import impacts
from steelyard.inference.toy_fits import Status, fit_toys
from steelyard.io.serialisation import from_json, to_json
from steelyard.plots.data_comparison import data_comparison
from steelyard.plots.labels import Labels
from steelyard.plots.style import save
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.ensembles import combine
from steelyard.ratios.evaluation import evaluate_sample, evaluate_variations
from steelyard.ratios.members import Member
from steelyard.ratios.network import Network

MU = np.linspace(0.0, 3.0, 13)
NOTHING = np.empty((0, 4))


@pytest.fixture(scope="module")
def nuisances():
    return inputs(2_000).build()


def expected_minimum(model):
    """Twice the smallest rate, by a fine grid."""
    return 2.0 * model.mixture.total(np.linspace(*model.mixture.coordinate_bounds, 200_001)).min()


@pytest.mark.parametrize("is_observed", [True, False])
def test_networks_judge_no_event(is_observed):
    empty = Sample(
        SampleInfo("observed", (), ("x", "y"), (), 0, 0, {}, {}, {}, ()),
        *(np.empty((0, columns), dtype=np.float32) for columns in (2, 0)),
        np.empty((0, 0)),
        np.empty(0, dtype=np.uint64),
    )
    network = Network(2, Design.of(hidden=[8]), generator=torch.Generator().manual_seed(0))
    made = "S", 0, ("x", "y"), network.architecture(), network.state_dict(), HELD_OUT, {}, {}, False, 1, {}, ""
    ensemble = combine([Member(*made)], "ratio", HELD_OUT)
    scores = evaluate_sample(ensemble, empty, HELD_OUT, is_observed)
    assert scores.unseen.shape == scores.seen.shape == (0,)
    assert evaluate_variations([ensemble, ensemble], empty, HELD_OUT, is_observed).shape == (0, 2)


def test_rates_and_shapes_of_no_event(tmp_path, nuisances):
    for name in "abcd":
        np.save(tmp_path / f"{name}.npy", np.empty(0, dtype=np.float32))
    (scores,) = load_scores([str(tmp_path / f"{name}.npy") for name in "abcd"], 1)
    assert nuisances.event_intensities(scores).shape == (0, 4)
    raw = np.empty((0, len(nuisances.raw_g.variations)))
    assert nuisances.event_shapes(raw).shape == (0, len(nuisances.systematics.terms), 2)


def test_the_scan_is_twice_the_difference_of_the_rates(interference, tmp_path):
    result = scan(interference.observed(NOTHING), MU)
    lowest = expected_minimum(interference)
    rate = 2.0 * interference.mixture.total(interference.mixture.to_coordinate(MU))
    np.testing.assert_allclose(result.t, rate - lowest, atol=1e-6)
    assert result.fit.valid and result.fit.minimum == pytest.approx(lowest, abs=1e-6)
    to_json(result, tmp_path / "scan.json")
    np.testing.assert_array_equal(from_json(Scan, tmp_path / "scan.json").t, result.t)


def test_fits_scans_and_impacts_with_nuisance_parameters(nuisances):
    data = nuisances.observed(NOTHING, np.empty((0, len(nuisances.systematics.terms), 2), dtype=np.float32))
    best, along = fit(data), scan(data, MU)
    assert best.valid and best.minimum < expected_minimum(nuisances)  # fewer events are expected at a price
    assert along.fit.minimum == pytest.approx(best.minimum, abs=1e-5)
    assert np.all(np.isfinite(along.t)) and along.not_converged == 0
    for place in (2, 8):
        fixed = fit(data, {"mu": MU[place]})
        assert along.t[place] == pytest.approx(fixed.minimum - best.minimum, abs=1e-4)
    found = impacts(data, best)
    assert all(np.isfinite(impact.pull) for impact in found.impacts)


def test_toys_without_events_with_nuisance_parameters(nuisances):
    systematics = nuisances.systematics
    log_g = np.empty((0, len(systematics.terms), 2), dtype=np.float32)
    observed = np.tile(systematics.nominal, (2, 1))
    fits = fit_toys(nuisances.mixture, NOTHING, np.zeros(3, dtype=int), 1.0, systematics, log_g, observed)
    data = nuisances.observed(NOTHING, log_g)
    assert (fits.status <= Status.AT_BOUND).all()
    np.testing.assert_allclose(fits.t, scan(data, [1.0]).t[0], atol=1e-4)


@pytest.mark.parametrize("kind", ["observable", "discriminant", "parameterised"])
def test_histograms_without_entries(kind):
    analysis, x = model(2_000), (np.arange(2_000) + 0.5) / 2_000
    densities = rate_densities(x)
    given = BaselineInput(analysis.mixture, densities / densities.sum(axis=0), analysis.weights, MU, (0.68,), 1.0, None)
    if kind == "observable":
        result = fixed_baseline("x", kind, "x", given, x, 10, np.empty(0))
    elif kind == "discriminant":
        result = discriminant_baseline("d", given, analysis.intensities, "S", "B", 10, NOTHING)
    else:
        result = parameterised_baseline("p", given, analysis.intensities, 10, NOTHING)
    assert result.observed.counts.tolist() == [0.0] * 10
    mixture = analysis.mixture
    rate = 2.0 * mixture.total(mixture.to_coordinate(MU))
    np.testing.assert_allclose(result.observed.t, rate - expected_minimum(analysis), atol=1e-3)


def test_the_comparison_with_no_data_says_so(tmp_path, interference):
    mixture = interference.mixture
    coefficients = mixture.coefficients_along(mixture.to_coordinate(1.0))[0]
    result = compare_data(1.0, coefficients, interference.intensities, interference.weights, NOTHING)
    assert result.observed.sum() == 0.0
    assert result.expected.sum() == pytest.approx(mixture.total(1.0)[0], rel=1e-9)
    # Twice the expected events of every bin, less the part of their variance that is the simulation's.
    room = result.expected / (result.expected + result.error**2)
    assert result.deviance == pytest.approx(2.0 * room @ result.expected, rel=1e-9)
    assert "no observed event" in result.check.detail
    save(data_comparison(result, Labels("mu")), tmp_path / "data.png")
