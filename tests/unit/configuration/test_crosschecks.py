import copy
from pathlib import Path

import numpy as np
import pytest
import yaml

from steelyard.configuration.schema import load, resolve
from steelyard.errors import ConfigurationError, ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.total_rate import check_total_rate

EMBEDDED = yaml.safe_load((Path(__file__).parents[3] / "config/config.yaml").read_text())
FILES = {
    "analysis": "files",
    "parameters": [{"name": "theta", "nominal": 1, "bounds": [0, 2]}],
    "processes": [{"name": "signal", "coefficient": "theta"}, {"name": "other", "coefficient": "1"}],
    "samples": [{"name": "all", "files": ["data/*.root"], "weights": {"signal": "w1", "other": "w2"}}],
    "variables": [{"name": "a", "expression": "x + 1"}, {"name": "b", "expression": "a*2"}],
    "features": [{"name": "x", "expression": "b"}],
    "observables": [{"name": "y", "expression": "y", "range": [0, 1]}],
    "scan": {"stop": 2},
    "belts": {"points": [0, 1, 2]},
}


def message(change, base, files=False):
    data = copy.deepcopy(base)
    change(data)
    with pytest.raises(ConfigurationError) as error:
        resolve(data, source="my.yaml", files=files)
    return str(error.value)


def sample(data, **keys):
    data["samples"][0].update(keys)


