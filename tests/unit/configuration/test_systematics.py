import copy
import json
import random
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml
from systematic_analyses import FILES, changed, simulated

from steelyard.configuration.schema import resolve, schema
from steelyard.configuration.systematics import declared_effects, nuisances, variations, varied_sources
from steelyard.data.variations import Variation, VariedSource
from steelyard.io.serialisation import from_data, to_data
from steelyard.model.effects import Nuisance
from steelyard.regions.declared_effects import DeclaredEffects, ProcessEffect

ROOT = Path(__file__).parents[3]
GG = ("S", "SBI", "B")


def configured(*systematics, **keys):
    return resolve({**FILES, "systematics": list(systematics), **keys}, files=False)


def effects_of(*systematics, **keys):
    return declared_effects(configured(*systematics, **keys)).effects


# --- what is to be learnt and to be read ------------------------------------------------------------------------------


def test_the_embedded_analysis(monkeypatch):
    configuration = resolve(simulated(monkeypatch))
    expected = [
        *(f"{process}-gg_scale-{side}" for process in GG for side in ("up", "down")),
        *(f"NI-qqZZ_angle-{side}" for side in ("up", "down")),
        *(f"{process}-lepton_scale-{side}" for process in (*GG, "NI") for side in ("up", "down")),
    ]
    assert [variation.name for variation in variations(configuration)] == expected
    assert variations(configuration)[0] == Variation("S-gg_scale-up", "S", "gg_scale", "up", "weights")
    assert variations(configuration)[-1] == Variation("NI-lepton_scale-down", "NI", "lepton_scale", "down", "events")
    sources = varied_sources(configuration)
    assert [(source.sample, source.systematic, source.direction, source.kind) for source in sources] == [
        ("gg", "gg_scale", "up", "weights"),
        ("gg", "gg_scale", "down", "weights"),
        ("qqZZ", "qqZZ_angle", "up", "weights"),
        ("qqZZ", "qqZZ_angle", "down", "weights"),
        ("gg", "lepton_scale", "up", "events"),
        ("gg", "lepton_scale", "down", "events"),
        ("qqZZ", "lepton_scale", "up", "events"),
        ("qqZZ", "lepton_scale", "down", "events"),
    ]
    assert sources[1] == VariedSource(
        sample="gg",
        systematic="gg_scale",
        direction="down",
        kind="weights",
        tree="events",
        files=None,
        weights={process: f"(weight_{process})*(factor_gg_scale_down)" for process in GG},
    )
    assert sources[4].tree == "events_lepton_scale_up" and sources[4].weights == {p: f"weight_{p}" for p in GG}


def test_factors_multiply_the_whole_weight():
    data = changed(lambda c: c["samples"][0].update(weights={"signal": "w1 + w2", "other": 1.5}), FILES)
    factors = {"up": "1 + x", "down": "1 - x"}
    data["systematics"] = [{"name": "k", "effects": [{"processes": ["other", "signal"], "factors": factors}]}]
    up, down = varied_sources(resolve(data, files=False))[:2]
    # In the order of the sample's weights, whatever the order of the processes of the effect is.
    assert list(up.weights.items()) == [("signal", "(w1 + w2)*(1 + x)"), ("other", "(1.5)*(1 + x)")]
    assert down.weights["signal"] == "(w1 + w2)*(1 - x)"


def test_effects_of_one_kind_make_one_source_of_a_sample():
    effects = [
        {"processes": ["signal"], "factors": {"up": "f_up", "down": "f_down"}},
        {"weights": {"up": {"other": "w3"}}},
    ]
    configuration = configured({"name": "k", "effects": effects})
    first, second, third = varied_sources(configuration)
    assert (first.sample, first.weights) == ("all", {"signal": "(w1)*(f_up)", "other": "w3"})
    assert (second.sample, second.direction, second.weights) == ("all", "down", {"signal": "(w1)*(f_down)"})
    assert (third.sample, third.direction, third.weights) == ("more", "up", {"other": "w3"})
    names = [variation.name for variation in variations(configuration)]
    assert names == ["signal-k-up", "signal-k-down", "other-k-up"]


def test_files_vary_the_samples_that_they_name():
    files = {"up": {"more": ["up/*.root"]}, "down": {"more": ["down/a.root", "down/b.root"]}}
    configuration = configured({"name": "k", "effects": [{"processes": ["other"], "files": files}]})
    up, down = varied_sources(configuration)
    assert up == VariedSource("more", "k", "up", "events", "tree", ("up/*.root",), {"other": "w3"})
    assert down.files == ("down/a.root", "down/b.root")
    assert [variation.name for variation in variations(configuration)] == ["other-k-up", "other-k-down"]
    trees = {"up": "t_up", "down": "t_down"}
    both = configured({"name": "k", "effects": [{"processes": ["other"], "files": files, "trees": trees}]})
    assert [(source.sample, source.tree) for source in varied_sources(both)] == [("more", "t_up"), ("more", "t_down")]


