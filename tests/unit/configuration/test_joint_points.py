"""Joint variations: what is read for them, what is compared, and what is wrong in a configuration of them."""

import copy
from pathlib import Path

import pytest
import yaml
from systematic_analyses import FILES, Varied, both, changed, one, simulated

from steelyard.configuration.joint_points import JointPoint, joint_points, joint_sources
from steelyard.configuration.schema import resolve
from steelyard.configuration.systematics import variations, varied_sources
from steelyard.data.variations import VariedSource

TREE = "events_lepton_scale_up"
EMBEDDED = {
    "name": "all_up",
    "alpha": {"gg_scale": 1, "qqZZ_angle": 1, "lepton_scale": 1},
    "effects": [
        {"processes": ["S", "SBI", "B"], "trees": TREE, "factors": "factor_gg_scale_up"},
        {"processes": ["NI"], "trees": TREE, "factors": "factor_qqZZ_angle_up"},
    ],
}
BASE = {
    **FILES,
    "systematics": [
        {"name": "k", "effects": [{"processes": ["signal", "other"], "factors": {"up": "f_up", "down": "f_down"}}]},
        {"name": "l", "effects": [{"processes": ["other", "signal"], "trees": {"up": "t_up"}}]},
        {"name": "lumi", "effects": [{"processes": ["signal", "other"], "norm": 1.02}]},
    ],
    "joint_variations": [
        {
            "name": "kl",
            "alpha": {"k": -1, "l": 1},
            "effects": [{"processes": ["signal", "other"], "trees": "t_up", "factors": "f_down"}],
        }
    ],
}


def point(**keys):
    return lambda data: data["joint_variations"][0].update(keys)


def effect(**keys):
    """Change the effect; keys that are None are left out."""

    def change(data):
        given = data["joint_variations"][0]["effects"][0] | keys
        data["joint_variations"][0]["effects"] = [{key: value for key, value in given.items() if value is not None}]

    return change


def test_the_embedded_analysis():
    root = Path(__file__).parents[3]
    data = yaml.safe_load((root / "config/config.yaml").read_text()) | {"joint_variations": [EMBEDDED]}
    configuration = resolve(data)
    assert joint_sources(configuration) == (
        VariedSource(
            sample="gg",
            systematic="all_up",
            direction="joint",
            kind="events",
            tree=TREE,
            weights={process: f"(weight_{process})*(factor_gg_scale_up)" for process in ("S", "SBI", "B")},
        ),
        VariedSource("qqZZ", "all_up", "joint", "events", TREE, None, {"NI": "(weight_NI)*(factor_qqZZ_angle_up)"}),
    )
    (found,) = joint_points(configuration)
    assert found == JointPoint(
        name="all_up",
        alpha={"gg_scale": 1.0, "qqZZ_angle": 1.0, "lepton_scale": 1.0},
        processes={
            **dict.fromkeys(("S", "SBI", "B"), ("gg_scale", "lepton_scale")),
            "NI": ("qqZZ_angle", "lepton_scale"),
        },
        sources=(
            ("gg", "gg_scale", "up"),
            ("qqZZ", "qqZZ_angle", "up"),
            ("gg", "lepton_scale", "up"),
            ("qqZZ", "lepton_scale", "up"),
        ),
    )


def test_joint_variations_change_nothing_else():
    plain = {key: value for key, value in BASE.items() if key != "joint_variations"}
    without, configuration = resolve(plain, files=False), resolve(BASE, files=False)
    assert "joint_variations" not in without.model_dump(mode="json", by_alias=True)
    assert variations(configuration) == variations(without)
    assert varied_sources(configuration) == varied_sources(without)
    assert joint_points(without) == joint_sources(without) == ()


