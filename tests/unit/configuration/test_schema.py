import copy
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from steelyard.configuration.__main__ import main
from steelyard.configuration.schema import Configuration, Process, load, resolve, schema
from steelyard.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow/schemas/configuration.schema.json"
EMBEDDED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
# The smallest configuration there is: all else has defaults.
SMALL = {
    "analysis": "small",
    "parameters": [{"name": "theta", "nominal": 1, "bounds": [0, 2]}],
    "processes": [{"name": "signal", "coefficient": "theta"}, {"name": "other", "coefficient": 1}],
    "samples": [{"name": "all", "files": ["a.root"], "weights": {"signal": "w1", "other": "w2*1.5"}}],
    "features": [{"name": "x", "expression": "x"}],
    "scan": {"stop": 2},
    "belts": {"points": [0, 1, 2]},
}


def changed(change, base=EMBEDDED):
    data = copy.deepcopy(base)
    change(data)
    return data


def message(change, base=EMBEDDED):
    with pytest.raises(ConfigurationError) as error:
        resolve(changed(change, base), source="my.yaml", files=False)
    return str(error.value)


@pytest.mark.parametrize("file", ["config/config.yaml", "config/paper.yaml"])
def test_the_configurations_of_the_repository_are_valid(file):
    configuration = load(ROOT / file)
    jsonschema.validate(yaml.safe_load((ROOT / file).read_text()), schema())
    assert configuration.parameter.name == "mu"


def test_the_paper_scale_is_that_of_the_paper():
    paper = load(ROOT / "config/paper.yaml")
    assert (paper.ensembles.members, paper.ensembles.bootstrap) == (100, True)
    assert (paper.training.hidden, paper.training.activation, paper.training.optimizer) == ([1000] * 5, "silu", "nadam")
    assert (len(paper.belts.points), paper.belts.toys) == (61, 5000)
    assert load(ROOT / "config/config.yaml").analysis != paper.analysis  # their results must not mix


def test_defaults_make_a_small_configuration_complete():
    configuration = resolve(SMALL, files=False)
    assert configuration.samples[0].id_scope == "all"
    assert configuration.samples[0].labels == "soft"
    assert configuration.processes[1].coefficient == "1"
    assert configuration.processes[0].label == "signal"
    assert configuration.reference is None
    assert configuration.split.method == "held_out"
    assert configuration.diagnostics.thresholds.normalisation.fail == 0.005
    assert configuration.nominal == {"theta": 1.0}
    assert configuration.simulator is None
    np.testing.assert_array_equal(configuration.scan.grid[:3], [0.0, round(2 / 60, 12), round(4 / 60, 12)])
    curve = configuration.scan.curve
    np.testing.assert_array_equal(curve[[0, 1, 6]], [0.0, round(2 / 60 / 64, 12), round(2 / 60 / 2, 12)])
    np.testing.assert_array_equal(curve[7:], configuration.scan.grid[1:])


def test_plain_data_goes_there_and_back():
    configuration = resolve(EMBEDDED)
    data = configuration.model_dump(mode="json", by_alias=True)
    assert resolve(json.loads(json.dumps(data))) == configuration
    assert "yield" in data["processes"][0] and "yield_" not in data["processes"][0]
    jsonschema.validate(data, schema())


def test_the_training_of_a_perceptron_is_recorded_as_before_there_was_a_choice():
    """In this order too: rules hand it to their jobs as text, and another text would train all networks again."""
    keys = ["hidden", "activation", "optimizer", "learning_rate", "warmup", "weight_decay", "batch_size", "epochs"]
    for change in (lambda c: None, lambda c: c["training"].update(architecture="perceptron")):
        data = resolve(changed(change)).model_dump(mode="json", by_alias=True)
        for training in (data["training"], data["variations"]["training"]):
            assert list(training) == [*keys, "patience", "validation_fraction"]
    expected = "my.yaml: training.architecture: found 'perceptrn'; did you mean 'perceptron'? (choose from: perceptron)"
    assert message(lambda c: c["training"].update(architecture="perceptrn")) == expected


