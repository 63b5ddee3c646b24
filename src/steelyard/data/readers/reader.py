"""Readers by name: what knows one kind of event file, and which of them a file belongs to."""

import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from steelyard.errors import InputError
from steelyard.registry import Registry

# The name of a kind is the ending of its files, ``.root``, or the protocol of their addresses, ``root://``.
READERS = Registry(
    "reader",
    {
        "root": "data.readers.root:RootFiles",
    },
)

# The kind of files whose name does not tell.
DEFAULT = "root"


@dataclass(frozen=True)
class Partition:
    """A range of entries of one file that is read at a time.

    Attributes:
        file: path or address.
        start, stop: first entry, and the one after the last.
        types: NumPy types of the branches that are read, in their order.
    """

    file: str
    start: int
    stop: int
    types: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One tree of one file, seen from outside.

    Attributes:
        entries: how many it has.
        branches: names of all branches.
        types: NumPy type of those that were asked for, as text.
        unusable: those of them that have not one number per entry, and how the file calls what they have.
        ends: entries at which a range is best cut, since what is stored together ends there.
    """

    entries: int
    branches: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    ends: tuple[int, ...] = ()


class Reader(Protocol):
    """What is asked of a kind of event file; a class of the registry derives from this one.

    A file is a path or an address, a *tree* one table in it, which a kind with one table a file may leave unread, and a
    *branch* a column. What is wrong with a file is an InputError with its name, in one line that says what to do; what
    is wrong with the branches is said by those who ask (:mod:`steelyard.data.partitions`).
    """

    def describe(self, file: str, tree: str, branches: Sequence[str]) -> Table:
        """What a tree has, without reading events; an empty tree need not have any branch.

        Args:
            file: path or address.
            tree: name of the tree, with its directory if it is in one.
            branches: those whose types are needed, if they are there.

        Raises:
            InputError: the file is not there, not of this kind or not whole; it has no such tree.
        """
        ...

    def read(self, part: Partition, tree: str, branches: Sequence[str]) -> Mapping[str, np.ndarray]:
        """The branches of a range of entries, (stop − start,) each.

        Raises:
            InputError: the data cannot be read.
        """
        ...

    def tasks(self, ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> list[Any]:
        """One dask task per range that gives what :meth:`read` does, or something that is indexed likewise."""
        import dask.delayed

        read = dask.delayed(self.read, pure=False)
        return [read(part, tree, list(branches)) for part in ranges]


def kind_of(file: str) -> str:
    """The reader of a file or address by its ending, then by its protocol; :data:`DEFAULT` if these do not tell."""
    protocol, address, path = file.rpartition("://")
    ending = os.path.splitext(path.partition("?")[0] if address else path)[1].removeprefix(".").lower()
    return next((name for name in (ending, protocol) if name in READERS), DEFAULT)


def reader_of(file: str) -> Reader:
    """The reader of a file or address."""
    found: Reader = READERS.load(kind_of(file))()
    return found


def expand(patterns: Sequence[str]) -> list[str]:
    """The files of a list of paths, globs (``**`` too) and addresses (``root://...``): each once, sorted.

    Sorted, so that the rows of a sample do not depend on the order in the configuration or of the file system.

    Raises:
        InputError: a pattern matches no file.
    """
    files: set[str] = set()
    for pattern in patterns:
        if "://" in pattern:
            files.add(pattern)
            continue
        found = [pattern] if os.path.isfile(pattern) else glob.glob(pattern, recursive=True)
        found = [os.path.normpath(path) for path in found if os.path.isfile(path)]
        if not found:
            raise InputError(f"{pattern}: {_absent(pattern)}; correct the path in the list of files")
        files.update(found)
    if not files:
        raise InputError("the list of files is empty; name at least one file")
    return sorted(files)


def _absent(pattern: str) -> str:
    if glob.has_magic(pattern):
        return "no file matches"
    return "this is a folder, not a file" if os.path.isdir(pattern) else "there is no such file"
