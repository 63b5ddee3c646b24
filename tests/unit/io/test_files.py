import errno
import shutil
from types import SimpleNamespace

import pytest

from steelyard.errors import OutputError
from steelyard.io.files import link, require_writable, whole


def test_the_file_appears_at_the_end_and_whole(tmp_path):
    target = tmp_path / "folder" / "data.npy"
    with whole(target) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".npy"
        assert not target.exists()
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "data.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_a_second_name_that_replaces_what_was_there(tmp_path):
    source, target = tmp_path / "source.pt", tmp_path / "folder" / "target.pt"
    source.write_text("new")
    for _ in range(2):  # once to an empty place, once to a file that is this link already
        link(source, target)
        assert target.samefile(source) and source.read_text() == "new"
    other = tmp_path / "other.pt"
    other.write_text("other")
    link(other, target)
    assert target.read_text() == "other" and source.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_system_without_links_gets_a_copy(tmp_path, monkeypatch):
    def refuse(*paths):
        raise PermissionError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    (tmp_path / "source.pt").write_text("new")
    link(tmp_path / "source.pt", tmp_path / "target.pt")
    assert (tmp_path / "target.pt").read_text() == "new"
    assert not (tmp_path / "target.pt").samefile(tmp_path / "source.pt")


def test_a_link_to_nothing_is_an_error_and_leaves_what_was_there(tmp_path):
    (tmp_path / "target.pt").write_text("old")
    with pytest.raises(FileNotFoundError):
        link(tmp_path / "source.pt", tmp_path / "target.pt")
    assert (tmp_path / "target.pt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "target.pt"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device; free some space"),
        (errno.EROFS, "Read-only file system; mount it"),
        (errno.EACCES, "Permission denied; change"),
    ],
)
def test_a_disk_that_refuses_is_named_with_what_to_do(tmp_path, number, words):
    target = tmp_path / "network.pt"
    with pytest.raises(OutputError) as raised, whole(target):
        raise OSError(number, "as the system says it")
    assert f"cannot write {target}: {words}" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_writer_that_hides_why_it_failed_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(OutputError, match="No space left on device"), whole(tmp_path / "network.pt"):
        raise RuntimeError("file write failed")


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), whole(tmp_path / "network.pt"):
        open(tmp_path / "not there")  # noqa: SIM115


def test_a_folder_is_tried_and_left_as_it_was(tmp_path, monkeypatch):
    require_writable(tmp_path / "results" / "analysis")
    assert not list((tmp_path / "results" / "analysis").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="results: Not a directory"):
        require_writable(tmp_path / "file" / "results")
