"""Environments that hold some of the tested packages and no others, made of links in no time."""

import venv
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path


def make_environment(folder: Path, packages: Iterable[str]) -> Path:
    """An empty environment with links to these installed packages; returns its Python."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in packages:
        files = distribution(name)
        for top in {file.parts[0] for file in files.files or ()} - {"..", "__pycache__"}:
            (site / top).symlink_to(files.locate_file(top))
    return folder / "bin" / "python"
