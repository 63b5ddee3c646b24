from dataclasses import dataclass

import numpy as np
import pytest

from steelyard.io.serialisation import from_data, from_json, to_data, to_json


@dataclass(frozen=True)
class Inner:
    segments: list[tuple[float, float]]
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    values: np.ndarray
    inner: tuple[Inner, ...]
    by_level: dict[str, Inner]
    bad: float = 0.0


def test_round_trip_through_a_file(tmp_path):
    inner = Inner([(0.0, 1.5), (2.0, 3.0)], "x")
    result = Outer(np.array([[1.0, np.inf], [np.nan, 4.0]]), (inner, Inner([])), {"0.6827": inner}, float("-inf"))
    to_json(result, tmp_path / "result.json")
    back = from_json(Outer, tmp_path / "result.json")
    np.testing.assert_array_equal(back.values, result.values)
    assert (back.inner, back.by_level, back.bad) == (result.inner, result.by_level, result.bad)


def test_absent_is_left_out():
    assert to_data(Inner([])) == {"segments": []}


def test_an_unknown_field_is_an_error():
    with pytest.raises(TypeError, match="Inner has no field colour"):
        from_data(Inner, {"segments": [], "colour": 1})