def test_processes_of_one_sample_and_samples_of_one_process():
    both_ways = [
        {"processes": ["signal"], "weights": {"signal": "w1_kl"}},
        {"processes": ["other"], "factors": "f_kl"},
    ]
    found = joint_sources(resolve(changed(point(effects=both_ways), BASE), files=False))
    assert [(item.sample, item.kind, item.tree, item.weights) for item in found] == [
        ("all", "weights", "events", {"signal": "w1_kl", "other": "(w2)*(f_kl)"}),
        ("more", "weights", "tree", {"other": "(w3)*(f_kl)"}),
    ]
    files = [{"processes": ["other"], "files": {"more": ["c.root"]}, "trees": "t"}]
    found = joint_sources(resolve(changed(point(effects=files), BASE), files=False))
    assert [(item.sample, item.kind, item.tree, item.files, item.weights) for item in found] == [
        ("more", "events", "t", ("c.root",), {"other": "w3"}),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (point(alpha={"k": 1}), "joint_variations[kl].alpha: found {'k': 1}; dictionary should have at least 2 items"),
        (
            point(alpha={"k": 1, "l": 1, "m": 1}),
            "joint_variations[kl].alpha.m: unknown systematic 'm'; systematics: k, l, lumi",
        ),
        (
            point(alpha={"k": 1, "l": 1, "lumi": 1}),
            "joint_variations[kl].alpha.lumi: the systematic 'lumi' has norms alone, which factorise by construction; "
            "leave it out",
        ),
        (point(alpha={"k": 2, "l": 1}), "joint_variations[kl].alpha.k: found 2; write 1 or -1"),
        (
            point(alpha={"k": 1, "l": -1}),
            "joint_variations[kl].alpha.l: found -1, and the systematic 'l' has no samples below 0; write 1",
        ),
        (effect(trees=None, factors=None), "joint_variations[kl].effects[0]: nothing is varied; give factors"),
        (
            effect(weights={"signal": "a", "other": "b"}),
            "joint_variations[kl].effects[0]: found factors and weights; keep one",
        ),
        (
            effect(factors=None, weights={"signal": "a"}),
            "joint_variations[kl].effects[0].weights: there is no weight of process 'other'; add it",
        ),
        (
            effect(factors=None, processes=["signal"], weights={"signal": "a", "other": "b"}),
            "joint_variations[kl].effects[0].weights.other: process 'other' is not in",
        ),
        (
            effect(processes=["signal", "others"]),
            "joint_variations[kl].effects[0].processes: unknown process 'others'; did you mean 'other'?",
        ),
        (
            lambda data: data["systematics"][0]["effects"][0].update(processes=["other"]),
            "joint_variations[kl].effects[0].processes: process 'signal' is varied by l of k, l; remove it",
        ),
        (
            point(
                effects=[
                    {"processes": ["signal"], "trees": "t", "factors": "f"},
                    {"processes": ["signal"], "trees": "t", "factors": "f"},
                ]
            ),
            "joint_variations[kl].effects[1].processes: process 'signal' is in effects[0] too",
        ),
        (
            point(
                effects=[{"processes": ["signal"], "trees": "t"}, {"processes": ["other"], "trees": "u"}],
            ),
            "joint_variations[kl].effects[1]: other trees or files of the sample 'all' than in effects[0]",
        ),
        (
            effect(files={"alles": ["c.root"]}),
            "joint_variations[kl].effects[0].files.alles: unknown sample 'alles'",
        ),
        (
            effect(processes=["signal"], files={"more": ["c.root"]}),
            "joint_variations[kl].effects[0].files.more: the sample 'more' has no weights for signal",
        ),
        (
            effect(trees="events"),
            "joint_variations[kl].effects[0].trees: found 'events', the tree of samples[all] itself",
        ),
        (
            lambda data: data["joint_variations"].append(copy.deepcopy(data["joint_variations"][0])),
            "joint_variations[kl]: found 2 times",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(change, expected):
    one(changed(change, BASE), expected)


def test_files_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.root", "b.root"):
        Path(name).touch()
    data = changed(effect(files={"all": ["c*.root"], "more": ["b.root"]}), BASE)
    one(data, "joint_variations[kl].effects[0].files.all[0]: nothing matches 'c*.root'", files=True)


def test_events_need_identifiers():
    def change(data):
        del data["samples"][0]["event_id"]
        data["systematics"][1]["effects"][0] = {"processes": ["other", "signal"], "factors": {"up": "g_up"}}

    one(changed(change, BASE), "samples[all].event_id: this key is needed, since joint_variations[kl].effects[0] has")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"trees": "events_lepton_up"}, "trees: offshell4l writes no tree 'events_lepton_up'; did you mean"),
        ({"factors": "factor_gg"}, "factors: unknown branch 'factor_gg' in 'factor_gg'; did you mean"),
    ],
)
def test_a_simulator_must_have_the_trees_and_branches(monkeypatch, keys, expected):
    def change(data):
        data["joint_variations"] = [copy.deepcopy(EMBEDDED)]
        data["joint_variations"][0]["effects"] = [EMBEDDED["effects"][0] | keys]

    monkeypatch.setattr(
        Varied, "branches", lambda self, sample, tree=None, original=Varied.branches: original(self, sample)
    )
    one(simulated(monkeypatch, both(change)), f"joint_variations[all_up].effects[0].{expected}")