def test_configurations_are_immutable():
    with pytest.raises(Exception, match="frozen"):
        resolve(EMBEDDED).seed = 3


def test_yields_are_called_yield():
    assert Process(name="a", coefficient="1", yield_=3.0) == Process.model_validate(
        {"name": "a", "coefficient": "1", "yield": 3.0}
    )


def test_the_nominal_experiment_is_recorded():
    data = changed(lambda data: data["observed"].update(simulate={"model": "offshell4l"}))
    first = resolve(data)
    assert first.observed.simulate.parameters == {"mu": 1.0}
    data["parameters"][0]["nominal"] = 2.0  # no state is shared between configurations
    assert resolve(data).observed.simulate.parameters == {"mu": 2.0}
    assert first.observed.simulate.parameters == {"mu": 1.0}


def test_numbers_as_people_write_them():
    data = yaml.safe_load("{events: 1e6, parts: 2.0, model: offshell4l}")
    configuration = resolve(changed(lambda c: c["samples"][0].update(simulate=data)))
    assert configuration.samples[0].simulate.events == 1_000_000
    assert configuration.samples[0].simulate.parts == 2
    assert "belts.toys: found 1000.5" in message(lambda c: c["belts"].update(toys=1000.5))
    assert "belts.significance: found 'both'" in message(lambda c: c["belts"].update(significance="both"))
    assert "belts.expected_toys: found -1" in message(lambda c: c["belts"].update(expected_toys=-1))


def test_points_may_be_a_grid():
    data = changed(lambda c: c["belts"].update(points={"start": 0, "stop": 3, "points": 61}))
    points = resolve(data).belts.points
    assert len(points) == 61 and points[1] == 0.05 and points[-1] == 3.0


def test_one_number_is_both_levels_of_a_threshold():
    data = changed(lambda c: c.update(diagnostics={"thresholds": {"auc": 0.52, "closure": {"warn": 0.1, "fail": 0.2}}}))
    thresholds = resolve(data).diagnostics.thresholds
    assert (thresholds.auc.warn, thresholds.auc.fail) == (0.52, 0.52)
    assert (thresholds.closure.warn, thresholds.closure.fail) == (0.1, 0.2)


