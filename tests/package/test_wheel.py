"""The wheel, installed where nothing else is but the packages that it asks for: it imports, and fits."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from isolated import make_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")

# S + B events of which the signal's rise with x, in expected data at mu = 1.2: the fit gives the 1.2 back.
FIT = """
import numpy as np
import steelyard
from steelyard.model.coefficients import Coefficients
from steelyard.inference.fit import fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.mixture import Mixture

coefficients = Coefficients(("mu",), ("mu", "1"), {"mu": 1.0})
mixture = Mixture(("S", "B"), coefficients, np.array([30.0, 100.0]), (0.0, 10.0))
x = (np.arange(50) + 0.5) / 50
intensities = np.stack([60.0 * x, np.full(50, 100.0)], axis=1)
best = fit(Likelihood.of(mixture, intensities, (1.2 * intensities[:, 0] + intensities[:, 1]) / 50))
print(steelyard.__file__, best.valid, f"{best.hat:.4f}")
"""


def call(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the sources, since building leaves files beside them."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        REPOSITORY / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", ".ruff_cache")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    call(*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source)
    (made,) = folder.glob("*.whl")
    return made


def required(lines, extras=()):
    """Names of the packages that these requirements ask for, and all that those ask for in turn."""
    waiting = [(Requirement(line), extras) for line in lines]
    seen = set()
    while waiting:
        requirement, extras = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        item = (canonicalize_name(requirement.name), *sorted(requirement.extras))
        if item not in seen:
            seen.add(item)
            inner = distribution(requirement.name).requires or []
            waiting += [(Requirement(line), tuple(requirement.extras)) for line in inner]
    return {name for name, *_ in seen}


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A Python of an empty environment with the wheel and what it requires: links to the tested packages, no others."""
    (metadata,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    packages = required(re.findall(r"^Requires-Dist: (.+)$", text, re.MULTILINE))
    interpreter = make_environment(tmp_path_factory.mktemp("environment"), packages)
    call(*PIP, "--python", interpreter, "install", "--no-deps", "--no-index", "--no-compile", wheel)
    return interpreter


def test_the_wheel_has_all_modules_and_says_that_it_is_typed(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = REPOSITORY / "src"
    assert inside == {str(path.relative_to(source)) for path in source.rglob("*.py")} | {"steelyard/py.typed"}


def test_its_requirements_are_met_by_the_tested_packages(python):
    assert "No broken requirements" in call(*PIP, "--python", python, "check")


def test_it_fits_in_an_empty_environment(python, tmp_path):
    # Kernels are compiled once for a folder, in a minute; Python itself runs these in less than a second.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    printed = call(python, "-c", FIT, cwd=tmp_path, env=environment | {"NUMBA_DISABLE_JIT": "1"})
    file, valid, hat = printed.split()
    assert Path(file).is_relative_to(python.parents[1])
    assert (valid, hat) == ("True", "1.2000")
    missing = call(python, "-c", "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('dask'))")
    assert missing.split() == ["None", "None"]