def test_what_is_used_decides_what_is_learnt_but_not_what_is_read():
    def use(how):
        factors = {"up": "f", "down": "1/f"}
        return configured({"name": "k", "effects": [{"processes": ["signal"], "factors": factors, "use": how}]})

    assert varied_sources(use("norm")) == varied_sources(use("shape")) == varied_sources(use("norm_and_shape"))
    assert len(varied_sources(use("norm"))) == 2
    assert [len(variations(use(how))) for how in ("norm", "shape", "norm_and_shape")] == [0, 2, 2]
    flags = [
        (e.use_norm, e.use_shape)
        for how in ("norm", "shape", "norm_and_shape")
        for e in declared_effects(use(how)).effects
    ]
    assert flags == [(True, False), (False, True), (True, True)]


def test_processes_are_in_the_order_of_the_configuration():
    effect = {"processes": ["other", "signal"], "trees": {"up": "t"}}
    names = [variation.name for variation in variations(configured({"name": "k", "effects": [effect]}))]
    assert names == ["signal-k-up", "other-k-up"]


def test_a_source_goes_to_json_and_back():
    files = {"up": {"more": ["up.root"]}}
    data = {"name": "k", "effects": [{"processes": ["other"], "files": files}, {"processes": ["signal"], "norm": 2}]}
    configuration = configured(data)
    for source in varied_sources(configuration):
        assert from_data(VariedSource, json.loads(json.dumps(to_data(source)))) == source
    found = declared_effects(configuration)
    assert from_data(DeclaredEffects, json.loads(json.dumps(to_data(found)))) == found


# --- what the model has to know ---------------------------------------------------------------------------------------


def test_constraints_become_nuisance_parameters():
    norm = [{"processes": ["signal"], "norm": 1.1}]
    found = nuisances(
        configured(
            {"name": "a", "label": "$A$", "group": "theory", "effects": norm},
            {"name": "b", "constraint": "log_normal", "bounds": [-3, 4], "effects": norm},
            {"name": "c", "constraint": "uniform", "effects": norm},
            {"name": "d", "constraint": "free", "interpolation": "exponential", "effects": norm},
            {"name": "e", "constraint": "uniform", "bounds": [-2, 2], "effects": norm},
            {"name": "g", "constraint": {"kind": "gaussian", "width": "5e-1"}, "effects": norm},
            {"name": "h", "constraint": {"kind": "log_normal", "width": 2}, "effects": norm},
            {"name": "i", "constraint": {"kind": "uniform"}, "effects": norm},
            norm_factors=[
                {"name": "f", "processes": ["other"], "nominal": 1.5, "bounds": [0.5, 2]},
                {"name": "n", "processes": ["other"], "constraint": {"kind": "poisson", "events": 25}},
            ],
        )
    )
    assert found == (
        Nuisance("a", "gaussian", "code4", 0.0, (-5.0, 5.0)),
        Nuisance("b", "gaussian", "exponential", 0.0, (-3.0, 4.0)),
        Nuisance("c", "uniform", "code4", 0.0, (-1.0, 1.0)),
        Nuisance("d", "free", "exponential", 0.0, (-5.0, 5.0)),
        Nuisance("e", "uniform", "code4", 0.0, (-2.0, 2.0)),
        Nuisance("g", "gaussian", "code4", 0.0, (-5.0, 5.0), 0.5),
        Nuisance("h", "gaussian", "exponential", 0.0, (-5.0, 5.0), 2.0),
        Nuisance("i", "uniform", "code4", 0.0, (-1.0, 1.0)),
        Nuisance("f", "free", "linear", 1.5, (0.5, 2.0)),
        Nuisance("n", "poisson", "linear", 1.0, (0.0, 5.0), 25.0),
    )
    assert [nuisance.parameter.role for nuisance in found[-2:]] == ["free", "nuisance"]


