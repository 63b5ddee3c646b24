"""A diagnostic of the model or of the fit is one new file: its check runs, is configured, and has its remedy."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/steelyard"
# Compiled code is kept by the path of its source, and no diagnostic touches it: it is not copied but used as it lies.
COMPILED = ("numerics", "model", "likelihood")

OF_THE_MODEL = '''"""Does one event carry too much of the expected data?"""

from collections.abc import Iterator

from steelyard.checks import Check, Kind, Level, at_most
from steelyard.diagnostics.stages import ModelInputs

LARGEST = Kind(
    title="Largest weight",
    name="largest weight at {value}",
    levels={"largest_weight": Level(0.001, 0.002, "Largest weight of one reference event, in expected events.")},
    remedy="simulate more of what this event is",
)


def diagnose(given: ModelInputs) -> Iterator[Check]:
    """The largest weight of the expected data at each truth."""
    for truth in given.truths:
        largest = float(given.model.asimov_weights(truth).max())
        yield at_most(LARGEST.of(value=f"{truth:g}"), largest, given.thresholds.largest_weight)
'''

OF_THE_FIT = '''"""Does the fit know the parameter at all?"""

from collections.abc import Iterator

from steelyard.checks import Check, Kind, Level, at_most
from steelyard.diagnostics.stages import InferenceInputs

ERROR = Kind(
    title="Error of the fit",
    name="error of the fit, {data} data",
    levels={"fit_error": Level(0.01, 0.02, "Parabolic error of the best fit.")},
    remedy="take more data",
)


def diagnose(given: InferenceInputs) -> Iterator[Check]:
    """The error of each data set's fit."""
    for data, scan in given.scans.items():
        yield at_most(ERROR.of(data=data), scan.fit.uncertainty, given.thresholds.fit_error)