def copy_of(items, name):
    items.append(copy.deepcopy(next(item for item in items if item["name"] == name)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # names
        (
            lambda c: c.update(reference=[{"process": "signl", "weight": 1}]),
            "reference[signl].process: unknown process 'signl'; did you mean 'signal'? (processes: signal, other)",
        ),
        (
            lambda c: sample(c, weights={"signal": "w1", "other": "w2", "othr": "w3"}),
            "samples[all].weights.othr: unknown process 'othr'; did you mean 'other'?",
        ),
        (
            lambda c: sample(c, weights={"signal": "w1"}),
            "processes[other]: no sample has weights for it; add its weight to the sample that describes it",
        ),
        (
            lambda c: sample(c, weights={"signal": "w1", "other": "0*2"}),
            "samples[all].weights.other: found '0*2': no event would count; give the branch of the weight",
        ),
        (
            lambda c: c["processes"][0].update(coefficient="thta**2"),
            "processes[signal].coefficient: unknown parameter 'thta' in 'thta**2'; did you mean 'theta'?",
        ),
        (
            lambda c: c["processes"][0].update(coefficient="2"),
            "parameters[theta]: no coefficient depends on the parameter of interest; use it in a coefficient",
        ),
        (
            lambda c: c.update(diagnostics={"oracle_rms": [{"numerator": "sgnal", "threshold": 0.1}]}),
            "diagnostics.oracle_rms[0].numerator: unknown process 'sgnal'; did you mean 'signal'?",
        ),
        # processes that share networks
        (
            lambda c: c.update(ensembles={"joint": ["signal", "othr"]}),
            "ensembles.joint[1]: unknown process 'othr'; did you mean 'other'? (processes: signal, other)",
        ),
        (
            lambda c: c.update(ensembles={"joint": ["signal"]}, reference=[{"process": "signal"}]),
            "ensembles.joint: found signal alone; name two processes at least, or none",
        ),
        (
            lambda c: c.update(ensembles={"joint": ["signal", "other", "signal"]}),
            "ensembles.joint[signal]: found 2 times; rename or remove all but one",
        ),
        (
            lambda c: (
                c["processes"].append({"name": "third", "coefficient": "1"}),
                c["samples"][0]["weights"].update(third="w3"),
                c.update(ensembles={"joint": ["signal", "other"]}),
            ),
            "ensembles.joint: found signal, other without third of the reference; add what is missing, or leave it out "
            "of `reference`",
        ),
        (
            lambda c: (
                c["processes"].append({"name": "joint", "coefficient": "1"}),
                c["samples"][0]["weights"].update(joint="w3"),
                c.update(ensembles={"joint": ["signal", "other", "joint"]}),
            ),
            "processes[joint].name: the name 'joint' is taken; rename the process",
        ),
        # baselines
        (
            lambda c: c.update(baselines=[{"name": "h", "kind": "observable", "observable": "z"}]),
            "baselines[h].observable: unknown observable 'z'; observables: y",
        ),
        (
            lambda c: c.update(baselines=[{"name": "h", "kind": "observable"}]),
            "baselines[h].observable: a baseline of kind 'observable' needs this key; add it",
        ),
        (
            lambda c: c.update(baselines=[{"name": "h", "kind": "parameterised", "numerator": "signal"}]),
            "baselines[h].numerator: a baseline of kind 'parameterised' has no such key; remove it, or change the kind",
        ),
        (
            lambda c: c.update(
                baselines=[{"name": "h", "kind": "discriminant", "numerator": "signal", "denominator": "othr"}]
            ),
            "baselines[h].denominator: unknown process 'othr'; did you mean 'other'?",
        ),
        (
            lambda c: c.update(
                baselines=[{"name": "h", "kind": "discriminant", "numerator": "other", "denominator": "other"}]
            ),
            "baselines[h].denominator: found 'other', as in the numerator; take two different processes",
        ),
        (
            lambda c: c.update(baselines=[{"name": "h", "kind": "observable", "observable": "y", "bins": [0, 2, 2]}]),
            "baselines[h].bins: found 2 after 2; list rising values, each once",
        ),
        (
            lambda c: [
                c["parameters"].append({"name": "eta", "nominal": 1, "bounds": [0, 2]}),
                c["processes"][1].update(coefficient="eta"),
            ],
            "parameters: found 2, of which only the first, theta, would be fitted; remove eta: write the value into",
        ),
        # duplicates, one of each list
        *(
            (
                lambda c, key=key, name=name: copy_of(c[key], name),
                f"{key}[{name}]: found 2 times; rename or remove all but one",
            )
            for key, name in (
                ("processes", "other"),
                ("samples", "all"),
                ("variables", "b"),
                ("features", "x"),
                ("observables", "y"),
            )
        ),
        (
            lambda c: c.update(baselines=[{"name": "h", "kind": "parameterised"}] * 3),
            "baselines[h]: found 3 times; rename or remove all but one",
        ),
        (
            lambda c: c.update(reference=[{"process": "other", "weight": 1}] * 2),
            "reference[other]: found 2 times; rename or remove all but one",
        ),
        # expressions
        (
            lambda c: c["variables"].reverse(),
            "variables[b].expression: 'a' is used before it is defined; move 'a' above 'b'",
        ),
        (
            lambda c: c["variables"][0].update(expression="a/1000"),
            "variables[a].expression: 'a' is used in its own definition; give the variable another name",
        ),
        (
            lambda c: c["variables"].append({"name": "sqrt", "expression": "x"}),
            "variables[sqrt].name: 'sqrt' is a word of the expressions; rename it",
        ),
        (
            lambda c: c["variables"].append({"name": "lambda", "expression": "x"}),
            "variables[lambda].name: 'lambda' is a word of the expressions; rename it",
        ),
        (
            lambda c: c["features"].append({"name": "one", "expression": "2/2"}),
            "features[one].expression: found '2/2', the same for all events; use a branch or a variable",
        ),
        (
            lambda c: c.update(selection="1 > 0"),
            "selection: found '1 > 0', the same for all events; use a branch or a variable",
        ),
        (
            lambda c: sample(c, event_id=["run", "1"]),
            "samples[all].event_id[1]: found '1', the same for all events; use a branch or a variable",
        ),
        # sources
        (
            lambda c: sample(c, name="observed"),
            "samples[observed].name: the name 'observed' is taken; rename the sample",
        ),
        (lambda c: sample(c, files=None), "samples[all]: found neither files nor simulate; give exactly one of them"),
        (
            lambda c: c.update(observed={"files": ["a.root"], "simulate": {"model": "offshell4l"}}),
            "observed: found both files and simulate; give exactly one of them",
        ),
        (
            lambda c: c.update(oracle={"model": "offshell4l"}),
            "oracle: it needs one simulator for all samples, and these come from files: all; remove the key",
        ),
        (
            lambda c: c.update(audit={"points": [1]}),
            "audit: it needs one simulator for all samples, and these come from files: all; remove the key",
        ),
        # numbers
        (
            lambda c: c["parameters"][0].update(bounds=[2, 0]),
            "parameters[theta].bounds: found 0 after 2; list rising values, each once",
        ),
        (
            lambda c: c["parameters"][0].update(nominal=3),
            "parameters[theta].nominal: found 3, outside the bounds [0, 2]; choose a nominal value inside",
        ),
        (
            lambda c: c["scan"].update(stop=2.5),
            "scan: found 2.5, outside the bounds [0, 2] of theta; move it inside, or widen parameters[theta].bounds",
        ),
        (lambda c: c["scan"].update(start=2), "scan: found 2 after 2; list rising values, each once"),
        (
            lambda c: c["belts"].update(points=[-1, 1]),
            "belts.points: found -1, outside the bounds [0, 2] of theta; move it inside, or widen parameters",
        ),
        (lambda c: c["belts"].update(points=[1, 0]), "belts.points: found 0 after 1; list rising values, each once"),
        (
            lambda c: c["belts"].update(points=[1, 1.0000001]),
            "belts.points: several points are 1 to six digits; keep one of them",
        ),
        (
            lambda c: c["belts"].update(levels=[0.9, 0.6]),
            "belts.levels: found 0.6 after 0.9; list rising values, each once",
        ),
        (
            lambda c: c["belts"].update(toys=900),
            "belts.toys_per_job: found 1000, which does not divide toys (900); write toys_per_job: 900",
        ),
        (
            lambda c: c["belts"].update(toys=2600),
            "belts.toys_per_job: found 1000, which does not divide toys (2600); write toys: 3000",
        ),
        (
            lambda c: c["belts"].update(toys=20, toys_per_job=20),
            "belts.toys: found 20: not one is expected beyond the level 0.9545; take at least 22, better ten times",
        ),
        (
            lambda c: c.update(split={"method": "cross_fit"}, ensembles={"members": 4}),
            "ensembles.members: found 4, fewer than the 5 folds; every fold needs a member that leaves it out",
        ),
        (
            lambda c: c["observables"][0].update(range=[1, 0]),
            "observables[y].range: found 0 after 1; list rising values, each once",
        ),
        (
            lambda c: c.update(diagnostics={"oracle_range": [0, 3]}),
            "diagnostics.oracle_range: found 3, outside the bounds [0, 2] of theta; move it inside",
        ),
        (
            lambda c: c.update(diagnostics={"thresholds": {"auc": {"warn": 0.6, "fail": 0.5}}}),
            "diagnostics.thresholds.auc: found warn 0.6 beyond fail 0.5; a check warns before it fails: exchange",
        ),
        (
            lambda c: c.update(diagnostics={"thresholds": {"gain": {"warn": 0.8, "fail": 0.9}}}),
            "diagnostics.thresholds.gain: found warn 0.8 beyond fail 0.9; a check warns before it fails: exchange",
        ),
        # coefficients on the grids
        (
            lambda c: c["processes"][0].update(coefficient="log(theta)"),
            "processes[signal].coefficient: 'log(theta)' is not finite at theta = 0; change it, or parameters",
        ),
        (  # within the bounds, and on no grid
            lambda c: [c["parameters"][0].update(bounds=[0, 4]), c["processes"][0].update(coefficient="1/(theta - 3)")],
            "processes[signal].coefficient: '1/(theta - 3)' is not finite at theta = 3; change it",
        ),
        (
            lambda c: [p.update({"coefficient": "theta - 1.5"}) for p in c["processes"]],
            "processes: no coefficient is positive, the largest is -1.5 at theta = 0; a rate cannot be negative",
        ),
        (
            lambda c: [
                c["processes"][0].update({"coefficient": "theta**2 - 2*theta", "yield": 10}),
                c["processes"][1].update({"yield": 4}),
            ],
            "processes: the expected rate, the sum of coefficient * yield, is -6 at theta = 1; a rate cannot be",
        ),
    ],
)
def test_a_problem_names_file_key_finding_and_remedy(change, expected):
    resolve(FILES, files=False)  # the change, and nothing else, is the problem
    found = message(change, FILES)
    assert found.startswith("my.yaml: " + expected), found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda c: c["samples"][0]["weights"].update(S="weight_s"),
            "samples[gg].weights.S: unknown branch 'weight_s' in 'weight_s'; did you mean 'weight_S'? (branches: m4l,",
        ),
        (
            lambda c: c["features"][0].update(expression="log(m4L)"),
            "features[log_m4l].expression: unknown branch 'm4L' in 'log(m4L)'; did you mean 'm4l'? (branches of",
        ),
        (
            lambda c: c["observed"].update(event_id=["evnt"]),
            "observed.event_id[0]: unknown branch 'evnt' in 'evnt'; did you mean 'event'?",
        ),
        (
            lambda c: c.update(selection="weight_S > 0 and m4l < 1500"),
            "selection: unknown branch 'weight_S' in 'weight_S > 0 and m4l < 1500'; did you mean 'weight_NI'? "
            "(branches of samples[qqZZ]",
        ),
        (
            lambda c: c["samples"][1].update(name="qqzz"),
            "samples[qqzz].name: offshell4l has no sample 'qqzz'; did you mean 'qqZZ'? (its samples: gg, qqZZ)",
        ),
        (
            lambda c: c["samples"][0].update(tree="tree"),
            "samples[gg].tree: found 'tree'; offshell4l writes the tree 'events'",
        ),
        (
            lambda c: c["samples"][0]["simulate"].pop("events"),
            "samples[gg].simulate.events: this key is required in a sample and not there; add it",
        ),
        (
            lambda c: c["samples"][0]["simulate"].update(parameters={"mu": 2}),
            "samples[gg].simulate.parameters: a sample has no parameters; remove it",
        ),
        (
            lambda c: c["observed"]["simulate"].update(events=1000),
            "observed.simulate.events: observed data have no such key; remove it",
        ),
        (
            lambda c: c["observed"]["simulate"].update(parameters={"nu": 1}),
            "observed.simulate.parameters.nu: offshell4l has no such parameter; did you mean 'mu'?",
        ),
        (
            lambda c: c["observed"]["simulate"].update(parameters={"mu": 11}),
            "observed.simulate.parameters.mu: found 11, outside the bounds [0, 10] of mu; move it inside",
        ),
        (
            lambda c: c["samples"][1].update(simulate=None, files=["qqZZ.root"]),
            "oracle: it needs one simulator for all samples, and these come from files: qqZZ; remove the key",
        ),
        (
            lambda c: c["observables"].pop(),
            "observables: 'Phi1' is missing, which the exact likelihood needs; add { name: Phi1, expression: Phi1 }",
        ),
        (
            lambda c: c["audit"].update(points=[0, 3.5]),
            "audit.points: found 3.5, outside the points of the belts [0, 3]; there is no critical value there",
        ),
    ],
)
def test_what_a_simulator_does_not_have_is_found_before_it_runs(change, expected):
    found = message(change, EMBEDDED)
    assert found.startswith("my.yaml: ")
    assert any(line.removeprefix("my.yaml: ").strip().startswith(expected) for line in found.splitlines()), found


