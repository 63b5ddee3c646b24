"""Files of events cut into ranges of entries, checked before anything is read; whatever kind of file they are."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dask
import dask.delayed
import numpy as np

from steelyard.data.readers.reader import Partition, Table, kind_of, reader_of
from steelyard.errors import InputError, nearest


def partitions(
    files: Sequence[str],
    tree: str,
    uses: Mapping[str, str],
    variables: Sequence[str],
    entries: int,
    compute: Callable[[list[Any]], list[Any]],
) -> list[Partition]:
    """Open every file, check tree and branches, and cut it into ranges of about ``entries``.

    Ranges end where what is stored together ends in all branches (the baskets of a ROOT file), if there is such a
    place, so that nothing is read twice.

    Args:
        files: paths or addresses.
        tree: name of the tree, with its directory if it is in one.
        uses: branch that is needed: what it is needed for, to be quoted in an error.
        variables: names that exist besides the branches: a misspelt one is taken for a branch that is missing.
        entries: largest number of entries in a range.
        compute: runs a list of dask tasks and gives their results.

    Returns:
        The ranges in the order of files and entries; those of empty trees are none. Without any the trees are all
        empty, which is an answer: a short period of data taking, or a slice of a simulation far from everything.

    Raises:
        InputError: a file is not what its name says or not whole; the tree or a branch is not there; a branch has not
            one number per entry.
    """
    inspect = dask.delayed(_inspect, pure=False)
    tasks = [inspect(file, tree, dict(uses), list(variables), entries) for file in files]
    return [part for parts in compute(tasks) for part in parts]


def tasks(ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> list[Any]:
    """One dask task per range that reads the branches, by the reader of its file: one-dimensional arrays by name."""
    found: dict[Partition, Any] = {}
    kinds = [kind_of(part.file) for part in ranges]
    for kind in dict.fromkeys(kinds):
        alike = [part for part, its in zip(ranges, kinds, strict=True) if its == kind]
        found.update(zip(alike, reader_of(alike[0].file).tasks(alike, tree, branches), strict=True))
    return [found[part] for part in ranges]


def read(part: Partition, tree: str, branches: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Read one range at once, without dask: for a second look at a place where something is wrong.

    Raises:
        InputError: the data cannot be read.
    """
    return reader_of(part.file).read(part, tree, branches)


def damage(ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> InputError | None:
    """The error of the first range that cannot be read, None if all can: by reading them one after the other."""
    for part in ranges:
        try:
            read(part, tree, branches)
        except InputError as error:
            return error
    return None


def _inspect(file: str, tree: str, uses: Mapping[str, str], variables: Sequence[str], entries: int) -> list[Partition]:
    table = reader_of(file).describe(file, tree, list(uses))
    if table.entries == 0:
        return []
    place = f"{file}, tree {tree}"
    missing = [name for name in uses if name not in table.branches]
    if missing:
        wanted = ", ".join(f"'{name}' (needed for {uses[name]})" for name in missing)
        advice = nearest(missing[0], [*table.branches, *variables], "branches and variables")
        raise InputError(f"{place}: there is no branch {wanted}; {advice}")
    for name, kind in table.unusable.items():
        raise InputError(
            f"{place}: branch '{name}', needed for {uses[name]}, has the type {kind}: not one number per entry; write "
            "the numbers that are needed to flat branches"
        )
    types = tuple(table.types[name] for name in uses)
    return [Partition(file, start, stop, types) for start, stop in itertools.pairwise(_edges(table, entries))]


def _edges(table: Table, entries: int) -> list[int]:
    ends = np.array(sorted(table.ends), dtype=np.int64)
    edges = [0]
    while edges[-1] < table.entries:
        target = min(edges[-1] + entries, table.entries)
        inside = ends[(ends > edges[-1]) & (ends <= target)]
        edges.append(int(inside[-1]) if len(inside) else target)
    return edges