'''

# What the jobs of the two stages do, on a model of 2 x 2,000 events in x: the signal rises with x, the background is
# flat. The levels are those of the configuration whose path is the argument.
STAGES = """
import json, sys, tempfile
from pathlib import Path
import numpy as np
from steelyard.configuration.schema import load
from steelyard.data.identifiers import Split, event_ids
from steelyard.data.reference import mix_reference
from steelyard.data.reference_events import reference_events
from steelyard.data.store import Sample, SampleInfo
from steelyard.diagnostics.catalogue import remedy_of
from steelyard.diagnostics.event_table import event_table
from steelyard.diagnostics.model.model_diagnosis import ModelDiagnosis, diagnose_model
from steelyard.diagnostics.stages import InferenceInputs, run_registered
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.inference.fit import scan
from steelyard.io.serialisation import from_json, to_json
from steelyard.model.coefficients import Coefficients
from steelyard.regions.unbinned import build_model
from steelyard.runtime.code_digest import code_digest

settings = load(sys.argv[1]).model_dump(mode="json", by_alias=True)
thresholds = Thresholds.model_validate(settings["diagnostics"]["thresholds"])
folder, names, n = Path(tempfile.mkdtemp(dir=sys.argv[2])), ("S", "B"), 2000
x = (np.arange(n) + 0.5) / n
samples, paths = [], []
for name, values in zip(names, (np.sqrt(x), x)):
    info = SampleInfo(name, (name,), ("x",), ("x",), n, n, {name: 100.0}, {}, {}, (f"{name}.root",))
    features = values.astype(np.float32)[:, None]
    samples.append(Sample(info, features, features, np.full((n, 1), 100.0 / n), event_ids(name, [np.arange(n)])))
    paths.append(str(folder / f"{name}.npy"))
    densities = np.stack([2.0 * values, np.ones(n)], axis=1)
    np.save(paths[-1], np.log(densities / densities.mean(axis=1, keepdims=True)))
reference = mix_reference(samples, names, None, Split("held_out", 0.5, 5))
table = event_table(samples, reference, paths)
coefficients = Coefficients(("mu",), ("mu", "1"), {"mu": 1.0})
model = build_model(reference.yields, coefficients, (0.0, 5.0), table.log_r, reference_events(samples, reference))
expected = scan(model.asimov(1.0), np.linspace(0.0, 3.0, 7))
to_json(diagnose_model(table, model, reference, expected.mu, [1.0], thresholds, expected), folder / "model.json")
fits = dict.fromkeys(
    ("exact_scans", "inferences", "exact_inferences", "impacts", "exact_impacts", "belts", "references"), {}
)
given = InferenceInputs("mu", (0.0, 5.0), thresholds, scans={"asimov": expected}, **fits)
checks = [*from_json(ModelDiagnosis, folder / "model.json").checks, *run_registered(given)]
print(json.dumps({
    "checks": {check.name: [check.value, check.threshold, check.status, remedy_of(check.name)] for check in checks},
    "levels": [settings["diagnostics"]["thresholds"].get(key) for key in ("largest_weight", "fit_error")],
    "largest": float(model.asimov_weights(1.0).max()),
    "error": expected.fit.uncertainty,
    "digests": [code_digest(f"diagnostics.{stage}") for stage in ("ratio", "model", "inference")],
}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the library that takes its compiled rooms from the original, and the folder that it lies in."""
    folder = tmp_path_factory.mktemp("contributed")
    copy = folder / "src/steelyard"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", *COMPILED))
    shutil.copytree(PACKAGE / "diagnostics/model", copy / "diagnostics/model", dirs_exist_ok=True)
    (copy / "__init__.py").write_text(f"{(PACKAGE / '__init__.py').read_text()}\n__path__.append({str(PACKAGE)!r})\n")
    return folder


def run(folder, thresholds):
    """What the stages find, with these levels in the configuration."""
    configuration = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    configuration.setdefault("diagnostics", {}).setdefault("thresholds", {}).update(thresholds)
    path = folder / "my.yaml"
    path.write_text(yaml.safe_dump(configuration))
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-c", STAGES, str(path), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def changed_files(folder):
    """Files of the copy that the original has not, or has otherwise."""
    copy = folder / "src/steelyard"
    files = [path.relative_to(copy) for path in copy.rglob("*.py") if path != copy / "__init__.py"]
    return sorted(
        str(path)
        for path in files
        if not (PACKAGE / path).exists() or not filecmp.cmp(copy / path, PACKAGE / path, shallow=False)
    )


def test_a_diagnostic_of_the_model_and_one_of_the_fit_are_one_file_each(package):
    before = run(package, {})
    for path, text in (("model/largest_weight.py", OF_THE_MODEL), ("inference/fit_error.py", OF_THE_FIT)):
        (package / "src/steelyard/diagnostics" / path).write_text(text)
    # One new file for each, and not a line elsewhere: neither in the library, nor in a rule or a script.
    assert changed_files(package) == ["diagnostics/inference/fit_error.py", "diagnostics/model/largest_weight.py"]

    after = run(package, {})
    new = {name: check for name, check in after["checks"].items() if name not in before["checks"]}
    assert list(new) == ["largest weight at 1", "error of the fit, asimov data"]
    assert new["largest weight at 1"] == [after["largest"], 0.002, "FAIL", "simulate more of what this event is"]
    assert new["error of the fit, asimov data"] == [after["error"], 0.02, "FAIL", "take more data"]
    assert {name: after["checks"][name] for name in before["checks"]} == before["checks"]
    assert before["levels"] == [None, None]
    assert after["levels"] == [{"warn": 0.001, "fail": 0.002}, {"warn": 0.01, "fail": 0.02}]

    # Levels of the configuration, one of them as a single number.
    lenient = run(package, {"largest_weight": 1.0, "fit_error": {"warn": 1e-4, "fail": 10.0}})["checks"]
    assert lenient["largest weight at 1"][1:3] == [1.0, "PASS"]
    assert lenient["error of the fit, asimov data"][1:3] == [1e-4, "WARN"]

    # The jobs of these two stages run again, those of another do not.
    same = [one == other for one, other in zip(before["digests"], after["digests"], strict=True)]
    assert same == [True, False, False]


@pytest.mark.parametrize(
    ("rule", "stage"),
    [
        ("diagnose_ratio", "ratio"),
        ("diagnose_systematic", "variation"),
        ("diagnose_model", "model"),
        ("measure_simulation", "simulation"),
        ("diagnose_factorisation", "factorisation"),
        ("compare_oracle", "oracle"),
        ("summarise_results", "inference"),
    ],
)
def test_a_job_runs_again_with_the_whole_folder_of_its_stage(rule, stage):
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    text = rules.split(f"rule {rule}:")[1].split("\nrule ")[0]
    assert f'"diagnostics.{stage}"' in text.split("code=code(")[1]
