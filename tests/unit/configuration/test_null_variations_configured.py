"""Which null variations a configuration asks for."""

import pytest
from systematic_analyses import FILES, simulated

from steelyard.configuration.schema import resolve
from steelyard.configuration.systematics import NullVariation, null_variations
from steelyard.errors import ConfigurationError

GG = {"S": 0.0, "SBI": 1.0, "B": 0.0}


def embedded(monkeypatch, chosen=None):
    data = simulated(monkeypatch)
    if chosen is not None:
        data.setdefault("diagnostics", {})["null_variations"] = chosen
    return null_variations(resolve(data))


def test_one_by_other_events_stands_for_all_of_its_kind(monkeypatch):
    (found,) = embedded(monkeypatch)
    assert found == NullVariation(
        "lepton_scale", "events", "up", {**GG, "NI": 1.0}, two_sided=True, symmetrised=False, alike=("lepton_scale",)
    )


def test_all_are_measured_where_that_is_asked_for_and_none_where_it_is_not(monkeypatch):
    found = embedded(monkeypatch, "all")
    assert [(null.systematic, null.kind) for null in found] == [
        ("gg_scale", "weights"),
        ("qqZZ_angle", "weights"),
        ("lepton_scale", "events"),
    ]
    assert found[0].coefficients == GG and found[0].alike == ("gg_scale",)
    assert embedded(monkeypatch, "none") == ()


def of(*systematics):
    return null_variations(resolve({**FILES, "systematics": list(systematics)}, files=False))


def test_weights_are_measured_where_there_is_nothing_else_and_a_yield_alone_never():
    factors = {"processes": ["signal"], "factors": {"up": "f"}, "use": "shape"}
    (found,) = of(
        {"name": "norm", "effects": [{"processes": ["other"], "norm": 1.1}]}, {"name": "w", "effects": [factors]}
    )
    assert (found.systematic, found.kind, found.direction, found.two_sided) == ("w", "weights", "up", False)
    assert of({"name": "norm", "effects": [{"processes": ["other"], "norm": 1.1}]}) == ()
    assert of({"name": "w", "effects": [factors | {"use": "norm"}]}) == ()


def test_events_in_files_of_their_own_come_before_other_trees_of_the_same_files():
    trees = {"processes": ["other"], "trees": {"up": "t_up", "down": "t_down"}}
    files = {"processes": ["other"], "files": {"up": {"all": ["c.root"], "more": ["d.root"]}}, "use": "shape"}
    names = {"trees": trees, "more_trees": trees, "files": files}
    (found,) = of(*({"name": name, "effects": [effect]} for name, effect in names.items()))
    assert (found.systematic, found.kind, found.alike) == ("files", "events", ("files",))
    (found,) = of(*({"name": name, "effects": [names[name]]} for name in ("trees", "more_trees")))
    assert (found.systematic, found.alike) == ("trees", ("trees", "more_trees"))


def test_another_word_is_refused_with_what_there_is(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"diagnostics\.null_variations"):
        embedded(monkeypatch, "two")
