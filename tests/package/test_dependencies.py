"""What ``pyproject.toml``, the pins of ``envs/`` and the imports say of the dependencies: the same."""

import ast
import re
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / "envs"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())

# Needed though no line imports them: uproot.dask wants the first two, Snakemake finds the third by its name.
NOT_IMPORTED = {"awkward", "dask-awkward", "snakemake-executor-plugin-slurm"}
OF_PYDANTIC = "pydantic-core"  # belongs to one version of pydantic, which requires it


def pins(*names):
    """Package: version."""
    lines = [line for name in names for line in (ENVIRONMENTS / name).read_text().splitlines()]
    stated = [line.split("==") for line in lines if line and not line.startswith("#")]
    found = {canonicalize_name(name): version for name, version in stated}
    assert len(found) == len(stated), "a package is pinned twice"
    return found


def declared():
    """Package: requirement, of the library itself and of its extras."""
    lines = PROJECT["project"]["dependencies"] + [
        line for extra, lines in PROJECT["project"]["optional-dependencies"].items() for line in lines if extra != "all"
    ]
    requirements = list(map(Requirement, lines))
    found = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    assert len(found) == len(requirements), "a package is declared twice"
    return found


def imported(folder):
    """Packages that the sources of a folder import, by the names that are installed."""
    installed = packages_distributions()
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"steelyard"}
            found |= {canonicalize_name(installed[top][0]) for top in tops}
    return found


def test_the_extras_and_the_library_need_what_is_pinned():
    assert declared().keys() | {"setuptools"} == pins("requirements.txt").keys()


def test_every_pin_is_allowed():
    pinned = pins("requirements.txt")
    build = {
        name: Requirement(line) for line in PROJECT["build-system"]["requires"] for name in [Requirement(line).name]
    }
    for name, requirement in (declared() | build).items():
        assert Version(pinned[name]) in requirement.specifier, f"{requirement}, but {pinned[name]} is pinned"


def test_the_extra_all_names_every_other():
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.name == PROJECT["project"]["name"]
    assert everything.extras == extras.keys() - {"all"}


def test_what_is_imported_is_declared_and_the_other_way_round():
    assert imported(REPOSITORY / "src") - {OF_PYDANTIC} == declared().keys() - NOT_IMPORTED


def test_scripts_import_nothing_of_their_own():
    assert imported(REPOSITORY / "workflow" / "scripts") <= declared().keys()


def test_pins_of_different_files_do_not_contradict():
    for other in ("dev.txt", "htcondor.txt", "benchmarks.txt"):
        pins("requirements.txt", "constraints.txt", other)


def test_the_conda_environment_is_up_to_date():
    text = runpy.run_path(str(ENVIRONMENTS / "conda.py"))["text"]()
    assert (ENVIRONMENTS / "steelyard.yaml").read_text() == text, "run: make conda"


def test_the_conda_environment_works_from_any_folder():
    """Snakemake copies it elsewhere before conda reads it: it names packages, and no file, folder or option of pip."""
    made = yaml.safe_load((ENVIRONMENTS / "steelyard.yaml").read_text())["dependencies"]
    python, (inner,) = Requirement(made[0].replace(" =", "==")), [item for item in made if isinstance(item, dict)]
    assert Version(str(python.specifier).removeprefix("==")) >= Version("3.11")
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in inner["pip"])
    libraries = pins("requirements.txt").items()
    wanted = {f"{name}=={version}" for name, version in libraries if not name.startswith("snakemake")}
    assert wanted <= set(inner["pip"])


@pytest.mark.parametrize("rules", sorted((REPOSITORY / "workflow" / "rules").glob("*.smk")), ids=lambda path: path.stem)
def test_every_rule_with_a_script_has_that_environment(rules):
    text = rules.read_text()
    with_script, with_conda = (len(re.findall(rf"^ +{word}:$", text, re.MULTILINE)) for word in ("script", "conda"))
    assert with_script == with_conda == text.count('"../../envs/steelyard.yaml"')