def rename(data, old, new):
    data[new] = data.pop(old)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda c: rename(c, "training", "traning"),
            "my.yaml: traning: unknown key; did you mean 'training'? (valid keys: analysis, seed, ",
        ),
        (
            lambda c: rename(c["samples"][0], "weights", "wieghts"),
            "my.yaml: samples[gg].wieghts: unknown key; did you mean 'weights'? (valid keys: files, simulate, ",
        ),
        (
            lambda c: rename(c["baselines"][1], "numerator", "numerater"),
            "my.yaml: baselines[discriminant].numerater: unknown key; did you mean 'numerator'?",
        ),
        (
            lambda c: c.update(diagnostics={"thresholds": {"acu": 0.52}}),
            "my.yaml: diagnostics.thresholds.acu: unknown key; did you mean 'auc'?",
        ),
        (lambda c: c.pop("belts"), "my.yaml: belts: this key is required and not there; add it"),
        (
            lambda c: c.update(belts=None),
            "my.yaml: belts: found nothing after the key; write a mapping with the keys levels, points, toys,",
        ),
        (lambda c: c.update(samples={}), "my.yaml: samples: found {}; it should be a valid list"),
        (
            lambda c: c["training"].update(optimizer="nadan"),
            "my.yaml: training.optimizer: found 'nadan'; did you mean 'nadam'? (choose from: adam, nadam, adamw)",
        ),
        (
            lambda c: c["split"].update(train_fraction=1.0),
            "my.yaml: split.train_fraction: found 1.0; it should be less than 1",
        ),
        (
            lambda c: c["training"].update(hidden=[64, 0]),
            "my.yaml: training.hidden[1]: found 0; it should be greater than 0",
        ),
        (
            lambda c: c["processes"][0].update(name=False),
            "my.yaml: processes[0].name: found False; a number or text is needed here; YAML reads unquoted yes, no",
        ),
        (
            lambda c: c["belts"].update(toys=True),
            "my.yaml: belts.toys: found True; a number or text is needed here; YAML reads unquoted yes, no",
        ),
        (
            lambda c: c["processes"][0].update(name="4l"),
            "my.yaml: processes[4l].name: found '4l'; a name has letters, digits and _ and starts with a letter",
        ),
        (
            lambda c: c["processes"][0].update(coefficient="sqtr(mu)"),
            "my.yaml: processes[S].coefficient: found 'sqtr(mu)'; 'sqtr(mu)' (column 1): unknown function 'sqtr'; "
            "did you mean 'sqrt'?",
        ),
        (
            lambda c: c.update(selection="m4l > 220 & m4l < 1500"),
            "my.yaml: selection: found 'm4l > 220 & m4l < 1500'; '220 & m4l' in 'm4l > 220 & m4l < 1500' (column 7): "
            "write 'and' instead of '&'",
        ),
        (
            lambda c: c.update(reference=[{"process": "S", "weight": -1}]),
            "my.yaml: reference[S].weight: found -1; it should be greater than 0",
        ),
        (lambda c: c.update(reference=[]), "my.yaml: reference: found []; "),
        (
            lambda c: c["belts"].update(points={"start": 0, "stp": 3}),
            "my.yaml: belts.points: found {'start': 0, 'stp': 3}; it should be a list of numbers, or a mapping {start,",
        ),
        (
            lambda c: c["baselines"][0].update(bins="many"),
            "my.yaml: baselines[m4l].bins: found 'many'; it should be a valid integer, unable to parse string as an "
            "integer or it should be a valid list",
        ),
        (
            lambda c: c.update(ingestion={"scheduler": "thread"}),
            "my.yaml: ingestion.scheduler: found 'thread'; did you mean 'threads'?",
        ),
        (
            lambda c: c["parameters"][0].update(nominal=float("nan")),
            "my.yaml: parameters[mu].nominal: found nan; it should be a finite number",
        ),
        (
            lambda c: c["split"].update(folds=2),
            "my.yaml: split.folds: found 2; it should be greater than or equal to 5",
        ),
        (
            lambda c: c["oracle"].update(model="offshel4l"),
            "my.yaml: oracle.model: found 'offshel4l'; did you mean 'offshell4l'?",
        ),
    ],
)
def test_an_error_names_file_key_finding_and_remedy(change, expected):
    found = message(change)
    assert found.startswith(expected)
    assert len(found.splitlines()) == 1


def test_several_problems_are_listed_together():
    def change(data):
        data["traning"] = {}
        data["belts"]["toys"] = "many"
        data["samples"][1]["tre"] = "events"

    lines = message(change).splitlines()
    assert lines[0] == "my.yaml: 3 problems"
    assert sorted(line.split(":")[0].strip() for line in lines[1:]) == ["belts.toys", "samples[qqZZ].tre", "traning"]


def test_a_distributed_scheduler_is_an_address():
    data = changed(lambda c: c.update(ingestion={"scheduler": "tcp://node1:8786"}))
    assert resolve(data).ingestion.scheduler == "tcp://node1:8786"


