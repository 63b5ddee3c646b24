"""Comments may refer to a section of a page, if it is there."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SOURCES = [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "workflow").rglob("*.smk")]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "config" / "README.md"])


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


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_in_pages_are_those_of_files(page):
    """Of a module below the library, of anything else below the repository."""
    for path in re.findall(r"`([\w/.-]+/[\w.-]+\.(?:py|smk|md))`", page.read_text()):
        assert (REPOSITORY / "src" / "steelyard" / path).exists() or (REPOSITORY / path).exists(), path


def test_the_map_of_the_library_has_a_line_for_each_room_in_their_order():
    table = (REPOSITORY / "README.md").read_text().split("| room | what it holds |")[1].split("\n\n")[0]
    source = (Path(__file__).with_name("test_rooms.py")).read_text()
    rooms = re.findall(r'"(\w+)"', source.split("ROOMS = (")[1].split(")")[0])
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == rooms


def test_of_snakemake_only_the_room_for_it_knows():
    knowing = {
        file.relative_to(REPOSITORY / "src" / "steelyard").parts[0]
        for file in (REPOSITORY / "src").rglob("*.py")
        if re.search(r"^\s*(from|import) snakemake\b", file.read_text(), re.MULTILINE)
    }
    assert knowing == {"runtime"}


def test_contributors_and_github_run_what_the_makefile_runs():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = (REPOSITORY / "Makefile").read_text().split("\ncheck: ")[1]
    programs = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert programs == set(re.findall(r"\$\(BIN\)/(\w+)", checks)) - {"snakemake"}
    steps = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["steps"]
    assert any(step.get("run") == ".ci/run" for step in steps)
