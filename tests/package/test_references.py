"""Comments may refer to a section of a page, if it is there."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SOURCES = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "workflow").rglob("*.smk")]


def test_sections_of_the_theory_exist():
    sections = set(re.findall(r"^## (\d+)\. ", (REPOSITORY / "docs" / "theory.md").read_text(), re.MULTILINE))
    cited = {number for file in SOURCES for number in re.findall(r"docs/theory\.md (\d+)", file.read_text())}
    assert len(cited) > 6 and cited <= sections


def test_comments_refer_to_no_page_that_readers_do_not_have():
    for file in SOURCES:
        text = file.read_text()
        assert not re.search(r"\bDESIGN\b", text), file
        for page in re.findall(r"\bdocs/\w+\.md", text):
            assert (REPOSITORY / page).exists(), f"{file}: {page}"


@pytest.mark.parametrize(
    "page", sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]), ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_paths_in_the_theory_are_those_of_modules():
    text = (REPOSITORY / "docs" / "theory.md").read_text()
    for path in re.findall(r"`([\w/]+\.py)`", text):
        assert (REPOSITORY / "src" / "steelyard" / path).exists(), path


def test_contributors_and_github_run_what_the_makefile_runs():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = (REPOSITORY / "Makefile").read_text().split("\ncheck: ")[1]
    programs = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert programs == set(re.findall(r"\$\(BIN\)/(\w+)", checks)) - {"snakemake"}
    steps = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["steps"]
    assert any(step.get("run") == ".ci/run" for step in steps)
