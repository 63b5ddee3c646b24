import os

import numpy as np
import pytest
import uproot

from steelyard.data import partitions
from steelyard.data.readers.reader import Partition
from steelyard.data.readers.root import RootFiles
from steelyard.errors import InputError


def write(path, number, step, tree="events"):
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        file.mktree(tree, {"m": np.float32, "event": np.uint64})
        for start in range(0, number, step):
            rows = np.arange(start, min(start + step, number))
            file[tree].extend({"m": rows.astype(np.float32), "event": rows.astype(np.uint64)})
    return str(path)


def ranges(files, entries, uses=("m", "event")):
    parts = partitions.partitions(files, "events", dict.fromkeys(uses, "a test"), [], entries, compute)
    return [(part.file, part.start, part.stop) for part in parts]


def compute(tasks):
    return [task.compute(scheduler="synchronous") for task in tasks]


def test_partitions_end_where_baskets_end(tmp_path):
    path = write(tmp_path / "a.root", 100, step=30)
    assert ranges([path], 70) == [(path, 0, 60), (path, 60, 100)]
    assert [part[1:] for part in ranges([path], 20)] == [(0, 20), (20, 30), (30, 50), (50, 60), (60, 80), (80, 100)]


def test_partitions_are_in_the_order_of_the_files_and_leave_out_empty_trees(tmp_path):
    files = [write(tmp_path / f"{name}.root", number, 10) for name, number in (("a", 15), ("b", 0), ("c", 5))]
    assert ranges(files, 10) == [(files[0], 0, 10), (files[0], 10, 15), (files[2], 0, 5)]


def test_a_range_is_read(tmp_path):
    path = write(tmp_path / "a.root", 100, step=30)
    part = Partition(path, 25, 35, ("float32", "uint64"))
    np.testing.assert_array_equal(RootFiles().read(part, "events", ["event"])["event"], np.arange(25, 35))
    (task,) = RootFiles().tasks([part], "events", ["m"])
    np.testing.assert_array_equal(np.asarray(task.compute(scheduler="synchronous")["m"]), np.arange(25, 35))
    assert partitions.damage([part], "events", ["m"]) is None


def test_a_file_that_disappears_between_the_looks_is_named(tmp_path):
    path = write(tmp_path / "a.root", 100, step=30)
    os.unlink(path)
    part = Partition(path, 0, 100, ("float32", "uint64"))
    assert "a.root, tree events, entries 0 to 99: the data cannot be read" in str(
        partitions.damage([part], "events", ["m"])
    )


def test_an_address_that_cannot_be_reached_is_one_error():
    with pytest.raises(InputError, match=r"^nowhere://x/a\.root: not a readable ROOT file .*copy it or make it again$"):
        ranges(["nowhere://x/a.root"], 10)
