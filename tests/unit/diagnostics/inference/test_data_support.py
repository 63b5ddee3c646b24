"""Observed events far outside the reference, and samples in other units."""

import numpy as np
import pytest

from steelyard.diagnostics.inference.data_support import CENTRAL, DataSupport, data_support, support_of
from steelyard.io.serialisation import from_json, to_json

NAMES = ("mass", "angle", "jets")


def draw(number, seed):
    """A falling mass from 200 on, an angle, and a small integer that is nearly always 2."""
    rng = np.random.default_rng(seed)
    columns = rng.exponential(80, number) + 200, rng.uniform(-1, 1, number), 2 + (rng.uniform(size=number) < 0.02)
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def support():
    features = draw(60_000, 1)
    rows = np.arange(len(features))
    return support_of([(features[:40_000], rows[:40_000:2]), (features[40_000:], rows[:20_000]), (features, rows[:0])])


def test_the_ranges_are_those_of_the_reference_events(support):
    features = draw(60_000, 1)
    used = np.concatenate([features[:40_000:2], features[40_000:]])
    np.testing.assert_array_equal(support.low, used.min(axis=0))
    np.testing.assert_array_equal(support.high, used.max(axis=0))
    np.testing.assert_allclose(support.central[:, 1], np.quantile(used[:, 1], CENTRAL), atol=0.02)


def test_ordinary_data_pass(support):
    results = [data_support(NAMES, support, draw(1_000, seed)) for seed in range(100, 300)]
    # The largest of 1,000 events exceeds the largest of 40,000 by 240 with a chance of 1/40 e^-3.
    assert sum(result.check.status != "PASS" for result in results) <= 2
    assert results[0].check.value == 0.0 and not results[0].events


@pytest.mark.parametrize(("name", "value"), [("mass", 1e9), ("mass", -999.0), ("angle", -999.0), ("jets", 1e9)])
def test_one_event_far_outside_fails_and_is_listed(support, tmp_path, name, value):
    data = draw(1_000, 5)
    data[17, NAMES.index(name)] = value
    result = data_support(NAMES, support, data)
    assert (result.check.status, result.check.value) == ("FAIL", 1.0)
    assert f"1 of 1000 events; the farthest, event 17, has {name} = {value:.6g} where the reference" in (
        result.check.detail
    )
    (event,) = result.events
    assert (event.event, event.feature, event.value) == (17, name, pytest.approx(value))
    assert event.features["angle"] == pytest.approx(float(data[17, 1]))
    assert result.outside.tolist() == [float(other == name) for other in NAMES]
    to_json(result, tmp_path / "support.json")
    assert from_json(DataSupport, tmp_path / "support.json").events == result.events


def test_an_event_a_little_outside_warns(support):
    data = draw(1_000, 5)
    data[3, 0] = support.high[0] + 1.2 * (support.central[1, 0] - support.central[0, 0])
    assert data_support(NAMES, support, data).check.status == "WARN"
    data[3, 0] = support.high[0] + 0.5 * (support.central[1, 0] - support.central[0, 0])
    assert data_support(NAMES, support, data).check.status == "PASS"


@pytest.mark.parametrize("factor", [1000.0, 1e-3])
def test_a_sample_in_other_units_is_called_that(support, factor):
    data = draw(1_000, 5)
    data[:, 0] *= factor
    result = data_support(NAMES, support, data)
    assert result.check.status == "FAIL" and set(result.shifted) == {"mass"}
    assert "a matter of units, or of another definition: mass has the median" in result.check.detail
    ratio = float(result.check.detail.rsplit("a factor of ", 1)[1])
    assert ratio == pytest.approx(factor, rel=0.1)  # the error of a median of 1,000 events is 4 % of its width


def test_everything_in_other_units(support):
    result = data_support(NAMES, support, 1000.0 * draw(1_000, 5))
    assert {"mass", "jets"} <= set(result.shifted) and "units" in result.check.detail


def test_no_event_and_few_events_pass(support):
    nothing = data_support(NAMES, support, np.empty((0, 3), dtype=np.float32))
    assert (nothing.check.status, nothing.check.detail) == ("PASS", "no observed event")
    assert data_support(NAMES, support, draw(1, 7)).check.status == "PASS"


def test_a_feature_with_one_value_in_the_reference():
    features = np.ones((100, 1), dtype=np.float32)
    support = support_of([(features, np.arange(100))])
    assert data_support(["flag"], support, np.ones((3, 1))).check.status == "PASS"
    assert data_support(["flag"], support, np.zeros((1, 1))).check.status == "FAIL"
