"""A user's own ntuples: other names, a linear parameter, cross-fitting; no simulator, observed data, or observables.

The simulation of its signal has events of negative weight, as that of many generators has.
"""

import json

import numpy as np
import pytest
import uproot
import yaml
from workspaces import Workspace

EVENTS = 4000
NEGATIVE = 0.3 / 1.6  # of the signal's events


def write_ntuple(path, shift, yields, seed, mutate=None, signs=False):
    """Two Gaussian variables whose mean depends on the process."""
    generator = np.random.default_rng(seed)
    branches = {
        "run": np.full(EVENTS, seed, dtype=np.int32),
        "number": np.arange(EVENTS, dtype=np.int64),
        "x": generator.normal(shift, 1.0, EVENTS).astype(np.float32),
        "y": generator.normal(0.0, 1.0, EVENTS).astype(np.float32),
        "w": np.full(EVENTS, yields / EVENTS),
    }
    if mutate:
        mutate(branches)
    if signs:  # p = 1.3 p_a - 0.3 p_b, where p_b is narrower: positive everywhere
        negative = generator.uniform(size=EVENTS) < NEGATIVE
        branches["w"] *= np.where(negative, -1.0, 1.0)
        branches["w"] *= yields / branches["w"].sum()
        branches["x"][negative] = generator.normal(shift, 0.8, EVENTS)[negative]
        branches["y"][negative] = generator.normal(0.0, 0.8, EVENTS)[negative]
    path.parent.mkdir(exist_ok=True)
    with uproot.recreate(path) as file:
        file["tree"] = branches


def configuration():
    """A counting-like search with one signal strength."""

    def sample(name):
        return {
            "name": name,
            "files": [f"ntuples/{name}*.root"],
            "tree": "tree",
            "event_id": ["run", "number"],
            "weights": {name: "w"},
        }

    return {
        "analysis": "tiny",
        "seed": 3,
        "parameters": [{"name": "theta", "nominal": 1.0, "bounds": [0.0, 5.0]}],
        "processes": [
            {"name": "signal", "coefficient": "theta"},
            {"name": "background", "coefficient": "1"},
        ],
        "samples": [sample("signal"), sample("background")],
        "features": [{"name": "x", "expression": "x"}, {"name": "y", "expression": "y"}],
        "split": {"method": "cross_fit", "folds": 5},
        "ensembles": {"members": 5, "bootstrap": True, "combination": "log_ratio"},
        "training": {"hidden": [8], "epochs": 2, "batch_size": 256},
        "scan": {"start": 0.0, "stop": 3.0, "points": 13},
        "belts": {"points": [0.0, 1.0, 3.0], "toys": 60, "toys_per_job": 60},
        "baselines": [{"name": "p", "kind": "parameterised", "bins": 8}],
    }


def prepare(workspace):
    """ROOT files and a configuration of the workspace's own."""
    write_ntuple(workspace.folder / "ntuples" / "signal.root", 1.0, 50.0, 1, signs=True)
    write_ntuple(workspace.folder / "ntuples" / "background.root", 0.0, 200.0, 2)
    (workspace.folder / "tiny.yaml").write_text(yaml.safe_dump(configuration()))
    return workspace


@pytest.fixture
def own(workspace):
    """A workspace with ROOT files and a configuration of its own."""
    return prepare(workspace)


@pytest.fixture(scope="module")
def own_finished(tmp_path_factory):
    """The same, run to its end once."""
    made = prepare(Workspace(tmp_path_factory.mktemp("own")))
    done = made.snakemake()
    assert done.code == 0, done.text[-5000:]
    return made


def test_a_users_analysis_runs_to_its_end(own_finished):
    summary = json.loads((own_finished.results / "summary.json").read_text())
    assert summary["parameter"] == "theta"
    assert set(summary["results"]) == {"asimov"}  # no data: absent, not null
    result = summary["results"]["asimov"]
    assert set(result["levels"]["0.6827"]) == {"neyman", "asymptotic", "ends", "errors"}
    # Gaussian variables with known means: sigma(theta) of the exact likelihood is 0.26 here.
    ((low, high),) = result["levels"]["0.6827"]["asymptotic"]
    assert 0.35 < high - low < 0.7
    assert result["hat"] == pytest.approx(1.0, abs=1e-3)


