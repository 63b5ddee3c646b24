import pytest

from steelyard.data.readers.reader import READERS, expand, kind_of
from steelyard.errors import InputError
from steelyard.registry import Registry


def test_patterns_become_sorted_files_without_repetition(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.root", "a.root", "deep/er/c.root", "a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = expand(["b.root", "*.root", "./a.root", "**/*.root"])
    assert files == ["a.root", "b.root", "deep/er/c.root"]
    assert expand(["root://server//data.root", "b.root"]) == ["b.root", "root://server//data.root"]


def test_a_name_that_looks_like_a_glob_is_a_name(tmp_path):
    for name in ("run[1].root", "run1.root"):
        (tmp_path / name).touch()
    assert expand([str(tmp_path / "run[1].root")]) == [str(tmp_path / "run[1].root")]


def test_no_file_is_an_error():
    with pytest.raises(InputError, match="the list of files is empty"):
        expand([])


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("data/a.root", "root"),
        ("data/a.TABLE", "table"),
        ("data.table/a", "root"),
        ("data/a", "root"),
        ("root://server//data/a.table", "table"),
        ("https://server/a.table?sign=b.root", "table"),
        ("table://server/a", "table"),
        ("what?/a.table", "table"),
        ("a://b://c.root", "root"),
    ],
)
def test_the_ending_of_a_file_tells_its_reader_then_its_protocol(monkeypatch, file, kind):
    monkeypatch.setattr("steelyard.data.readers.reader.READERS", Registry("reader", {**READERS, "table": "a:B"}))
    assert kind_of(file) == kind