def test_a_process_that_the_exact_likelihood_does_not_know():
    def change(data):
        data["processes"][3]["name"] = "qq"
        data["ensembles"]["joint"][3] = "qq"
        data["samples"][1]["weights"] = {"qq": "weight_NI"}
        del data["systematics"]

    expected = (
        "processes[qq]: offshell4l has no process 'qq', which the exact likelihood needs; its processes: S, SBI, B, NI"
    )
    assert expected in message(change, EMBEDDED)
    data = copy.deepcopy(EMBEDDED)
    change(data)
    data.pop("oracle")
    data.pop("audit")
    resolve(data)  # without it, any name is good


def test_an_unknown_branch_is_reported_once_and_not_for_every_sample():
    found = message(lambda c: c.update(selection="m4L > 220"), EMBEDDED)
    assert len(found.splitlines()) == 1


def test_problems_of_several_kinds_come_together():
    def change(data):
        data["scan"]["stop"] = 11
        data["processes"][0]["coefficient"] = "nu"
        data["baselines"][1]["numerator"] = "s"

    lines = message(change, EMBEDDED).splitlines()
    assert lines[0] == "my.yaml: 3 problems"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "baselines[discriminant].numerator",
        "scan",
        "processes[S].coefficient",
    ]


def test_globs_are_relative_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = "my.yaml: samples[all].files[0]: nothing matches 'data/*.root'; paths are relative to the working folder"
    assert message(lambda c: None, FILES, files=True).startswith(expected)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.root").touch()
    resolve(FILES)
    remote = copy.deepcopy(FILES)
    remote["samples"][0]["files"] = ["root://server//data/a.root"]
    resolve(remote)  # only its server knows


