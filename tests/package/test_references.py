"""Comments may refer to a section of a page, if it is there."""

import re
from pathlib import Path

import pytest

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
