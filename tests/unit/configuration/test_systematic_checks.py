import copy

import pytest
from systematic_analyses import FILES, both, changed, message, one, systematic

from steelyard.configuration.schema import resolve

FACTORS = {"up": "f_up", "down": "f_down"}
EFFECT = {"processes": ["signal"], "factors": FACTORS}
BASE = {
    **FILES,
    "systematics": [
        {"name": "k", "effects": [EFFECT]},
        {"name": "l", "effects": [{"processes": ["other"], "trees": {"up": "t_up", "down": "t_down"}}]},
        {"name": "m", "effects": [{"processes": ["signal", "other"], "norm": [1.1, 0.9]}]},
    ],
    "norm_factors": [{"name": "free", "processes": ["other"]}],
}


def effect(**keys):
    """Replace the effect of ``k``; keys that are None are left out."""

    def change(data):
        keys_of = {"processes": ["signal"], **keys}
        data["systematics"][0]["effects"] = [{key: value for key, value in keys_of.items() if value is not None}]

    return change


def effects(*items):
    return lambda data: data["systematics"][0].update(effects=list(items))


def norm_factor(**keys):
    return lambda data: data["norm_factors"][0].update(keys)


def test_the_base_of_the_changes_is_valid():
    resolve(BASE, files=False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # keys
        (
            systematic(effects=[]),
            "systematics[k].effects: found []; list should have at least 1 item",
        ),
        (
            effect(factors={"down": "f"}),
            "systematics[k].effects[0].factors.up: this key is required and not there; add it",
        ),
        (
            effect(factors=None, trees={"down": "t"}),
            "systematics[k].effects[0].trees.up: this key is required and not there; add it",
        ),
        (
            effect(factors=None, files={"down": {"all": ["a.root"]}}),
            "systematics[k].effects[0].files.up: this key is required and not there; add it",
        ),
        (
            effect(factors=None, weights={"down": {"signal": "w"}}),
            "systematics[k].effects[0].weights.up: this key is required and not there; add it",
        ),
        (
            effect(factor=FACTORS),
            "systematics[k].effects[0].factor: unknown key; did you mean 'factors'? (valid keys: processes, norm, ",
        ),
        (
            effect(factors={"up": "f_up", "dwn": "f_down"}),
            "systematics[k].effects[0].factors.dwn: unknown key; did you mean 'down'? (valid keys: up, down)",
        ),
        (
            systematic(constraint="log-normal"),
            "systematics[k].constraint: found 'log-normal'; did you mean 'log_normal'? (choose from: gaussian, ",
        ),
        (
            systematic(constraint="poisson"),  # of a factor about 1
            "systematics[k].constraint: found 'poisson'; choose from: gaussian, log_normal, uniform, free",
        ),
        (
            systematic(constraint={"kind": "gausian", "width": 0.5}),
            "systematics[k].constraint.kind: found 'gausian'; did you mean 'gaussian'? (choose from: gaussian, ",
        ),
        (
            systematic(constraint={"kind": "gaussian", "widht": 0.5}),
            "systematics[k].constraint.widht: unknown key; did you mean 'width'? (valid keys: kind, width)",
        ),
        (
            systematic(constraint={"kind": "log_normal", "width": 0}),
            "systematics[k].constraint.width: found 0; it should be greater than 0",
        ),
        (
            norm_factor(nominal=0, constraint="poisson"),
            "norm_factors[free].constraint: found poisson, which has no minimum at the nominal value 0; correct the ",
        ),
        (
            systematic(interpolation="code5"),
            "systematics[k].interpolation: found 'code5'; did you mean 'code4'?",
        ),
        (
            effect(use="shapes"),
            "systematics[k].effects[0].use: found 'shapes'; did you mean 'shape'? (choose from: norm_and_shape, norm,",
        ),
        (
            lambda c: c.update(prune={"shape": -1}),
            "prune.shape: found -1; it should be greater than or equal to 0",
        ),
        (
            lambda c: c["belts"].update(nuisances="conditionl"),
            "belts.nuisances: found 'conditionl'; did you mean 'conditional'? (choose from: conditional, nominal, ",
        ),
        (
            effect(factors={"up": "sqtr(x)"}),
            "systematics[k].effects[0].factors.up: found 'sqtr(x)'; 'sqtr(x)' (column 1): unknown function 'sqtr'",
        ),
        *(
            (
                effect(norm=value, factors=None),
                f"systematics[k].effects[0].norm: found {value!r}; it should be a factor on the yield at +1σ ",
            )
            for value in (-1, 0, float("nan"), float("inf"), [1.1], [1.1, -0.9], [1.1, 0.9, 0.8], "large", 1e-320)
        ),
        # names
        (
            systematic(1, name="k"),
            "systematics[k]: found 2 times; rename or remove all but one",
        ),
        (
            lambda c: c["norm_factors"].append({"name": "free", "processes": ["signal"]}),
            "norm_factors[free]: found 2 times; rename or remove all but one",
        ),
        (
            norm_factor(name="m"),
            "norm_factors[m].name: the name 'm' is that of systematics[m] too; they are parameters of one fit: rename",
        ),
        (
            systematic(name="theta"),
            "systematics[theta].name: the name 'theta' is that of parameters[theta] too; they are parameters of one",
        ),
        # bounds and constraints
        (
            systematic(bounds=[0.5, 2]),
            "systematics[k].bounds: found [0.5, 2], which exclude the nominal value 0; widen them",
        ),
        (systematic(bounds=[2, -2]), "systematics[k].bounds: found -2 after 2; list rising values, each once"),
        (
            norm_factor(bounds=[1.5, 2]),
            "norm_factors[free].bounds: found [1.5, 2], which exclude the nominal value 1; widen them",
        ),
        (
            norm_factor(bounds=[-1, 2]),
            "norm_factors[free].bounds: found -1: a factor below 0 makes a negative number of events; start them at 0",
        ),
        (
            norm_factor(processes=["othr"]),
            "norm_factors[free].processes: unknown process 'othr'; did you mean 'other'? (processes: signal, other)",
        ),
        (
            norm_factor(processes=["other", "other"]),
            "norm_factors[free].processes: found 'other' 2 times; list it once",
        ),
        (
            lambda c: c["norm_factors"].append({"name": "again", "processes": ["other"]}),
            "norm_factors[again].processes: it acts on the same processes as norm_factors[free]; no data can tell the",
        ),
        (
            systematic(constraint="log_normal"),
            "systematics[k].effects[0].use: found 'norm_and_shape', and a log_normal has no shape; write use: norm, or",
        ),
        (
            both(systematic(constraint="log_normal"), effect(factors=FACTORS, use="shape")),
            "systematics[k].effects[0].use: found 'shape', and a log_normal has no shape; write use: norm, or take the",
        ),
        (
            both(systematic(constraint="log_normal"), effect(factors=FACTORS, use="norm")),
            "systematics[k].effects[0]: a log_normal has one factor f^alpha, and the yields of a variation give two; "
            "write symmetrise: true, or take the constraint gaussian",
        ),
        (
            systematic(2, constraint="log_normal"),
            "systematics[m].effects[0].norm: found [1.1, 0.9], and a log_normal has one factor f^alpha; write norm:",
        ),
        (
            both(effect(factors=None, norm=1.1), systematic(constraint="log_normal", interpolation="code4")),
            "systematics[k].interpolation: found 'code4' for a log_normal, whose factor is f^alpha; remove it, or take",
        ),
        (
            both(effect(factors=None, norm=1.1), systematic(symmetrise=True)),
            "systematics[k].symmetrise: all its effects are norms of one number f, which are f and 1/f already; remove",
        ),
        (
            both(effect(factors={"up": "f", "down": "f"}), systematic(symmetrise=True)),
            "systematics[k].effects[0].factors: up and down are the same, and symmetrise takes their difference: not",
        ),
        (
            both(effect(factors=None, norm=[1.2, 1.2]), systematic(symmetrise=True)),
            "systematics[k].effects[0].norm: up and down are the same, and symmetrise takes their difference: nothing",
        ),
        # processes
        (
            effect(processes=["signl"], norm=1.1),
            "systematics[k].effects[0].processes: unknown process 'signl'; did you mean 'signal'? (processes: signal,",
        ),
        (
            effect(processes=[], norm=1.1),
            "systematics[k].effects[0].processes: this key is required and not there; list the processes that it acts",
        ),
        (
            effect(processes=["signal", "signal"], norm=1.1),
            "systematics[k].effects[0].processes: found 'signal' 2 times; list it once",
        ),
        (
            effects(EFFECT, {"processes": ["other", "signal"], "norm": 1.1}),
            "systematics[k].effects[1].processes: process 'signal' is in effects[0] too; one effect may have a norm "
            "beside a variation: write them as one",
        ),
        # the form of an effect
        (
            effect(),
            "systematics[k].effects[0]: the effect does nothing; give norm, factors, weights, trees or files",
        ),
        (
            effect(factors=FACTORS, trees={"up": "t"}),
            "systematics[k].effects[0]: found factors and trees; keep one of them (files may have trees beside them)",
        ),
        (
            effect(norm=1.1, use="norm"),
            "systematics[k].effects[0].use: found 'norm', and there is no variation to be used like that; remove it",
        ),
        (
            effect(norm=1),
            "systematics[k].effects[0].norm: found 1: it changes nothing; give the factor at +1σ, or remove it",
        ),
        (
            effect(norm=[1, 1], factors=FACTORS),
            "systematics[k].effects[0].norm: found 1: it changes nothing; give the factor at +1σ, or remove it",
        ),
        (
            effect(factors={"up": "f_up", "down": 1}),
            "systematics[k].effects[0].factors.down: found '1', the same for all events; leave it out for a one-sided",
        ),
        (
            effect(factors={"up": 1.05}),
            "systematics[k].effects[0].factors.up: found '1.05', the same for all events; leave it out for a one-sided "
            "effect, or write a constant factor as norm",
        ),
        # weights
        (
            effect(processes=None, weights={"up": {"signl": "w"}}),
            "systematics[k].effects[0].weights.up.signl: unknown process 'signl'; did you mean 'signal'?",
        ),
        (
            effect(weights={"up": {"signal": "w"}, "down": {"sgnal": "w"}}),
            "systematics[k].effects[0].weights.down.sgnal: unknown process 'sgnal'; did you mean 'signal'?",
        ),
        (
            effect(weights={"up": {"signal": "w", "other": "w"}}),
            "systematics[k].effects[0].weights.up.other: process 'other' is not in systematics[k].effects[0]."
            "processes; add it there, or remove its weight",
        ),
        (
            effect(processes=["signal", "other"], weights={"up": {"signal": "w"}}),
            "systematics[k].effects[0].weights.up: there is no weight of process 'other'; add it, or remove 'other'",
        ),
        (
            effect(weights={"up": {"signal": "w"}, "down": {"signal": "w", "other": "w"}}),
            "systematics[k].effects[0].weights.down.other: process 'other' is not in systematics[k].effects[0].proce",
        ),
        (
            effect(weights={"up": {"signal": "0"}}),
            "systematics[k].effects[0].weights.up.signal: found '0': no event would count; give the branch of the we",
        ),
        (
            effect(weights={"up": {"signal": " w1"}}),
            "systematics[k].effects[0].weights.up.signal: found 'w1', as in the sample: it changes nothing; give the",
        ),
        # trees and files
        (
            effect(trees={"up": "events"}),
            "systematics[k].effects[0].trees.up: found 'events', the tree of samples[all] itself: it changes nothing;",
        ),
        (
            effect(files={"up": {"all": ["c.root"], "mor": ["d.root"]}}),
            "systematics[k].effects[0].files.up.mor: unknown sample 'mor'; did you mean 'more'? (samples: all, more)",
        ),
        (
            effect(files={"up": {"all": ["c.root"], "more": ["d.root"]}}),
            "systematics[k].effects[0].files.up.more: the sample 'more' has no weights for signal; it carries other: ",
        ),
        (
            effect(files={"up": {"more": ["c.root"]}}, processes=["signal", "other"]),
            "systematics[k].effects[0].files.up: none of the samples more has weights for the process 'signal'; add "
            "the files of all, or remove the process",
        ),
        (
            effect(files={"up": {"all": ["a.root"]}}),
            "systematics[k].effects[0].files.up.all: the files of the sample itself: it changes nothing; give those of",
        ),
        (
            effect(files={"up": {"all": ["c.root"]}, "down": {"more": ["d.root"]}}, processes=["other"]),
            "systematics[k].effects[0].files.down: the sample 'all' has files up and none down; name the same sample",
        ),
        (
            effect(files={"up": {"all": ["c.root"]}, "down": {"all": ["d.root"]}}, trees={"up": "t"}),
            "systematics[k].effects[0].trees.down: trees and files do not have the same directions; add it",
        ),
        (
            lambda c: c["samples"][1].pop("event_id"),
            "samples[more].event_id: this key is needed, since systematics[l].effects[0] has other versions of these "
            "events; name the branches that identify an event in all of them",
        ),
        # two kinds for one sample
        (
            effects(EFFECT, {"processes": ["other"], "trees": {"up": "t"}}),
            "systematics[k].effects[1]: the events of the sample 'all', and in effects[0] its weights; one systemati",
        ),
        (
            effects({"processes": ["other"], "trees": {"up": "t"}}, {"processes": ["signal"], "trees": {"up": "u"}}),
            "systematics[k].effects[1]: other trees or files of the sample 'all' than in effects[0]; one systematic",
        ),
        (
            effects(
                {"processes": ["other"], "files": {"up": {"all": ["c.root"], "more": ["d.root"]}}},
                {"processes": ["signal"], "files": {"up": {"all": ["e.root"]}}},
            ),
            "systematics[k].effects[1]: other trees or files of the sample 'all' than in effects[0]; one systematic",
        ),
        # training and pseudo-experiments
        (
            lambda c: c.update(split={"method": "cross_fit"}, ensembles={"members": 5}),
            "variations.members: found 1, fewer than the 5 folds; every fold needs a member that leaves it out: take",
        ),
        (
            lambda c: c.update(scan={"start": 0.5, "stop": 2.0, "points": 4}),
            "belts.points: found 0, outside the scan [0.5, 2]; pseudo-experiments are thrown at the fit to the data "
            "there: extend scan, or choose belts.nuisances: nominal",
        ),
        (
            lambda c: [c.update(systematics=[], norm_factors=[]), c["belts"].update(nuisances="constraint")],
            "belts.nuisances: found 'constraint', and there is no nuisance parameter; remove it, or add systematics or",
        ),
        (
            lambda c: [c.update(systematics=[]), c["belts"].update(nuisances="constraint")],
            "belts.nuisances: found 'constraint', and every nuisance parameter is free; choose nominal or conditional",
        ),
        (
            lambda c: c.update(audit={"points": [1], "nuisances": [{}, {"k": 1}]}),
            "audit: it needs one simulator for all samples, and these come from files: all, more; remove the key",
        ),
    ],
)
def test_a_problem_names_file_key_finding_and_remedy(change, expected):
    one(changed(change, BASE), expected)


