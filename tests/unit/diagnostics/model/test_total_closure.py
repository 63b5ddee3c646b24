import numpy as np
import pytest
from simulated import simulated

from steelyard.diagnostics.closure import bin_columns
from steelyard.diagnostics.model.total_closure import total_closure
from steelyard.errors import ModelError

MU = np.linspace(0, 3, 13)
SBI, B, NI = 1, 2, 3


def run(events, log_r, threshold=0.1, weights=None):
    columns = bin_columns(["x", "y"], [events.x, events.y], events.reference)
    mixture = events.mixture
    coefficients = mixture.coefficients_along(mixture.to_coordinate(MU))
    weights = events.weights if weights is None else weights
    return total_closure(columns, weights, events.reference, log_r, mixture.yields, MU, coefficients, threshold)


def damaged(events, column, shift):
    log_r = events.log_r.copy()
    log_r[:, column] += shift
    return log_r


def test_exact_ratios_close_at_every_value():
    events = simulated()
    result = run(events, events.log_r)
    assert result.check.status == "PASS"
    for column in result.columns:
        assert column.deviation.shape == MU.shape
        assert column.expected.sum() == pytest.approx(column.model.sum())
        pull = (column.model - column.expected) / column.error
        assert (pull**2).sum() < 20 + 5 * np.sqrt(40)


def test_the_total_is_that_of_the_mixture():
    events = simulated()
    column = run(events, events.log_r).columns[0]
    nu = float(events.mixture.total(events.mixture.to_coordinate(column.worst))[0])
    assert column.expected.sum() == pytest.approx(nu)


def test_a_ratio_two_per_cent_off_is_normalised_away():
    events = simulated()
    plain, scaled = run(events, events.log_r), run(events, damaged(events, NI, np.log(1.02)))
    assert scaled.check.value == pytest.approx(plain.check.value)


@pytest.mark.parametrize(("column", "tilt"), [(SBI, 0.3), (B, 1.0), (NI, 0.3)])
def test_a_tilt_fails(column, tilt):
    events = simulated()
    result = run(events, damaged(events, column, tilt * events.x))
    assert result.check.status == "FAIL" and ": x at" in result.check.detail


def test_the_size_is_in_poisson_errors_of_a_bin():
    events = simulated()
    tilt = 0.3 * events.x
    column = run(events, damaged(events, NI, tilt)).columns[0]
    x = (np.arange(20_000) + 0.5) / 20_000
    factor = np.exp(0.3 * x)
    factor /= factor.mean()  # NI is flat in x
    bins = np.clip(np.searchsorted(column.edges, x) - 1, 0, 19)
    shift = events.mixture.yields[NI] * np.bincount(bins, factor - 1, minlength=20) / len(x)
    expected = np.sqrt(np.mean(shift**2 / column.expected))
    place = int(np.argmin(np.abs(MU - column.worst)))
    assert column.deviation[place] == pytest.approx(expected, rel=0.05)


def test_swapped_ratios_fail():
    events = simulated()
    assert run(events, events.log_r[:, [0, 2, 1, 3]]).check.status == "FAIL"


def test_a_fault_counts_where_its_coefficient_does():
    events = simulated()
    deviation = run(events, damaged(events, SBI, 0.5 * events.x)).columns[0].deviation
    assert deviation[0] < 0.01 and np.all(np.diff(deviation[1:]) > 0)  # sqrt(mu) is 0 at 0
    log_r = damaged(events, SBI, 0.5 * events.x)
    log_r[:, B] += 0.5 * events.x  # -0.73 B against 1.73 SBI at mu = 3: the same fault in both cancels in part
    assert run(events, log_r).columns[0].deviation[-1] < 0.9 * deviation[-1]


def test_the_error_is_that_of_a_bootstrap():
    events = simulated(20_000, 4)
    column = run(events, events.log_r).columns[0]
    rng = np.random.default_rng(5)
    coefficients = events.mixture.coefficients_along(events.mixture.to_coordinate(column.worst))[0]
    index = np.clip(np.searchsorted(column.edges, events.x, side="right") - 1, 0, len(column.edges) - 2)
    differences = []
    for _ in range(200):
        counts = rng.poisson(1.0, size=len(events.x))
        weights = events.weights * counts[:, None]
        weights /= weights.sum(axis=0)
        reference = weights.mean(axis=1)
        model = reference[:, None] * np.exp(events.log_r)
        per_event = ((model / model.sum(axis=0) - weights) * events.mixture.yields) @ coefficients
        differences.append(np.bincount(index, per_event))
    ratio = np.std(differences, axis=0) / column.error
    # relative error of a spread from 200 values is 5 %; 20 bins
    assert np.abs(ratio - 1).max() < 4 * 0.05


def test_a_negative_total_is_an_error():
    events = simulated(20_000)
    weights = events.weights.copy()
    upper = (events.x > 0.8) & (weights[:, NI] > 0)
    weights[upper, NI] *= -1.0
    with pytest.raises(ModelError, match="events expected at parameter"):
        run(events, events.log_r, weights=weights)
