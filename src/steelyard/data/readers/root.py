"""ROOT files with flat trees: finding them, checking them before anything is read, cutting them into partitions.

TTree and RNTuple are read alike; below, a tree is either of them and a branch a branch or a field.
"""

import glob
import itertools
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import dask.delayed
import numpy as np
import uproot

from steelyard.errors import InputError, SteelyardError, nearest

TREE_CLASSES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
NTUPLE_NUMBERS = frozenset(
    ["bool", "float", "double", *(f"std::{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)


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
        raise InputError("the list of files is empty; name at least one ROOT file")
    return sorted(files)


def partitions(
    files: Sequence[str],
    tree: str,
    uses: Mapping[str, str],
    variables: Sequence[str],
    entries: int,
    compute: Callable[[list[Any]], list[Any]],
) -> list[Partition]:
    """Open every file, check tree and branches, and cut it into ranges of about ``entries``.

    Ranges end where the baskets of all branches end, if there is such a place, so that no basket is read twice.

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
        InputError: a file is no (whole) ROOT file; the tree or a branch is not there; a branch has not one number per
            entry.
    """
    inspect = dask.delayed(_inspect, pure=False)
    tasks = [inspect(file, tree, dict(uses), list(variables), entries) for file in files]
    return [part for parts in compute(tasks) for part in parts]


def delayed_arrays(ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> list[Any]:
    """One dask task per range, through ``uproot.dask``, that reads the branches as a flat awkward record array."""
    tasks: dict[Partition, Any] = {}
    # Files of other number types (float here, double there) need another form, and one collection has one form.
    for types in dict.fromkeys(part.types for part in ranges):
        alike = [part for part in ranges if part.types == types]
        files: dict[str, dict[str, Any]] = {}
        for part in alike:
            # uproot takes the key for a glob, but these are names of files, whatever characters they have.
            name = part.file if "://" in part.file else glob.escape(part.file)
            files.setdefault(name, {"object_path": tree, "steps": []})["steps"].append([part.start, part.stop])
        events = uproot.dask(files, filter_name=list(branches), open_files=False)
        tasks.update(zip(alike, events.to_delayed(), strict=True))
    return [tasks[part] for part in ranges]


def read(part: Partition, tree: str, branches: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Read one range at once, without dask: for a second look at a place where something is wrong.

    Raises:
        InputError: the data cannot be read.
    """
    place = f"{part.file}, tree {tree}, entries {part.start} to {part.stop - 1}"
    with _damaged(f"{place}: the data cannot be read"), _open(part.file) as file:
        events = file[tree].arrays(list(branches), entry_start=part.start, entry_stop=part.stop)
        return {name: np.asarray(events[name]) for name in branches}


def damage(ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> InputError | None:
    """The error of the first range that cannot be read, None if all can: by reading them one after the other."""
    for part in ranges:
        try:
            read(part, tree, branches)
        except InputError as error:
            return error
    return None


def _inspect(file: str, tree: str, uses: Mapping[str, str], variables: Sequence[str], entries: int) -> list[Partition]:
    _check_whole(file)
    with _damaged(f"{file}: not a readable ROOT file"):
        opened = _open(file)
    with opened, _damaged(f"{file}, tree {tree}: the tree cannot be read"):
        events = _tree(opened, file, tree)
        number = int(events.num_entries)
        if number == 0:
            return []
        names = events.keys(recursive=True, full_paths=False)
        missing = [name for name in uses if name not in names]
        if missing:
            wanted = ", ".join(f"'{name}' (needed for {uses[name]})" for name in missing)
            advice = nearest(missing[0], [*names, *variables], "branches and variables")
            raise InputError(f"{file}, tree {tree}: there is no branch {wanted}; {advice}")
        types = tuple(_number_type(events, name, file, tree, use) for name, use in uses.items())
        edges = _edges(events, number, list(uses), entries)
    return [Partition(file, start, stop, types) for start, stop in itertools.pairwise(edges)]


@contextmanager
def _damaged(what: str) -> Iterator[None]:
    """Whatever goes wrong inside a reader of a file is an error of this file, in one line."""
    try:
        yield
    except SteelyardError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = ": ".join([type(error).__name__, *lines[:1]])
        raise InputError(f"{what} ({reason}); it is damaged or cannot be reached: copy it or make it again") from error


def _open(file: str) -> Any:
    # A Path is never split at a colon into file and object.
    return uproot.open(file if "://" in file else Path(file))


def _check_whole(file: str) -> None:
    """The header of a ROOT file says where its last byte is: a file that was cut off is found without reading it."""
    if "://" in file:
        return
    with _damaged(f"{file}: cannot be read"), open(file, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        header = stream.read(24)
    if header[:4] != b"root":
        raise InputError(f"{file}: not a ROOT file (it starts with {header[:4]!r}); correct the list of files")
    if len(header) < 24:
        raise InputError(f"{file}: the ROOT file is cut off after {size} bytes; copy or make it again")
    version = struct.unpack(">i", header[4:8])[0]
    end = struct.unpack(">q", header[12:20])[0] if version >= 1_000_000 else struct.unpack(">i", header[12:16])[0]
    if size < end:
        raise InputError(f"{file}: the ROOT file is cut off: it has {size} of {end} bytes; copy or make it again")


def _tree(opened: Any, file: str, tree: str) -> Any:
    trees = [name for name, kind in opened.classnames(cycle=False).items() if kind in TREE_CLASSES]
    if tree not in trees:
        raise InputError(f"{file}: there is no tree '{tree}'; {nearest(tree, trees, 'trees in this file')}")
    return opened[tree]


def _number_type(events: Any, name: str, file: str, tree: str, use: str) -> str:
    branch = events[name]
    if _is_ntuple(events):
        kind = branch.typename if branch.typename in NTUPLE_NUMBERS else None
    else:
        numbers = isinstance(branch.interpretation, uproot.interpretation.numerical.Numerical)
        kind = np.dtype(branch.interpretation.numpy_dtype) if numbers else None
        kind = str(kind) if kind is not None and not kind.shape and kind.kind in "biuf" else None
    if kind is None:
        raise InputError(
            f"{file}, tree {tree}: branch '{name}', needed for {use}, has the type {branch.typename}: not one number "
            "per entry; write the numbers that are needed to flat branches"
        )
    return kind


def _edges(events: Any, number: int, branches: Sequence[str], entries: int) -> list[int]:
    common = np.array([] if _is_ntuple(events) else sorted(events.common_entry_offsets(filter_name=branches)))
    edges = [0]
    while edges[-1] < number:
        target = min(edges[-1] + entries, number)
        inside = common[(common > edges[-1]) & (common <= target)]
        edges.append(int(inside[-1]) if len(inside) else target)
    return edges


def _is_ntuple(events: Any) -> bool:
    return not hasattr(events, "common_entry_offsets")


def _absent(pattern: str) -> str:
    if glob.has_magic(pattern):
        return "no file matches"
    return "this is a folder, not a file" if os.path.isdir(pattern) else "there is no such file"
