"""The kinds of checks that the code declares and uses, the levels of the configuration and the page say the same."""

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from steelyard.checks import Kind, Level
from steelyard.diagnostics.catalogue import CATALOGUE, declared_kinds, declared_levels, kind_of, remedy_of
from steelyard.diagnostics.stages import Inputs, registered
from steelyard.diagnostics.thresholds import FALLING, Threshold, Thresholds

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src/steelyard"
SOURCES = {path.relative_to(PACKAGE): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
DECLARED = {
    path: sum(isinstance(node, ast.Call) and ast.unparse(node.func) == "Kind" for node in ast.walk(ast.parse(text)))
    for path, text in SOURCES.items()
}
DECLARING = [path for path, number in DECLARED.items() if number]
PAGE = (ROOT / "docs/checks.md").read_text()
RULES = "".join(path.read_text() for path in (ROOT / "workflow").rglob("*.smk"))


@pytest.mark.parametrize("path", DECLARING, ids=str)
def test_what_is_read_of_a_file_is_what_it_declares(path):
    """A declaration that the reader misses, or reads otherwise than Python does, would be a check without levels."""
    module = import_module("steelyard." + ".".join(path.with_suffix("").parts))
    declared = {name: value for name, value in vars(module).items() if isinstance(value, Kind)}
    own = {name: value for name, value in declared.items() if re.search(rf"^{name} = ", SOURCES[path], re.MULTILINE)}
    assert declared_kinds(SOURCES[path]) == own
    assert len(own) == DECLARED[path], "a kind that is no constant of its module"
    assert all(kind in CATALOGUE for kind in own.values())


def test_a_declaration_is_made_of_literals():
    assert declared_kinds('SIZE = Kind("Size", "size", "look")\n')["SIZE"].remedy == "look"
    text = 'SIZE = Kind(\n    title="Size",\n    name="size",\n    remedy=WORDS,\n)\n'
    with pytest.raises(ValueError, match="malformed"):
        declared_kinds(text)


@pytest.mark.parametrize("path", DECLARING, ids=str)
def test_every_kind_is_used_where_it_is_declared(path):
    for name in declared_kinds(SOURCES[path]):
        assert re.search(rf"\b{name}\.of\(", SOURCES[path]), f"{path} makes no check of the kind {name}"


def test_a_check_has_the_name_that_its_kind_makes():
    """The verdict functions ask for one; who makes a :class:`Check` by hand takes its text from one."""
    by_hand = [
        f"{path}: {ast.unparse(call)}"
        for path, text in SOURCES.items()
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Check"
        if not (call.args and ast.unparse(call.args[0]).endswith(".text"))
    ]
    assert not by_hand


def test_every_level_is_used():
    code = "".join(re.sub(r"(?ms)^[A-Z][A-Z0-9_]* = Kind\(\n.*?^\)$", "", text) for text in SOURCES.values())
    for key in declared_levels():
        assert re.search(rf"thresholds\.{key}\b", code) or f'THRESHOLDS["{key}"]' in RULES, f"{key} changes nothing"


def test_levels_rise_or_fall_as_they_say():
    for key, level in declared_levels().items():
        if isinstance(level, Level):
            assert level.warn >= level.fail if level.falling else level.warn <= level.fail, key
    assert frozenset({"gain", "reference_entries", "template_entries", "data_agreement"}) == FALLING


def test_a_level_has_one_kind(monkeypatch):
    from steelyard.diagnostics import catalogue

    monkeypatch.setattr(catalogue, "CATALOGUE", (CATALOGUE[0], CATALOGUE[0]))
    with pytest.raises(ValueError, match="two kinds of checks declare the level closure"):
        catalogue.declared_levels()


@pytest.mark.parametrize("kind", CATALOGUE, ids=[kind.title for kind in CATALOGUE])
def test_a_kind_has_a_picture_that_the_workflow_draws(kind):
    """Rules name the picture and its caption, a file of workflow/report: ``figure(output, name, caption, ...)``."""
    drawn = dict(re.findall(r'\bfigure\(\s*f?"[^"]+",\s*f?"([^"]+)",\s*"([^"]+)"', RULES))
    example = re.sub(r"\{\w+\}|\*", "some-thing", kind.picture)
    captions = {caption for name, caption in drawn.items() if re.fullmatch(re.sub(r"\{\w+\}", ".+", name), example)}
    assert captions, f"nobody draws {kind.picture}: {', '.join(drawn)}"
    assert all((ROOT / f"workflow/report/{caption}.rst").exists() for caption in captions)


def test_the_picture_of_a_check_has_its_words():
    assert kind_of("calibration of S").picture_of("calibration of S") == "calibration-S"
    assert kind_of("pulls, observed data").picture_of("pulls, observed data") == "ranking-observed"
    assert kind_of("negative Asimov weights").picture_of("negative Asimov weights") == "checks"
    with pytest.raises(ValueError, match="is no check 'pulls"):
        kind_of("pulls, observed data").picture_of("something else")


def test_a_registered_diagnostic_stands_in_the_folder_of_a_stage():
    """Elsewhere nobody would run it."""
    found = {
        path.with_suffix("") for path, text in SOURCES.items() if re.search(r"^def diagnose\(", text, re.MULTILINE)
    }
    run = {name.removeprefix("steelyard.") for inputs in get_args(Inputs) for name in registered(inputs.stage)}
    assert {".".join(path.parts) for path in found} == run and run
    assert {inputs.stage for inputs in get_args(Inputs)} == {
        path.name for path in (PACKAGE / "diagnostics").iterdir() if (path / "__init__.py").exists()
    }


def section(title):
    return PAGE.split(f"\n### {title}\n")[1].split("\n##")[0]


def test_the_page_has_one_section_for_each_kind_and_no_other():
    titles = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert sorted(titles) == sorted(kind.title for kind in CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE, ids=[kind.title for kind in CATALOGUE])
def test_a_section_says_what_is_measured_the_thresholds_origin_and_what_to_do(kind):
    text = " ".join(section(kind.title).split())
    for word in ("**Measures.**", "**Threshold.**", "**To do.**"):
        assert word in text
    assert kind.remedy in text.replace(kind.remedy[0].upper() + kind.remedy[1:], kind.remedy)
    examples = re.findall(r"`([^`]+)`", text.split("**Measures.**")[0].split("Levels:")[0])
    assert examples and all(kind_of(name) is kind for name in examples), examples
    defaults, listed = Thresholds(), text.split("**Measures.**")[0].partition("Levels:")[2]
    assert re.findall(r"`(\w+)`", listed) == list(kind.levels)
    for key in kind.levels:
        level = getattr(defaults, key)
        numbers = f"{level.warn:g} / {level.fail:g}" if isinstance(level, Threshold) else f"{level:g}"
        assert f"`{key}` {numbers}" in listed


def test_every_threshold_of_the_configuration_belongs_to_a_kind():
    assert {key for kind in CATALOGUE for key in kind.levels} == set(Thresholds.model_fields)


def test_the_kind_that_says_most_counts():
    assert kind_of("closure of the total").title == "Closure of the total"
    assert kind_of("closure of S-scale-down").title == "Closure of a variation"
    assert kind_of("closure of S/B").title == "Closure of a ratio"
    assert kind_of("something else") is None and remedy_of("something else") is None