@pytest.mark.parametrize(
    "change",
    [
        systematic(bounds=[0, 5]),  # the nominal value may be an end
        both(effect(norm=1.1), systematic(constraint="log_normal")),
        both(effect(norm=[1.1, 0.8]), systematic(constraint="log_normal", symmetrise=True)),
        both(effect(factors=FACTORS, use="norm"), systematic(constraint="log_normal", symmetrise=True)),
        both(effect(factors={"up": "f"}), systematic(symmetrise=True)),  # mirrored
        both(effect(norm=1.1, factors={"up": "f"}), systematic(symmetrise=True)),
        effect(norm=[1, 1.1]),  # nothing on one side
        effect(weights={"up": {"signal": "w"}}, processes=None),
        # of a process in two samples, one has this weight already
        effect(weights={"up": {"other": "w3"}}, processes=["other"]),
        effects(EFFECT, {"processes": ["other"], "norm": 1.1}),
        effects(EFFECT, {"processes": ["other"], "files": {"up": {"more": ["c.root"]}}}),  # another sample
        effect(files={"up": {"all": ["a.root"]}}, trees={"up": "t"}),  # another tree of the same files
        effect(files={"up": {"more": ["c.root"]}}, processes=["other"]),  # the other sample stays as it is
        norm_factor(nominal=0, bounds=[0, 1]),
        norm_factor(constraint={"kind": "poisson", "events": 1e3}),
        # on the same processes, and told from the other by its measurement
        lambda c: c["norm_factors"].append({**c["norm_factors"][0], "name": "known", "constraint": "gaussian"}),
        lambda c: c["norm_factors"].append({"name": "both", "processes": ["other", "signal"]}),
        lambda c: [c["samples"][0].pop("event_id"), c["systematics"].pop(1)],  # weights need none
        lambda c: c["belts"].update(nuisances="constraint"),
        lambda c: c["belts"].update(nuisances="nominal"),
        lambda c: c.update(scan={"start": 0.5, "stop": 2.0, "points": 4}) or c["belts"].update(nuisances="nominal"),
        # no variation is trained
        lambda c: [
            c.update(split={"method": "cross_fit"}, ensembles={"members": 5}),
            c.update(systematics=c["systematics"][2:]),
        ],
    ],
)
def test_what_looks_alike_and_is_right_is_no_problem(change):
    resolve(changed(change, BASE), files=False)


