import shutil
from pathlib import Path

import pytest

from steelyard.runtime import code_digest as code_digest_module
from steelyard.runtime.code_digest import code_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose sources a test may change."""
    root = tmp_path / "steelyard"
    shutil.copytree(Path(code_digest_module.__file__).parents[1], root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest_module, "_ROOT", root)
    yield root
    code_digest_module._read.cache_clear()


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    code_digest_module._read.cache_clear()


def test_a_change_of_an_imported_module_changes_the_digest(package):
    toys, belts, intervals = (code_digest(f"inference.{name}") for name in ("toys", "belts", "intervals"))
    changed(package / "model" / "mixture.py", "kappa, order) @ self.yields", "kappa, order) @ self.yields * 1.0")
    assert code_digest("inference.toys") != toys  # toys -> model -> mixture
    assert code_digest("inference.belts") != belts
    assert code_digest("inference.intervals") == intervals


def test_comments_docstrings_and_layout_do_not_count(package):
    before = code_digest("inference.intervals")
    path = package / "inference" / "intervals.py"
    path.write_text("# a remark\n" + path.read_text().replace('"""Confidence sets', '"""All confidence sets'))
    code_digest_module._read.cache_clear()
    assert code_digest("inference.intervals") == before


def test_a_script_counts_by_its_own_syntax(package, tmp_path):
    script = tmp_path / "build_belt.py"
    script.write_text("from steelyard.inference.toys import load_points\nprint(1)\n")

    def digest():
        code_digest_module._read.cache_clear()
        return code_digest("inference.intervals", script=script)

    before = digest()
    assert before != code_digest("inference.intervals")
    script.write_text("# a remark\n" + script.read_text())
    assert digest() == before
    changed(package / "inference" / "toys.py", "import numpy as np", "import numpy as np\n\nANOTHER = 1")
    assert digest() == before  # the modules that count are named
    script.write_text(script.read_text().replace("print(1)", "print(2)"))
    assert digest() != before


def test_imports_for_type_annotations_do_not_count(package):
    path = package / "seeds.py"
    path.write_text(path.read_text() + "\nif TYPE_CHECKING:\n    from steelyard.simulators import interface\n")
    code_digest_module._read.cache_clear()
    before = code_digest("seeds")
    simulators = package / "simulators" / "interface.py"
    simulators.write_text(simulators.read_text() + "\nANOTHER = 1\n")
    code_digest_module._read.cache_clear()
    assert code_digest("seeds") == before
    path.write_text(path.read_text() + "else:\n    from steelyard.simulators import interface\n")
    code_digest_module._read.cache_clear()
    assert code_digest("seeds") != before


def rewrite(package, *pairs):
    """Replace text in all modules, as a refactoring does."""
    for path in package.rglob("*.py"):
        text = path.read_text()
        for old, new in pairs:
            text = text.replace(old, new)
        path.write_text(text)
    code_digest_module._read.cache_clear()


def test_a_moved_module_changes_no_digest(package):
    names = ("inference.toys", "inference.fit", "data.ingest", "ratios.evaluation")
    before = [code_digest(name) for name in names]
    (package / "mixtures").mkdir()
    (package / "model" / "mixture.py").rename(package / "mixtures" / "blend.py")
    rewrite(package, ("from steelyard.model.mixture import", "from steelyard.mixtures.blend import"))
    assert [code_digest(name) for name in names] == before
    changed(package / "mixtures" / "blend.py", "kappa, order) @ self.yields", "kappa, order) @ self.yields * 1.0")
    after = [code_digest(name) for name in names]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, True]


def test_a_module_that_is_used_by_its_name_may_be_renamed(package):
    before = code_digest("inference.toy_fits")
    (package / "likelihood" / "minimise" / "experiment_loop.py").rename(package / "likelihood" / "minimise" / "loop.py")
    rewrite(
        package,
        ("from steelyard.likelihood.minimise import experiment_loop", "from steelyard.likelihood.minimise import loop"),
        ("from steelyard.likelihood.minimise.experiment_loop import", "from steelyard.likelihood.minimise.loop import"),
        ("experiment_loop.FINE", "loop.FINE"),
    )
    path = package / "inference" / "toy_fits.py"
    path.write_text(path.read_text().replace(" experiment_loop.", " loop."))
    code_digest_module._read.cache_clear()
    assert code_digest("inference.toy_fits") == before


def test_constants_that_change_places_are_seen(package):
    """The same statements in other modules are another program."""
    for name, value in (("first", 1), ("second", 2)):
        (package / f"{name}.py").write_text(f"EVENTS = {value}\n\n\ndef {name}():\n    return EVENTS\n")
    (package / "both.py").write_text("from steelyard.first import first\nfrom steelyard.second import second\n")
    before = code_digest("both")
    changed(package / "first.py", "EVENTS = 1", "EVENTS = 2")
    changed(package / "second.py", "EVENTS = 2", "EVENTS = 1")
    assert code_digest("both") != before


def test_a_package_means_all_its_modules(package):
    """A simulator is reached by its name: no import says that its amplitudes matter."""
    before = code_digest("simulators.offshell4l")
    changed(package / "simulators" / "offshell4l" / "amplitudes.py", "0.35 * sine_squared", "0.36 * sine_squared")
    assert code_digest("simulators.offshell4l") != before


def test_packages_and_unknown_modules(package):
    assert code_digest("simulators.offshell4l") != code_digest("inference.toys")
    with pytest.raises(FileNotFoundError, match="no module nonsense"):
        code_digest("nonsense")
