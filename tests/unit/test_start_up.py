"""What the script of a job imports: a job that needs no network starts without torch, and so in less than a second."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "workflow" / "scripts").glob("*.py"))
# They need Lightning, which brings nearly everything.
TRAINING = {"train_member", "train_joint", "train_variation", "train_null"}

# Packages that take a noticeable part of a second, and the scripts that have a use for them.
NETWORKS = {
    "combine_ensemble",
    "diagnose_factorisation",
    "diagnose_ratio",
    "evaluate_ensemble",
    "evaluate_joint",
    "evaluate_variations",
    "measure_simulation",
    "measure_uncertainty",
    "simulate_experiments",
}
READING = {"ingest_sample", "ingest_variation"}
DRAWING = {script.stem for script in SCRIPTS if script.stem.startswith("plot_")}
USERS = {
    "torch": NETWORKS,
    "lightning": set(),
    "dask": READING,
    "distributed": set(),
    "uproot": set(),  # readers ask for it when they open a file
    "awkward": set(),
    "matplotlib": DRAWING,
    "mplhep": DRAWING,
    "pyhf": set(),
    "pandas": set(),
    "scipy.stats": set(),
    "snakemake": set(),
}

# Imports in a fork of one interpreter: each script starts from the same few modules, and none pays for the others.
IMPORTER = """
import ast, os, pickle, sys
import numpy
found = {}
for path in sys.argv[1:]:
    reader, writer = os.pipe()
    if os.fork() == 0:
        tree = ast.parse(open(path).read())
        tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec(compile(tree, path, "exec"), {})
        with os.fdopen(writer, "wb") as file:
            pickle.dump(set(sys.modules), file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        found[path] = file.read()
    os.wait()
sys.stdout.buffer.write(pickle.dumps(found))
"""


@pytest.fixture(scope="module")
def imported():
    """Script: the modules that its imports bring with them."""
    paths = [script for script in SCRIPTS if script.stem not in TRAINING]
    done = subprocess.run([sys.executable, "-c", IMPORTER, *map(str, paths)], capture_output=True, check=True)
    found = {Path(path).stem: pickle.loads(modules) for path, modules in pickle.loads(done.stdout).items()}
    assert len(found) == len(paths)
    return found


@pytest.mark.parametrize("package", USERS)
def test_a_package_is_imported_only_by_jobs_that_use_it(imported, package):
    found = {script for script, modules in imported.items() if package in modules}
    assert found <= USERS[package], f"{package} is also imported by {', '.join(sorted(found - USERS[package]))}"


def test_the_list_of_users_is_no_longer_than_needed(imported):
    """A script that has been freed of a package must stay so."""
    for package, users in USERS.items():
        assert {script for script in users if package not in imported[script]} == set(), package


def test_imports_stand_where_they_are_seen():
    """An import inside a script's `with` block would escape these tests."""
    for script in SCRIPTS:
        tree = ast.parse(script.read_text())
        inside = [node for top in tree.body for node in ast.walk(top) if node is not top]
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in inside), script.name
