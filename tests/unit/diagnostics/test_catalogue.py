"""The list of all checks, the code that makes them and the page that explains them say the same."""

import ast
import re
from pathlib import Path

import pytest

from steelyard.diagnostics.catalogue import CATALOGUE, kind_of, remedy_of
from steelyard.diagnostics.thresholds import Threshold, Thresholds

ROOT = Path(__file__).parents[3]
SOURCES = [*sorted((ROOT / "src/steelyard/diagnostics").rglob("*.py")), ROOT / "src/steelyard/baselines/results.py"]
PAGE = (ROOT / "docs/checks.md").read_text()
MAKERS = {"at_most", "within", "at_least", "undecided", "Check"}

# What stands in the braces of a name in the code.
WORDS = {
    "data": "asimov",
    "where": "asimov data",
    "suffix": ", asimov data",
    "kind": "exact ",
    "level": "95.45 %",
    "variation": "S-scale-up",
    "name": "S",
    "truth": "1",
    "mu": "1",
    "100.0 * level": "95.45",
}


def text_of(node):
    """A string, or one with braces, as it may come out; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else WORDS.get(ast.unparse(part.value), "S")
            for part in node.values
        )
    return None


def names_in(tree):
    """All names of checks that a module makes; those that are arguments are made by who calls."""
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        assigned = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                assigned.setdefault(node.targets[0].id, []).extend(filter(None, map(text_of, values)))
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS and node.args:
                first = node.args[0]
                first = first.value if isinstance(first, ast.Subscript) else first
                if (text := text_of(first)) is not None:
                    found.add(text)
                elif isinstance(first, ast.Name):
                    found |= set(assigned.get(first.id, []))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "_check":
                found |= set(filter(None, [text_of(argument) for argument in node.args[:1]]))
    return found


NAMES = sorted(set().union(*(names_in(ast.parse(path.read_text())) for path in SOURCES)) - {"S"})


def section(title):
    return PAGE.split(f"\n### {title}\n")[1].split("\n##")[0]


def test_the_code_has_been_read():
    assert len(NAMES) > 35 and "t(mu) against exact" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_check_of_the_code_is_in_the_list(name):
    assert kind_of(name) is not None, (
        f"no kind of check is called {name!r}: add it to the catalogue and to docs/checks.md"
    )


def test_every_kind_of_the_list_is_made_by_the_code():
    made = {kind_of(name) for name in NAMES}
    # a name of another form, from the same function
    made |= {kind_of("normalisation of S-scale-up"), kind_of("closure of S-scale-up"), kind_of("normalisation of S")}
    # made elsewhere
    made |= {kind_of("error of t(mu) from simulation and training")}
    assert [kind.title for kind in CATALOGUE if kind not in made] == []


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
    defaults = Thresholds()
    for key in kind.thresholds:
        level = getattr(defaults, key)
        numbers = f"{level.warn:g} / {level.fail:g}" if isinstance(level, Threshold) else f"{level:g}"
        assert f"`{key}` {numbers}" in text


def test_every_threshold_of_the_configuration_belongs_to_a_kind():
    known = {key for kind in CATALOGUE for key in kind.thresholds}
    assert known == set(Thresholds.model_fields)


def test_the_first_kind_that_matches_counts():
    assert kind_of("closure of the total").title == "Closure of the total"
    assert kind_of("closure of S-scale-down").title == "Closure of a variation"
    assert kind_of("closure of S/B").title == "Closure of a ratio"
    assert kind_of("something else") is None and remedy_of("something else") is None
