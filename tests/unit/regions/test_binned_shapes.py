"""Templates under nuisance parameters: at ±1 exactly the varied ones, and what pyhf says of them."""

import numpy as np
import pytest
from scipy.special import gammaln

from steelyard.errors import ModelError
from steelyard.inference.fit import fit
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.regions.binned import BinnedModel, Varied, fill_templates
from steelyard.regions.binning import bin_index
from steelyard.regions.pyhf_model import PyhfModel, pyhf_difference, response

EDGES = np.array([0.1, 0.3, 0.5, 0.7, 0.95])
YIELDS = np.array([50.0, 400.0])


@pytest.fixture(scope="module")
def simulated():
    """Uniform background and linear signal; one shape on the signal, one on both, a yield effect on the background."""
    rng = np.random.default_rng(5)
    x = rng.uniform(size=20_000)
    densities = np.stack([2.0 * x, np.ones_like(x)], axis=1)
    densities /= densities.sum(axis=0)
    terms = np.array([[0, 0], [0, 1], [1, 1]])
    slopes = np.array([[0.10, -0.07], [0.05, -0.05], [0.08, -0.09]])
    log_g = (x[:, None, None] * slopes).astype(np.float32)
    for term, (process, _) in enumerate(terms):  # normalised, as a model's are
        log_g[:, term] -= np.log(densities[:, process] @ np.exp(log_g[:, term], dtype=float))
    log_yields = np.zeros((2, 2, 2))
    log_yields[1, 1] = np.log([1.05, 0.96])
    systematics = Systematics.of((Nuisance("tilt"), Nuisance("scale")), log_yields, np.zeros((2, 2), dtype=bool), terms)
    mixture = Mixture(("s", "b"), Coefficients(["mu"], ["mu", "1"], {"mu": 1.0}), YIELDS, (0.0, 5.0))
    return x, densities, mixture, Varied(systematics, log_g)


@pytest.fixture(scope="module")
def model(simulated):
    x, densities, mixture, varied = simulated
    templates = fill_templates(bin_index(x, EDGES, overflow=True), densities, mixture, len(EDGES) - 1, varied)
    return BinnedModel.of(mixture, templates, "x")


@pytest.mark.parametrize(("process", "nuisance", "term"), [(0, 0, 0), (0, 1, 1), (1, 1, 2)])
@pytest.mark.parametrize("side", [0, 1])
def test_yield_and_shape_give_the_varied_template(simulated, model, process, nuisance, term, side):
    x, densities, _, varied = simulated
    weights = densities[:, process] * np.exp(varied.log_g[:, term, side], dtype=float) * YIELDS[process]
    expected = np.histogram(x, EDGES, weights=weights)[0] * np.exp(
        varied.systematics.log_yields[process, nuisance, side]
    )
    found = model.templates.counts[process] * np.exp(response(model.templates, process, nuisance, side))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_process_that_a_parameter_leaves_alone_does_not_change(model):
    np.testing.assert_array_equal(response(model.templates, 1, 0, 0), 0.0)


def test_pyhf_agrees_at_nominal_at_each_variation_and_with_all_moved(model):
    # float32 log g: 1e-7 of an expectation, which enters by n - lambda
    assert pyhf_difference(model, model.asimov(0.4), [0.3, 1.7]) < 1e-7


def test_pyhf_fits_the_same_minimum(model):
    """Its -2 ln L with the constraints added, minimised by Minuit in (mu, alpha): minimum and best fit are ours."""
    from iminuit import Minuit

    counts = np.random.default_rng(8).poisson(1.3 * model.asimov(1.0)).astype(float)
    theirs, names, mixture = PyhfModel(model.templates), model.templates.systematics.names, model.mixture

    def function(place):
        alpha = dict(zip(names, place[1:], strict=True))
        coefficients = mixture.coefficients_along(mixture.to_coordinate(place[0]))
        return theirs.minus_two_log_likelihood(coefficients, counts, alpha)[0] + place[1:] @ place[1:]

    minuit = Minuit(function, np.array([1.0, 0.0, 0.0]))
    minuit.limits[0] = (1e-3, 5.0)
    minuit.errordef = 1.0
    minuit.migrad()
    ours = fit(model.likelihood(counts))
    constant = 2.0 * gammaln(counts + 1.0).sum()
    assert ours.minimum + constant == pytest.approx(minuit.fval, rel=1e-6)
    assert ours.hat == pytest.approx(minuit.values[0], abs=0.01 * ours.uncertainty)
    np.testing.assert_allclose(ours.alpha, minuit.values[1:], atol=0.01)


def test_an_empty_varied_template_is_an_error(simulated):
    x, densities, mixture, varied = simulated
    broken = densities.copy()
    inside = (x > EDGES[1]) & (x < EDGES[2])
    broken[inside, 0] = np.where(np.arange(inside.sum()) % 2, 1.5, -1.0) * 1e-4
    log_g = varied.log_g.copy()
    log_g[inside, 0, 0] = np.where(np.arange(inside.sum()) % 2, -1.0, 1.0)
    with pytest.raises(ModelError, match=r"template of the systematic tilt is -.* bin 2"):
        fill_templates(bin_index(x, EDGES, overflow=True), broken, mixture, 4, Varied(varied.systematics, log_g))


def test_a_bin_that_negative_weights_leave_next_to_nothing_in_is_left_alone(simulated):
    x, densities, mixture, varied = simulated
    cancelling = densities.copy()
    inside = (x > EDGES[1]) & (x < EDGES[2])
    cancelling[inside, 0] = np.where(np.arange(inside.sum()) % 2, 1.001, -1.0) * 1e-4
    index = bin_index(x, EDGES, overflow=True)
    plain = fill_templates(index, densities, mixture, 4, varied)
    templates = fill_templates(index, cancelling, mixture, 4, varied)
    (term,) = [t for t, (process, _) in enumerate(varied.systematics.terms) if process == 0][:1]
    assert np.isfinite(templates.shapes).all() and not templates.shapes[1, term].any()
    np.testing.assert_allclose(templates.shapes[2:, term], plain.shapes[2:, term], rtol=1e-6)
