"""Parameters in one vector: order, coordinates, and what several regions declare of them."""

import numpy as np
import pytest
from several_regions import mixture_of, systematics_of

from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.effects import Nuisance, Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.parameters import Coordinate, Parameter, ParameterSet
from steelyard.model.region import UnbinnedRegion

ROOT = Coordinate("kappa", 2, 0.5)


def test_vectors_have_one_order_and_points_are_complete():
    parameters = ParameterSet(
        (
            Parameter("mu", "of_interest", 1.0, (0.5, 9.0), coordinate=ROOT),
            Parameter("norm", "free", 1.0, (0.0, 5.0)),
            Parameter("scale"),
        )
    )
    assert parameters.names == ("mu", "norm", "scale")
    assert parameters.of_interest == ("mu",)
    assert parameters.point({"scale": -0.3}) == pytest.approx([1.0, 1.0, -0.3])
    with pytest.raises(ModelError, match="'sclae'"):
        parameters.point({"sclae": 1.0})
    for values in ([1.0, 2.0], [1.0, 2.0, np.nan]):
        with pytest.raises(ModelError, match="mu, norm, scale"):
            parameters.point(values)


def test_coordinates_and_back_and_their_slopes():
    parameters = ParameterSet((Parameter("mu", "of_interest", 1.0, (0.5, 9.0), coordinate=ROOT), Parameter("scale")))
    points = np.array([[0.5, 0.0], [0.75, -1.0], [4.5, 2.0]])
    coordinates = parameters.to_coordinates(points)
    assert coordinates == pytest.approx(np.array([[0.0, 0.0], [0.5, -1.0], [2.0, 2.0]]))
    assert parameters.to_parameters(coordinates) == pytest.approx(points)
    assert parameters.slopes(coordinates[2]) == pytest.approx([4.0, 1.0])
    with pytest.raises(ModelError, match=r"below its lower bound 0\.5"):
        parameters.to_coordinates([0.4, 0.0])


def test_parameters_of_interest_come_first_and_no_name_twice():
    one, two = Parameter("mu", "of_interest", 1.0, (0.0, 5.0)), Parameter("norm", "free", 1.0, (0.0, 5.0))
    with pytest.raises(ModelError, match="come first"):
        ParameterSet((two, one))
    with pytest.raises(ModelError, match="same name"):
        ParameterSet((one, one))
    with pytest.raises(ModelError, match="within finite bounds"):
        Parameter("mu", "of_interest", 1.0, (2.0, 5.0))


def regions(first: Mixture, second: Mixture, *, effects: tuple[Systematics, ...] = ()) -> Model:
    """A model of two."""
    own = effects or tuple(Systematics.none(len(mixture.processes)) for mixture in (first, second))
    pairs = zip(("one", "two"), (first, second), own, strict=True)
    return Model(tuple(UnbinnedRegion(name, mixture, effect) for name, mixture, effect in pairs))


def test_regions_share_coefficients_coordinates_and_rows():
    first = mixture_of(("mu", "1"), np.array([10.0, 20.0]), {"mu": (1.0, 0.0, 5.0)})
    second = mixture_of(("free", "sqrt(mu)", "1"), np.ones(3), {"mu": (1.0, 0.0, 5.0), "free": (2.0, 0.0, 5.0)}, 1)
    model = regions(first, second)
    assert model.parameters.names == ("mu", "free")
    assert [parameter.role for parameter in model.theta] == ["of_interest", "free"]
    # The root of the second region makes the coordinate of both.
    assert [parameter.coordinate.power for parameter in model.theta] == [2, 1]
    assert model.coefficients.expressions == ("mu", "1", "free", "sqrt(mu)")
    assert model.rows.tolist() == [0, 1, 2, 3, 1]
    expected = model.expected({"mu": 2.25, "free": 0.4})
    assert expected["one"] == pytest.approx([22.5, 20.0])
    assert expected["two"] == pytest.approx([0.4, 1.5, 1.0])
    # The order of the regions is of no importance for the roles.
    assert regions(second, first).parameters.names == ("mu", "free")


def test_parameters_of_one_name_are_declared_alike():
    first = mixture_of(("mu",), np.ones(1), {"mu": (1.0, 0.0, 5.0)})
    other = mixture_of(("mu",), np.ones(1), {"mu": (1.0, 0.0, 6.0)})
    with pytest.raises(ModelError, match="region two declares"):
        regions(first, other)
    narrow, wide = Nuisance("norm"), Nuisance("norm", scale=2.0)
    with pytest.raises(ModelError, match="region two declares"):
        regions(first, first, effects=(systematics_of(1, (narrow,)), systematics_of(1, (wide,))))
    fixed = Mixture(("a",), Coefficients(("mu", "width"), ("mu*width",), {"mu": 1.0, "width": 2.0}), np.ones(1), (0, 5))
    elsewhere = Mixture(
        ("a",), Coefficients(("mu", "width"), ("mu*width",), {"mu": 1.0, "width": 3.0}), np.ones(1), (0, 5)
    )
    with pytest.raises(ModelError, match="width has the nominal value 2"):
        _ = regions(fixed, elsewhere).coefficients


def test_other_effects_and_other_first_parameters_need_no_symbolic_algebra(monkeypatch):
    first = mixture_of(("mu", "other**2"), np.ones(2), {"mu": (1.0, 0.0, 5.0), "other": (1.0, 0.0, 5.0)})
    second = mixture_of(("sqrt(mu)",), np.ones(1), {"mu": (1.0, 0.0, 5.0)})
    model = regions(first, second)

    def refuse(*_args: object) -> None:
        raise AssertionError("symbolic algebra")

    monkeypatch.setattr("steelyard.model.coefficient_algebra.smooth_form", refuse)
    along = model.profiling("other").with_regions(model.regions)
    assert along.parameters.names == ("other", "mu")
    assert along.expected({"mu": 4.0, "other": 3.0})["one"] == pytest.approx([4.0, 9.0])
    place = along.parameters.to_coordinates([3.0, 4.0])
    values, gradient, _ = along.coefficients.expand(place)
    assert values == pytest.approx([4.0, 9.0, 2.0])
    assert gradient == pytest.approx(np.array([[0.0, 4.0], [6.0, 0.0], [0.0, 1.0]]))
