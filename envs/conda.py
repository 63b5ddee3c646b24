"""Writes ``steelyard.yaml``, the environment of the rules under ``--software-deployment-method conda``: ``make conda``.

Snakemake copies that file to another folder before conda reads it, so it can name no other file: the pins of
``requirements.txt`` and of ``constraints.txt`` are written into it. Snakemake and its plugins are left out, since
scripts find those of the Snakemake that runs them. So is Steelyard: the workflow puts its own ``src`` on their path.
"""

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent

ELSEWHERE = re.compile(r"snakemake\b.*")

HEAD = """\
# Made by `make conda` from requirements.txt and constraints.txt; envs/conda.py says how.
# The environment of the rules for those who let Snakemake make it (--software-deployment-method conda).
# make run and make test use the same pins in one virtual environment instead.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python =3.11
  - pip
  - pip:
"""


def pins(*names: str) -> dict[str, str]:
    """Package: its line ``name==version`` in these files."""
    lines = [line.split("#")[0].strip() for name in names for line in (HERE / name).read_text().splitlines()]
    return {canonicalize_name(line.split("==")[0]): line for line in lines if line}


def needed(roots: Iterable[str]) -> set[str]:
    """The given packages and all that they require, as the installed ones say."""
    seen: set[tuple[str, str]] = set()  # package and extra
    waiting = [(name, "") for name in roots]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or ELSEWHERE.fullmatch(name):
            continue
        seen.add((name, extra))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:  # what another build of a package brings, such as torch for CUDA
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), inner) for inner in ("", *requirement.extras)]
    return {name for name, _ in seen}


def text() -> str:
    """The whole file."""
    known = pins("requirements.txt", "constraints.txt")
    wanted = needed(pins("requirements.txt"))
    return HEAD + "".join(f"      - {known[name]}\n" for name in sorted(wanted & known.keys()))


if __name__ == "__main__":
    sys.stdout.write(text())