def write(folder, text):
    path = folder / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("analysis: [a, b", "my.yaml, line 1, column 16: expected ',' or ']'"),
        ("analysis: a\n  seed: 3\n", "my.yaml, line 2, column 7: mapping values are not allowed here"),
        ("seed: 1\nanalysis: a\nseed: 2\n", "my.yaml, line 3, column 1: the key 'seed' appears twice, first in line 1"),
        ("scan: {stop: 1, stop: 2}", "my.yaml, line 1, column 17: the key 'stop' appears twice, first in line 1"),
        ("", "my.yaml: found nothing, expected a mapping with keys such as 'analysis'"),
        ("- analysis", "my.yaml: found a list, expected a mapping"),
        (b"analysis: \xff\xfe", "my.yaml: cannot be read: it is not UTF-8 text"),
        ("a: \x00", "unacceptable character"),
    ],
)
def test_yaml_that_is_wrong_is_one_clear_error(tmp_path, text, expected):
    with pytest.raises(ConfigurationError) as error:
        load(write(tmp_path, text))
    assert expected in str(error.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml: cannot be read: No such file"):
        load(tmp_path / "nothing.yaml")


def test_anchors_and_merges_of_yaml_may_override_a_key(tmp_path):
    text = "base: &base {toys: 1000, points: [0, 1]}\nbelts:\n  <<: *base\n  toys: 2000\n"
    with pytest.raises(ConfigurationError) as error:
        load(write(tmp_path, text))
    assert "base: unknown key" in str(error.value)  # read well; only the helper's own key is too much
    assert "twice" not in str(error.value)


def test_the_committed_schema_is_that_of_the_models():
    assert json.loads(SCHEMA.read_text()) == schema(), f"run: python -m steelyard.configuration {SCHEMA}"
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_is_printed_or_written(tmp_path, capsys):
    main([])
    assert json.loads(capsys.readouterr().out) == schema()
    main([str(tmp_path / "schema.json")])
    assert json.loads((tmp_path / "schema.json").read_text()) == schema()


def test_the_schema_forbids_unknown_keys_everywhere_and_describes_every_key():
    definitions = [schema(), *schema()["$defs"].values()]
    assert len(definitions) > 20
    for definition in definitions:
        assert definition["additionalProperties"] is False
        for key, value in definition["properties"].items():
            assert value.get("description"), f"{definition['title']}.{key}"


def kind_of(value):
    """A readable type of a property of the schema."""
    if "$ref" in value:
        return f"[{value['$ref'].split('/')[-1]}](#{value['$ref'].split('/')[-1].lower()})"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    for choice in ("anyOf", "oneOf"):
        if choice in value:
            return " or ".join(kind_of(each) for each in value[choice] if each.get("type") != "null")
    if value["type"] == "array":
        inner = value["items"] if value.get("items") else value["prefixItems"][0]
        return f"list of {kind_of(inner)}"
    if value["type"] == "object":
        return f"mapping to {kind_of(value['additionalProperties'])}"
    return {"string": "text", "boolean": "true or false"}.get(value["type"], value["type"])


def default_of(key, value, definition):
    if key in definition.get("required", []):
        return "required"
    default = value["default"]
    if default is None or default == "":
        return ""
    if isinstance(default, dict) and kind_of(value).startswith("["):
        return "`" + ", ".join(f"{name}: {each:g}" for name, each in default.items()) + "`" if "fail" in default else ""
    return f"`{json.dumps(default)}`"


def cell(text):
    return text.replace("|", "\\|")


def table(definition):
    """The table of a model's keys as it stands in config/README.md."""
    rows = [
        f"| `{key}` | {kind_of(value)} | {default_of(key, value, definition)} | {cell(value['description'])} |"
        for key, value in definition["properties"].items()
    ]
    return "\n".join(["| Key | Type | Default | Meaning |", "|---|---|---|---|", *rows])


@pytest.mark.parametrize("name", ["Configuration", *schema()["$defs"]])
def test_every_key_is_in_the_readme_with_its_type_default_and_meaning(name):
    text = (ROOT / "config/README.md").read_text()
    definition = schema() if name == "Configuration" else schema()["$defs"][name]
    section = text.split(f"\n### {name}\n")[1].split("\n### ")[0]
    assert table(definition) in section, f"the section {name} needs this table:\n{table(definition)}"


def test_the_readme_lists_every_function_of_the_expressions():
    from steelyard.expressions.language import RESERVED

    text = (ROOT / "config/README.md").read_text()
    for word in RESERVED:
        assert f"`{word}`" in text or f"`{word}(" in text


def test_the_first_parameter_is_of_interest():
    assert isinstance(resolve(EMBEDDED), Configuration)
    assert resolve(EMBEDDED).parameter.bounds == (0.0, 10.0)
