import numpy as np
import pytest
from interference import BOUNDS, PROCESSES, coefficients
from simulated import simulated

from steelyard.baselines.results import AGREEMENT
from steelyard.errors import ModelError
from steelyard.model.mixture import Mixture
from steelyard.regions.binned import BinnedModel, Templates, fill_templates
from steelyard.regions.binning import bin_index
from steelyard.regions.pyhf_model import PyhfModel, pyhf_difference

EDGES = np.linspace(0, 1, 11)


def templates_of(events, edges=EDGES, overflow=True):
    index = bin_index(events.x, edges, overflow)
    return fill_templates(index, events.weights, events.mixture, len(edges) - 1)


def model_of(events):
    return BinnedModel.of(events.mixture, templates_of(events), "x")


def test_templates_are_scaled_to_the_yields():
    events = simulated(50_000)
    templates = templates_of(events)
    assert np.allclose(templates.counts.sum(axis=1), events.mixture.yields)
    inside = (events.x >= 0.3) & (events.x < 0.4)
    assert np.allclose(templates.counts[:, 3], events.weights[inside].sum(axis=0) * events.mixture.yields)
    part = templates_of(events, np.array([0.3, 0.4]))
    assert np.allclose(part.counts[:, 0], templates.counts[:, 3])


def test_variance_of_the_total_knows_that_processes_share_events():
    events = simulated(20_000)
    templates = templates_of(events)
    coefficients = events.mixture.coefficients_along(1.3)[0]
    scaled = events.weights * events.mixture.yields
    for place in (0, 9):
        inside = (events.x >= EDGES[place]) & (events.x < EDGES[place + 1])
        total = scaled[inside] @ coefficients
        assert templates.variance(coefficients)[place] == pytest.approx((total**2).sum())
        assert templates.effective_entries(coefficients)[place] == pytest.approx(total.sum() ** 2 / (total**2).sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_values_are_those_of_pyhf(seed):
    model = model_of(simulated(50_000))
    counts = np.random.default_rng(seed).poisson(model.asimov(1.5)).astype(float)
    kappa = np.linspace(*model.mixture.coordinate_bounds, 41)
    # relative, in double precision: 1e-13 is what is asked, rounding of some tens of operations gives 1e-15 each
    assert pyhf_difference(model, counts, kappa) < 1e-13
    assert pyhf_difference(model, model.asimov(0.3), kappa) < 1e-13


@pytest.mark.parametrize("events", [1e-3, 1e2, 1e6, 1e9])
def test_rounding_of_many_events_is_no_disagreement_with_pyhf(events):
    """Sums of ln n! round at 10⁻¹⁶ of themselves, up to 10⁻⁷ of -2 ln L at the most events that are allowed."""
    counts = events * np.array([[0.3, 0.4, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.3, 0.6]])
    mixture = Mixture(PROCESSES, coefficients(), counts.sum(axis=1), BOUNDS)
    model = BinnedModel(mixture, Templates(PROCESSES, counts, np.zeros((3, 4, 4))))
    assert pyhf_difference(model, counts.sum(axis=0), [0.9, 1.0, 1.1]) < AGREEMENT.warn


def test_pyhf_notices_a_wrong_template():
    model = model_of(simulated(50_000))
    wrong = model.templates.counts.copy()
    wrong[2, 4] *= 1.001
    pyhf = PyhfModel(type(model.templates)(PROCESSES, wrong, model.templates.covariance))
    coefficients = model.mixture.coefficients_along(np.array([0.0]))
    counts = model.asimov(1.0)
    right = PyhfModel(model.templates).minus_two_log_likelihood(coefficients, counts)
    assert abs(pyhf.minus_two_log_likelihood(coefficients, counts) - right)[0] > 1e-5


def test_names_that_sort_differently_keep_their_coefficients():
    # pyhf orders its parameters by name
    mixture = Mixture(("z", "y", "x", "a"), coefficients(), simulated().mixture.yields, BOUNDS)
    events = simulated(50_000)
    templates = fill_templates(bin_index(events.x, EDGES), events.weights, mixture, 10)
    model = BinnedModel.of(mixture, templates, "x")
    assert pyhf_difference(model, model.asimov(1.0), [0.3, 1.7]) < 1e-13


def test_a_bin_without_expectation_is_an_error():
    events = simulated(20_000)
    templates = templates_of(events, np.array([0.0, 0.5, 1.0, 2.0]))
    with pytest.raises(ModelError, match="baseline x: bin 3 of 3 expects 0 events"):
        BinnedModel.of(events.mixture, templates, "x")


def test_a_negative_bin_is_an_error_that_names_the_parameter():
    events = simulated(20_000)
    templates = templates_of(events)
    counts = templates.counts.copy()
    counts[2, 0] *= 4.0  # too much B where NI and SBI cannot balance it
    counts[3, 0] = 1.0
    broken = type(templates)(templates.processes, counts, templates.covariance)
    with pytest.raises(ModelError, match=r"bin 1 of 10 expects -.* at parameter 10, "):
        BinnedModel.of(events.mixture, broken, "x")


@pytest.mark.parametrize(("share", "negative"), [(0.49, False), (0.7, True)])
def test_a_bin_of_negative_weights_is_kept_if_it_fluctuates_and_refused_if_it_is_a_deficit(share, negative):
    """One process has signs in one bin: a sum near zero is noise and stays; one of −40 % of |w| is no density."""
    events = simulated(50_000)
    weights = events.weights.copy()
    place = np.flatnonzero((events.x >= 0.1) & (events.x < 0.2) & (weights[:, 3] > 0))
    weights[place[: int(share * len(place))], 3] *= -1.0
    index = bin_index(events.x, EDGES, overflow=True)
    templates = fill_templates(index, weights / weights.sum(axis=0), events.mixture, 10)
    if negative:
        with pytest.raises(ModelError, match=r"baseline x: process NI has -.* ± .* events in bin 2 of 10, a density"):
            BinnedModel.of(events.mixture, templates, "x")
        return
    assert abs(templates.counts[3, 1]) < 0.05 * templates.counts[3, 5]
    model = BinnedModel.of(events.mixture, templates, "x")
    assert pyhf_difference(model, model.asimov(1.0), [0.3, 1.7]) < 1e-6
