import pytest

from steelyard.outputs import whole


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
