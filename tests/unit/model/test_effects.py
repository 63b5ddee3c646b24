from dataclasses import replace

import numpy as np
import pytest
from interference_effects import inputs

from steelyard.errors import ModelError
from steelyard.model.effects import Normaliser, Nuisance, Systematics, from_arrays, to_arrays


@pytest.fixture(scope="module")
def systematics():
    return inputs(500).build().systematics


def test_a_point_takes_nominal_values_where_none_is_given(systematics):
    np.testing.assert_array_equal(systematics.point(), [0.0, 0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(systematics.point({"angle": -2.0}), [0.0, 0.0, -2.0, 0.0, 1.0])
    np.testing.assert_array_equal(systematics.point([1, 2, 3, 4, 5]), [1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"sclae": 1.0}, "no nuisance parameter 'sclae': did you mean 'scale'"),
        ([1.0, 2.0], r"found an array of shape \(2,\)"),
        ({"scale": np.nan}, "one finite value for each"),
    ],
)
def test_what_is_no_point_is_an_error(systematics, point, message):
    with pytest.raises(ModelError, match=message):
        systematics.point(point)


def test_round_trip_through_a_file(systematics, tmp_path):
    np.savez(tmp_path / "systematics.npz", **to_arrays(systematics))
    with np.load(tmp_path / "systematics.npz") as file:
        back = from_arrays(file)
    assert back.nuisances == systematics.nuisances
    for name in ("log_yields", "factors", "terms"):
        found, expected = getattr(back, name), getattr(systematics, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for name in ("knots", "table", "pairs", "pair_factors", "directions", "cumulants"):
        np.testing.assert_array_equal(getattr(back.normaliser, name), getattr(systematics.normaliser, name))


def test_round_trip_of_nothing(tmp_path):
    np.savez(tmp_path / "none.npz", **to_arrays(Systematics.none(3)))
    with np.load(tmp_path / "none.npz") as file:
        back = from_arrays(file)
    assert len(back) == 0 and back.log_yields.shape == (3, 0, 2) and back.bounds.shape == (0, 2)
    assert back.point().shape == (0,)


def changed(systematics, name, value):
    array = getattr(systematics, name).copy()
    array[value[0]] = value[1]
    return {name: array}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"nuisances": (s.nuisances[0], *s.nuisances[:-1])}, "same name: lumi, lumi, scale"),
        (lambda s: {"log_yields": s.log_yields[:, :3]}, r"log_yields must be finite and of shape \(4, 5, 2\)"),
        (lambda s: changed(s, "log_yields", ((0, 0, 0), np.inf)), "log_yields must be finite"),
        (lambda s: changed(s, "log_yields", ((0, 4, 0), 0.1)), "interpolation is 'linear'"),
        (lambda s: changed(s, "factors", ((0, 0), True)), "interpolation is 'linear'"),
        (lambda s: {"factors": s.factors.astype(float)}, "factors must be a mask"),
        (lambda s: {"terms": s.terms[::-1]}, "terms must be sorted"),
        (lambda s: {"terms": s.terms[[0, 0, 1, 2, 3]]}, "terms must be sorted"),
        (lambda s: changed(s, "terms", ((4, 0), 4)), "one of 4 processes"),
        (lambda s: changed(s, "terms", ((4, 1), 4)), "'linear' nuisance parameter has no shape"),
        (lambda s: {"normaliser": Normaliser.none(4)}, "normaliser has 4 terms where there are 5"),
    ],
)
def test_what_does_not_fit_together_is_an_error(systematics, change, message):
    with pytest.raises(ModelError, match=message):
        changes = change(systematics)
        if "nuisances" in changes:
            replace(systematics, **changes)
        else:
            systematics.with_effects(**changes)


@pytest.mark.parametrize(
    ("nuisance", "message"),
    [
        (
            Nuisance("scale", bounds=(1.0, 5.0)),
            r"scale: its nominal value 0 must lie within finite bounds, found \[1, 5",
        ),
        (Nuisance("scale", bounds=(-np.inf, 5.0)), "finite bounds"),
        (Nuisance("scale", constraint="possion"), "scale: there is no constraint 'possion': did you mean 'poisson'"),
        (Nuisance("scale", interpolation="code1"), "scale: interpolation 'code1': did you mean 'code4'"),
    ],
)
def test_a_nuisance_parameter_that_cannot_be_is_an_error(systematics, nuisance, message):
    with pytest.raises(ModelError, match=message):
        replace(systematics, nuisances=(systematics.nuisances[0], nuisance, *systematics.nuisances[2:]))
