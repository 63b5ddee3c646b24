"""Models, likelihoods, fits, toys and belts give the numbers that are on file (tests/golden/compute.py)."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "golden"

# Another processor sums in another order, so that the last step of a fit may be one earlier or later: at an EDM of 1e-9
# that moves a best fit by the square root of it.
ELSEWHERE = {"rtol": 1e-4, "atol": 1e-4, "equal_nan": True}
# What depends on where a fit stopped, and not on where the minimum is.
STOPPING = (".edm",)


@pytest.fixture(scope="module")
def golden():
    # A process that compiles the engine has other last bits than one that loads what was compiled, as on file.
    subprocess.run([sys.executable, "-m", "steelyard.runtime.precompile"], check=True)
    specification = importlib.util.spec_from_file_location("golden_compute", FOLDER / "compute.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_numbers_are_those_on_file(golden):
    stored = json.loads((FOLDER / "numbers.json").read_text())
    found = golden.compute()
    assert found.keys() == stored["numbers"].keys()
    same_machine = golden.machine() == stored["machine"]
    wrong = []
    for name, number in found.items():
        expected = stored["numbers"][name]
        if same_machine:
            agree = number == expected
        else:
            agree = number["shape"] == expected["shape"] and (
                name.endswith(STOPPING)
                or np.allclose(number["values"], expected["values"], **ELSEWHERE, equal_nan=True)
            )
        if not agree:
            wrong.append(f"{name}: {number['values'][:3]} instead of {expected['values'][:3]}")
    assert not wrong, f"{len(wrong)} of {len(found)} arrays differ:\n" + "\n".join(wrong[:20])


def test_a_changed_bit_is_seen(golden):
    value = np.linspace(0.0, 1.0, 1000)
    other = value.copy()
    other[501] = np.nextafter(other[501], 1.0)
    assert golden.described(value)["values"] == golden.described(other)["values"]
    assert golden.described(value) != golden.described(other)