def test_a_norm_that_is_a_truth_value():
    one(changed(effect(norm=True), BASE), "systematics[k].effects[0].norm: found True; a number or text is needed here")


def test_varied_files_are_looked_for_like_nominal_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.root", "b.root", "up.root"):
        (tmp_path / name).touch()
    files = {"up": {"more": ["up.root"]}, "down": {"more": ["up.root", "down*.root"]}}
    data = changed(effect(processes=["other"], files=files), BASE)
    one(
        data,
        "systematics[k].effects[0].files.down.more[1]: nothing matches 'down*.root'; paths are relative",
        files=True,
    )
    (tmp_path / "down1.root").touch()
    resolve(data)


def test_several_problems_come_together():
    def change(data):
        data["systematics"][0]["bounds"] = [1, 2]
        data["systematics"][1]["effects"][0]["processes"] = ["othr"]
        data["norm_factors"][0]["name"] = "k"

    lines = message(changed(change, BASE)).splitlines()
    assert lines[0] == "my.yaml: 3 problems"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "norm_factors[k].name",
        "systematics[k].bounds",
        "systematics[l].effects[0].processes",
    ]


def test_checks_leave_the_configuration_as_it_is():
    data = copy.deepcopy(BASE)
    resolve(data, files=False)
    assert data == BASE