def test_a_file_is_named_as_it_was_given(tmp_path):
    data = copy.deepcopy(EMBEDDED)
    data["scan"]["stop"] = 11
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigurationError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: scan: found 11")


def test_a_rate_of_zero_is_not_negative():
    data = copy.deepcopy(FILES)
    data["processes"] = [{"name": "signal", "coefficient": "theta"}, {"name": "other", "coefficient": "0.1*theta"}]
    resolve(data, files=False)
    data["processes"] = [
        {"name": "signal", "coefficient": "theta - sqrt(theta)", "yield": 3.3},
        {"name": "other", "coefficient": "sqrt(theta)", "yield": 3.3},
    ]
    resolve(data, files=False)


COEFFICIENTS = Coefficients(["mu"], ["mu - sqrt(mu)", "sqrt(mu)"], {"mu": 1.0})


def test_the_total_rate_with_real_yields():
    # S + I + B with I = 0.5: mu S + sqrt(mu) I
    np.testing.assert_allclose(check_total_rate(COEFFICIENTS, [10.0, 10.5], [0.0, 1.0, 4.0]), [0.0, 10.5, 41.0])


def test_a_negative_total_rate_names_the_worst_place_and_the_terms():
    # 10 mu - 9.5 sqrt(mu) is least at sqrt(mu) = 0.475: -2.256
    with pytest.raises(ModelError) as error:
        check_total_rate(COEFFICIENTS, np.array([10.0, 0.5]), np.linspace(0, 2, 2001))
    text = str(error.value)
    assert "the expected rate is -2.256 events at mu = 0.226" in text
    assert "at 902 of 2001 points" in text  # 0 < mu < 0.9025
    assert "(mu - sqrt(mu)) * 10, (sqrt(mu)) * 0.5" in text


def test_an_undefined_total_rate_is_an_error():
    with pytest.raises(ModelError, match=r"is nan events at mu = 1\b"):
        check_total_rate(COEFFICIENTS, [1.0, np.nan], [1.0])


def test_processes_outside_the_reference_need_not_share_networks():
    data = copy.deepcopy(FILES)
    data["processes"].append({"name": "joint", "coefficient": "1"})
    data["samples"][0]["weights"]["joint"] = "w3"
    assert resolve(data, files=False).ensembles.joint == []  # and the name is free
    data["processes"][-1]["name"] = "third"
    data["samples"][0]["weights"]["third"] = data["samples"][0]["weights"].pop("joint")
    data |= {
        "ensembles": {"joint": ["other", "signal"]},
        "reference": [{"process": name} for name in ("signal", "other")],
    }
    assert resolve(data, files=False).ensembles.joint == ["other", "signal"]