def test_a_constraint_without_a_number_is_written_down_as_its_name():
    """So that what is recorded of an analysis is what it was before constraints had numbers."""
    effect = [{"processes": ["signal"], "norm": 1.1}]
    factor = {"name": "f", "processes": ["other"]}
    found = configured(
        {"name": "a", "constraint": {"kind": "gaussian"}, "effects": effect},
        {"name": "b", "constraint": {"kind": "gaussian", "width": 0.5}, "effects": effect},
        norm_factors=[factor],
    )
    kept = json.loads(found.model_dump_json(by_alias=True))
    assert [item["constraint"] for item in kept["systematics"]] == ["gaussian", {"kind": "gaussian", "width": 0.5}]
    assert "constraint" not in kept["norm_factors"][0]
    assert resolve(kept, files=False) == found


@pytest.mark.parametrize("number", [1.25, "1.25", [1.25, 0.8]])
def test_one_number_of_a_norm_is_its_inverse_at_the_other_side(number):
    found = effects_of({"name": "k", "effects": [{"processes": ["signal"], "norm": number}]})
    assert found == (ProcessEffect("signal", "k", norm=(1.25, 0.8)),)


def test_a_norm_of_two_numbers_is_kept_as_it_is_beside_the_wish_to_symmetrise_it():
    effect = {"processes": ["signal"], "norm": [1.44, 1.0]}
    for symmetrise in (False, True):
        (found,) = effects_of({"name": "k", "symmetrise": symmetrise, "effects": [effect]})
        assert found.norm == (1.44, 1.0) and found.symmetrise is symmetrise


def test_a_norm_may_stand_beside_a_variation():
    effect = {"processes": ["signal"], "norm": [1.1, 0.8], "trees": {"up": "t"}}
    expected = ProcessEffect("signal", "k", (1.1, 0.8), "events", ("up",), use_norm=True, use_shape=True)
    assert effects_of({"name": "k", "effects": [effect]}) == (expected,)


