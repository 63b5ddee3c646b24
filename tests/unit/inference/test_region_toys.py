"""Expected data and pseudo-experiments of two regions with common parameters."""

import numpy as np
import pytest
import two_regions
from scipy.stats import chi2, kstest

from steelyard.errors import ModelError
from steelyard.inference.fit import fit
from steelyard.inference.region_toys import expected_data, expected_events, throw_regions

POINT = {"mu": 1.2, "k": 0.9, "norm": 0.5}
TOYS = 400


@pytest.fixture(scope="module")
def analysis():
    return two_regions.model()


@pytest.fixture(scope="module")
def thrown(analysis):
    return throw_regions(*analysis, POINT, TOYS, seed=1)


def test_expected_events_are_those_of_the_model(analysis):
    model, references = analysis
    expected = expected_events(model, references, POINT)
    for events, region in zip(expected, model.regions, strict=True):
        assert events.sum() == pytest.approx(model.expected(POINT)[region.name].sum(), rel=1e-12)


def test_the_fit_of_expected_data_gives_their_point_back(analysis):
    found = fit(expected_data(*analysis, POINT))
    assert found.hat == pytest.approx(1.2, abs=1e-4)
    assert found.theta == pytest.approx((0.9,), abs=1e-4)
    assert found.alpha == pytest.approx((0.5,), abs=1e-4)


def test_regions_are_drawn_with_their_own_numbers_and_common_observables(analysis, thrown):
    model = analysis[0]
    events, counts = thrown.regions
    expected = {name: values.sum() for name, values in model.expected(POINT).items()}
    numbers = np.diff(events.offsets)
    assert numbers.mean() == pytest.approx(expected["signal"], abs=4.0 * np.sqrt(expected["signal"] / TOYS))
    totals = counts.events.weights.reshape(TOYS, 3).sum(axis=1)
    assert totals.mean() == pytest.approx(expected["control"], abs=4.0 * np.sqrt(expected["control"] / TOYS))
    assert abs(np.corrcoef(numbers, totals)[0, 1]) < 4.0 / np.sqrt(TOYS)
    assert thrown.global_observables.mean() == pytest.approx(0.5, abs=4.0 / np.sqrt(TOYS))
    assert counts.auxiliary.std(axis=0) == pytest.approx([0.02, 0.02, 0.05], rel=4.0 / np.sqrt(2 * TOYS))


def test_another_region_changes_no_numbers_of_the_first(analysis, thrown):
    model, references = analysis
    alone = throw_regions(type(model)(model.regions[:1]), references[:1], POINT, TOYS, seed=1)
    np.testing.assert_array_equal(alone.regions[0].rows, thrown.regions[0].rows)


@pytest.mark.parametrize(("parameter", "value"), [("mu", 1.2), ("k", 0.9)])
def test_t_at_the_truth_is_a_chi_square(analysis, thrown, parameter, value):
    fits = thrown.fit(analysis[0], value, parameter=parameter)
    assert set(fits.status.tolist()) <= {0, 1}
    # The Kolmogorov-Smirnov statistic of 400 numbers from the right distribution is below 0.08 in 99 % of cases.
    assert kstest(fits.t, chi2(1).cdf).statistic < 0.08


def test_negative_densities_and_missing_references_are_errors(analysis):
    model, references = analysis
    with pytest.raises(ModelError, match="region signal needs its reference events"):
        expected_events(model, [None, None], POINT)
    with pytest.raises(ModelError, match="no parameter 'nu'"):
        expected_events(model, references, {"nu": 1.0})