def test_negative_weights_run_to_a_belt_and_are_told(own_finished):
    summary = json.loads((own_finished.results / "summary.json").read_text())
    ((low, high),) = summary["results"]["asimov"]["levels"]["0.6827"]["neyman"]
    assert low < 1.0 < high
    # 4,000 draws of a sign, of which 18.75 % are negative
    assert summary["negative_weights"]["signal"] == pytest.approx(NEGATIVE, abs=4 * (NEGATIVE / EVENTS) ** 0.5)
    assert summary["negative_weights"]["background"] == 0.0
    assert "Events of negative weight" in (own_finished.results / "result.html").read_text()
    (check,) = [check for check in summary["checks"] if check["name"] == "negative Asimov weights"]
    assert check["status"] == "PASS"


def test_a_negative_rate_is_an_error_with_numbers_and_trains_nothing(own_finished):
    """A coefficient whose sum turns negative: known only once the yields are."""
    changed = configuration()
    changed["processes"][0]["coefficient"] = "1 - 3*theta"
    (own_finished.folder / "tiny.yaml").write_text(yaml.safe_dump(changed))
    done = own_finished.snakemake("results/tiny/toys/any/mu-3/batch-0.npz")
    assert done.code != 0 and "train_member" not in done.text
    (message,) = {line for line in done.text.splitlines() if line.startswith("Error: ")}
    assert "the expected rate is -200 events at theta = 3" in message


def broken(own, **changes):
    """Rewrite the signal's file with one thing wrong, and run up to the first job that trains."""
    write_ntuple(own.folder / "ntuples" / "signal.root", 1.0, 50.0, 1, **changes)
    done = own.snakemake("results/tiny/ratios/signal/member-0/network.pt")
    assert done.code != 0
    assert not list(own.results.glob("ratios/*/member-*/network.pt"))
    return done.text


def drop(name):
    return lambda branches: branches.pop(name)


def spoil(name, value):
    def mutate(branches):
        branches[name][7] = value

    return mutate


def empty(branches):
    for name in branches:
        branches[name] = branches[name][:0]


def cancel(branches):
    branches["w"][::2] *= -1.0


@pytest.mark.parametrize(
    ("mutate", "words"),
    [
        (drop("y"), ["signal.root", "tree", "'y'"]),
        (empty, ["signal.root", "tree"]),
        (spoil("x", np.nan), ["signal.root", "feature x", "1"]),
        (cancel, ["signal", "weight"]),
    ],
    ids=["missing branch", "empty tree", "NaN feature", "zero-sum weights"],
)
def test_bad_ntuples_are_one_clear_error_before_any_training(own, mutate, words):
    text = broken(own, mutate=mutate)
    (message,) = {line for line in text.splitlines() if line.startswith("Error: ")}
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(trainig=c.pop("training")), ["tiny.yaml", "trainig", "training"]),
        (lambda c: c["belts"].update(points=[0.0, 9.0]), ["belts.points", "9", "5"]),
        (lambda c: c["samples"][0].update(files=["ntuples/sigmal*.root"]), ["samples[signal].files", "sigmal"]),
        (lambda c: c["processes"][0].update(coefficient="tehta"), ["tehta", "theta"]),
    ],
    ids=["typo in a key", "grid outside the bounds", "no file", "unknown parameter"],
)
def test_a_bad_configuration_is_one_clear_error_before_any_job(own, change, words):
    changed = configuration()
    change(changed)
    (own.folder / "tiny.yaml").write_text(yaml.safe_dump(changed))
    done = own.snakemake()
    assert done.code != 0 and not own.results.exists()
    assert all(word in done.text for word in words), done.text
