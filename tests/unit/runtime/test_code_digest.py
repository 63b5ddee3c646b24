import ast
import re
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


# Registry: the line of its first choice, a line of code of that choice, and the modules of a stage that uses one.
REGISTRIES = {
    "architecture": (
        ("ratios/architectures/architecture.py", '"perceptron": "ratios.architectures.perceptron",'),
        ("ratios/architectures/perceptron.py", "return nn.Sequential(*found[:-1])"),
        ("ratios.evaluation",),
    ),
    "reader": (
        ("data/readers/reader.py", '"root": "data.readers.root:RootFiles",'),
        ("data/readers/root.py", "return not hasattr(events"),
        ("data.ingest", "data.ingest_variation", "data.store"),
    ),
    "simulator": (
        ("simulators/interface.py", '"offshell4l": "simulators.offshell4l.simulator:Offshell4l",'),
        ("simulators/offshell4l/amplitudes.py", "0.35 * sine_squared"),
        ("simulators.interface", "simulators.exact_variations", "coverage.experiments"),
    ),
}


@pytest.mark.parametrize("registry, choice, stage", REGISTRIES.values(), ids=REGISTRIES.keys())
def test_a_choice_more_reruns_nothing_and_a_change_of_the_chosen_one_its_stage(package, registry, choice, stage):
    chosen = registry[1].split('"')[3].partition(":")[0]
    before = code_digest(*stage), code_digest(*stage, chosen)
    assert before[0] != before[1]  # no import of the stage leads to its choice
    other = chosen.replace(chosen.rpartition(".")[2], "another")
    (package / registry[0]).with_name("another.py").write_text("VALUE = 1\n")
    changed(package / registry[0], registry[1], f'{registry[1]}\n        "another": "{other}:VALUE",')
    assert (code_digest(*stage), code_digest(*stage, chosen)) == before
    changed(package / choice[0], choice[1], f"{choice[1]} + 0")
    after = code_digest(*stage), code_digest(*stage, chosen)
    assert after[0] == before[0] and after[1] != before[1]


TOGETHER = {"model/constraints/uniform.py": "generator.uniform(", "model/interpolation/linear.py": "value.copy()"}


@pytest.mark.parametrize("file, code", TOGETHER.items())
def test_a_list_of_what_is_compiled_together_is_followed(package, file, code):
    before = code_digest("inference.toy_fits"), code_digest("ratios.training")
    changed(package / file, code, f"1.0 * {code}")
    after = code_digest("inference.toy_fits"), code_digest("ratios.training")
    assert after[0] != before[0] and after[1] == before[1]


# What a rule says in its digest of code for the choices that its stage makes, by the registry of these.
NAMED = {
    "ratios/architectures/architecture.py": ("LAYERS", "VARIATION_LAYERS"),
    "data/readers/reader.py": ("*readers(wildcards)",),
    "simulators/interface.py": ("*EXACT", "simulated_by(wildcards)"),
}
# Makes one file of the networks of several, and evaluates none; reads results that other stages have made.
EVALUATES_NOTHING = ("combine_ensemble", "write_page")
RULES = Path(__file__).parents[3] / "workflow" / "rules"


def digests_of_rules():
    """Of every digest of code in a rule: the script, the modules of the library, and all words."""
    for path in sorted(RULES.glob("*.smk")):
        text = path.read_text()
        for place in re.finditer(r"\bcode=(lambda wildcards: )?code\(", text):
            call = ast.parse(_until_closed(text[place.end() :]), mode="eval").body
            script, *words = (ast.unparse(word) for word in call.args)
            modules = [ast.literal_eval(word) for word in words if word.startswith("'")]
            yield ast.literal_eval(script), modules, words


def _until_closed(text):
    depth, end = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    return f"code({text[:end]}"


def test_rules_name_the_choices_that_their_stages_make():
    found = {}
    for script, modules, words in digests_of_rules():
        source = (RULES.parent / "scripts" / f"{script}.py").read_text()
        reached = code_digest_module._closure(tuple(modules))
        reached |= set(code_digest_module._imported(ast.parse(source))[0])
        for registry, names in NAMED.items():
            if code_digest_module._ROOT / registry in reached and script not in EVALUATES_NOTHING:
                assert set(names) & set(words), f"{script} reaches {registry}, and names none of {names}"
                found.setdefault(registry, []).append(script)
    assert {registry: len(scripts) for registry, scripts in found.items()} == {
        # evaluation in three rules, experiments, three diagnoses, the uncertainty of the result
        "ratios/architectures/architecture.py": 8,
        "data/readers/reader.py": 2,  # samples and their variations
        "simulators/interface.py": 4,  # ntuples, exact densities, exact variations, experiments
    }


def test_a_package_means_all_its_modules(package):
    before = code_digest("simulators.offshell4l")
    changed(package / "simulators" / "offshell4l" / "amplitudes.py", "0.35 * sine_squared", "0.36 * sine_squared")
    assert code_digest("simulators.offshell4l") != before


def test_packages_and_unknown_modules(package):
    assert code_digest("simulators.offshell4l") != code_digest("inference.toys")
    with pytest.raises(FileNotFoundError, match="no module nonsense"):
        code_digest("nonsense")
