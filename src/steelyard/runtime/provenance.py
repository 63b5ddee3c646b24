"""The versions that a result was made with: of the packages, and of the training."""

import importlib.metadata
import platform

from steelyard import __version__

PACKAGE = "steelyard"

# The packages whose versions can change a number in the results.
_RECORDED = (
    "numpy",
    "scipy",
    "numba",
    "torch",
    "lightning",
    "iminuit",
    "uproot",
    "awkward",
    "dask",
    "pyhf",
    "snakemake",
)


def versions() -> dict[str, str]:
    """Versions of Python, of Steelyard and of every package that can change a number."""
    found = {"python": platform.python_version(), PACKAGE: __version__}
    return found | {name: importlib.metadata.version(name) for name in _RECORDED}
