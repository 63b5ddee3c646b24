import shutil
from pathlib import Path

import pytest

from steelyard import provenance
from steelyard.provenance import code_digest, versions


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose sources a test may change."""
    root = tmp_path / "steelyard"
    shutil.copytree(Path(provenance.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "_ROOT", root)
    yield root
    provenance._read.cache_clear()


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    provenance._read.cache_clear()


def test_a_change_of_an_imported_module_changes_the_digest(package):
    toys, belts, intervals = (code_digest(f"statistics.{name}") for name in ("toys", "belts", "intervals"))
    changed(package / "statistics" / "mixture.py", "kappa, order) @ self.yields", "kappa, order) @ self.yields * 1.0")
    assert code_digest("statistics.toys") != toys  # toys -> model -> mixture
    assert code_digest("statistics.belts") != belts
    assert code_digest("statistics.intervals") == intervals


def test_comments_docstrings_and_layout_do_not_count(package):
    before = code_digest("statistics.intervals")
    path = package / "statistics" / "intervals.py"
    path.write_text("# a remark\n" + path.read_text().replace('"""Confidence sets', '"""All confidence sets'))
    provenance._read.cache_clear()
    assert code_digest("statistics.intervals") == before


def test_a_script_counts_by_its_own_syntax(package, tmp_path):
    script = tmp_path / "build_belt.py"
    script.write_text("from steelyard.statistics.toys import load_points\nprint(1)\n")

    def digest():
        provenance._read.cache_clear()
        return code_digest("statistics.intervals", script=script)

    before = digest()
    assert before != code_digest("statistics.intervals")
    script.write_text("# a remark\n" + script.read_text())
    assert digest() == before
    changed(package / "statistics" / "toys.py", "import numpy as np", "import numpy as np\n\nANOTHER = 1")
    assert digest() == before  # the modules that count are named
    script.write_text(script.read_text().replace("print(1)", "print(2)"))
    assert digest() != before


def test_imports_for_type_annotations_do_not_count(package):
    path = package / "seeds.py"
    path.write_text(path.read_text() + "\nif TYPE_CHECKING:\n    from steelyard import simulators\n")
    provenance._read.cache_clear()
    before = code_digest("seeds")
    simulators = package / "simulators.py"
    simulators.write_text(simulators.read_text() + "\nANOTHER = 1\n")
    provenance._read.cache_clear()
    assert code_digest("seeds") == before
    path.write_text(path.read_text() + "else:\n    from steelyard import simulators\n")
    provenance._read.cache_clear()
    assert code_digest("seeds") != before


def test_packages_and_unknown_modules(package):
    assert code_digest("offshell4l") != code_digest("statistics.toys")
    with pytest.raises(FileNotFoundError, match="no module nonsense"):
        code_digest("nonsense")


def test_versions_name_what_can_change_a_number():
    assert {"python", "steelyard", "numpy", "torch"} <= versions().keys()