def test_terms_and_factors_are_tables_of_processes_and_nuisance_parameters():
    tree = {"up": "t"}
    found = declared_effects(
        configured(
            {"name": "k", "effects": [{"processes": ["other"], "trees": tree}]},
            {"name": "l", "effects": [{"processes": ["other", "signal"], "factors": {"up": "f"}}]},
            {"name": "m", "effects": [{"processes": ["signal"], "norm": 1.1}]},
            norm_factors=[{"name": "n", "processes": ["other"]}, {"name": "o", "processes": ["other", "signal"]}],
        )
    )
    assert found.names == ("k", "l", "m", "n", "o") and found.processes == ("signal", "other")
    np.testing.assert_array_equal(found.terms, [[0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(found.factors, [[0, 0, 0, 0, 1], [0, 0, 0, 1, 1]])
    assert found.factors.dtype == bool
    assert [variation.name for variation in found.variations] == ["other-k-up", "signal-l-up", "other-l-up"]


def test_without_systematics_there_is_nothing():
    configuration = resolve(FILES, files=False)
    assert variations(configuration) == varied_sources(configuration) == nuisances(configuration) == ()
    found = declared_effects(configuration)
    assert found == DeclaredEffects(("signal", "other"))
    assert found.terms.shape == (0, 2) and found.factors.shape == (2, 0)


# --- the configuration itself -----------------------------------------------------------------------------------------


def test_systematics_go_to_plain_data_and_back(monkeypatch):
    configuration = resolve(simulated(monkeypatch))
    data = json.loads(json.dumps(configuration.model_dump(mode="json", by_alias=True)))
    assert resolve(data) == configuration
    jsonschema.validate(data, schema())
    jsonschema.validate(simulated(monkeypatch), schema())


def test_processes_of_weights_are_those_that_it_names():
    effect = {"weights": {"up": {"other": "w3", "signal": "w4"}, "down": {"other": "w5"}}}
    configuration = configured({"name": "k", "effects": [effect]})
    assert configuration.systematics[0].effects[0].processes == ["other", "signal"]
    assert [variation.name for variation in variations(configuration)] == ["signal-k-up", "other-k-up", "other-k-down"]
    same = configured({"name": "k", "effects": [{**effect, "processes": ["other", "signal"]}]})
    assert same == configuration


def test_the_examples_of_the_readme_are_valid():
    """All examples together are one configuration, with one systematic for each form."""
    text = (ROOT / "config/README.md").read_text().split("\n## Nuisance parameters\n")[1].split("\n### ")[0]
    examples = yaml.safe_load("".join(re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)))
    data = {
        **FILES,
        "processes": [{"name": name, "coefficient": "theta"} for name in (*GG, "NI")],
        "samples": [
            {"name": "gg", "files": ["gg.root"], "event_id": ["event"], "weights": dict.fromkeys(GG, "w")},
            {"name": "qqZZ", "files": ["qq.root"], "event_id": ["event"], "weights": {"NI": "w"}},
        ],
        **examples,
    }
    configuration = resolve(data, files=False)
    jsonschema.validate(data, schema())
    forms = [
        key
        for item in configuration.systematics
        for effect in item.effects
        for key in ("norm", "factors", "weights", "trees", "files")
        if getattr(effect, key)
    ]
    assert set(forms) == {"norm", "factors", "weights", "trees", "files"} and configuration.norm_factors
    shower = [variation.name for variation in variations(configuration) if variation.systematic == "shower"]
    assert shower == ["NI-shower-up"]


# --- configurations of before -----------------------------------------------------------------------------------------

BEFORE = json.loads(Path(__file__).with_name("before_systematics.json").read_text())
NEW = {
    (): {
        "systematics": [],
        "norm_factors": [],
        "prune": {"norm": 0.0, "shape": 0.0},
        "variations": {
            "members": 1,
            "members_per_job": 1,
            "training": {
                "hidden": [32, 32],
                "activation": "silu",
                "optimizer": "adam",
                "learning_rate": 1e-2,
                "warmup": 0.03,
                "weight_decay": 0.0,
                "batch_size": 1024,
                "epochs": 3,
                "patience": 6,
                "validation_fraction": 0.1,
            },
        },
    },
    ("ensembles",): {"members_per_job": 1, "joint": []},
    ("belts",): {
        "nuisances": "conditional",
        "significance": "two-sided",
        "expected_toys": 1000,
        "simulation_error": "none",
    },
    ("audit",): {"nuisances": [{}], "surface_toys": 1000},
    ("diagnostics",): {"null_variations": "one"},
    ("observed", "simulate"): {"nuisances": {}},
    ("samples", 0, "simulate"): {"nuisances": {}},
    ("samples", 1, "simulate"): {"nuisances": {}},
}


def inside(data, location):
    for step in location:
        if data is None or (isinstance(data, list) and step >= len(data)):
            return None
        data = data[step] if isinstance(data, list) else data.get(step)
    return data


@pytest.mark.parametrize("before", BEFORE, ids=[case["configuration"]["analysis"] for case in BEFORE])
def test_an_old_configuration_is_the_same_model_plus_defaults(before):
    """What the version without systematics made of these files, recorded with it, and beside it only defaults."""
    found = resolve(before["configuration"], files=False).model_dump(mode="json", by_alias=True)
    thresholds = found["diagnostics"]["thresholds"]
    for name in thresholds.keys() - before["model"]["diagnostics"]["thresholds"].keys():
        del thresholds[name]  # of checks that there were not
    for location, defaults in NEW.items():
        place = inside(found, location)
        for key, default in defaults.items():
            if place is not None:
                assert place.pop(key) == default, (location, key)
    assert found == before["model"]


def old_configuration(rng):
    """A random configuration with the keys of before."""
    processes = [f"p{index}" for index in range(rng.randint(1, 4))]
    data = {
        "analysis": f"a{rng.randint(0, 99)}",
        "parameters": [{"name": "mu", "nominal": 1, "bounds": [0, rng.randint(3, 9)]}],
        "processes": [{"name": name, "coefficient": rng.choice(["mu", "sqrt(mu)", "mu + 1"])} for name in processes],
        "samples": [
            {"name": f"s{index}", "files": ["a.root"], "weights": {name: f"w{index}"}}
            for index, name in enumerate(processes)
        ],
        "features": [{"name": f"x{index}", "expression": f"b{index}"} for index in range(rng.randint(1, 5))],
        "belts": {"points": sorted(rng.sample(range(4), rng.randint(1, 4)))},
    }
    options = {
        "seed": rng.randint(0, 9),
        "selection": "x > 1",
        "split": {"method": "held_out", "train_fraction": rng.choice([0.25, 0.5])},
        "ensembles": {"members": rng.randint(1, 9), "bootstrap": rng.random() < 0.5},
        "training": {"hidden": [rng.randint(1, 99)], "epochs": rng.randint(1, 9)},
        "observed": {"files": ["d.root"]},
        "observables": [{"name": "y", "expression": "y"}],
    }
    return data | {key: value for key, value in options.items() if rng.random() < 0.5}


@pytest.mark.parametrize("seed", range(20))
def test_the_new_keys_with_their_defaults_change_nothing(seed):
    data = old_configuration(random.Random(seed))
    without = resolve(copy.deepcopy(data), files=False)
    data |= copy.deepcopy(NEW[()])
    data["belts"] |= NEW["belts",]
    assert resolve(data, files=False) == without
    assert declared_effects(without) == DeclaredEffects(tuple(process.name for process in without.processes))
    assert variations(without) == varied_sources(without) == ()
