"""ROOT files with flat trees. TTree and RNTuple are read alike; a tree is either, and a branch a branch or a field."""

import glob
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from steelyard.data.readers.reader import Partition, Reader, Table
from steelyard.errors import InputError, SteelyardError, nearest

TREE_CLASSES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
NTUPLE_NUMBERS = frozenset(
    ["bool", "float", "double", *(f"std::{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)


class RootFiles(Reader):
    """See :class:`steelyard.data.readers.reader.Reader` for every method."""

    def describe(self, file: str, tree: str, branches: Sequence[str]) -> Table:
        """Ranges end where the baskets of all branches that are asked for end."""
        _check_whole(file)
        with _damaged(f"{file}: not a readable ROOT file"):
            opened = _open(file)
        with opened, _damaged(f"{file}, tree {tree}: the tree cannot be read"):
            events = _tree(opened, file, tree)
            number = int(events.num_entries)
            if number == 0:
                return Table(0)
            names = tuple(events.keys(recursive=True, full_paths=False))
            kinds = {name: _number_type(events, name) for name in branches if name in names}
            types = {name: kind for name, kind in kinds.items() if kind is not None}
            unusable = {name: events[name].typename for name, kind in kinds.items() if kind is None}
            whole = len(types) == len(branches) and not _is_ntuple(events)
            ends = tuple(events.common_entry_offsets(filter_name=list(branches))) if whole else ()
            return Table(number, names, types, unusable, ends)

    def read(self, part: Partition, tree: str, branches: Sequence[str]) -> Mapping[str, np.ndarray]:
        """With uproot alone."""
        place = f"{part.file}, tree {tree}, entries {part.start} to {part.stop - 1}"
        with _damaged(f"{place}: the data cannot be read"), _open(part.file) as file:
            events = file[tree].arrays(list(branches), entry_start=part.start, entry_stop=part.stop)
            return {name: np.asarray(events[name]) for name in branches}

    def tasks(self, ranges: Sequence[Partition], tree: str, branches: Sequence[str]) -> list[Any]:
        """Through ``uproot.dask``: each task gives a flat awkward record array."""
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


def _number_type(events: Any, name: str) -> str | None:
    """The NumPy type of a branch of one number per entry; None of another."""
    branch = events[name]
    if _is_ntuple(events):
        return str(branch.typename) if branch.typename in NTUPLE_NUMBERS else None
    if not isinstance(branch.interpretation, uproot.interpretation.numerical.Numerical):
        return None
    kind = np.dtype(branch.interpretation.numpy_dtype)
    return str(kind) if not kind.shape and kind.kind in "biuf" else None


def _is_ntuple(events: Any) -> bool:
    return not hasattr(events, "common_entry_offsets")
