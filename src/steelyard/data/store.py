"""The columnar store of a sample: a folder of NumPy arrays, opened as memory maps.

``features.npy`` float32 (N, D), ``observables.npy`` float32 (N, K), ``weights.npy`` float64 (N, P) in expected events,
``ids.npy`` uint64 (N,), and ``sample.json``, a :class:`SampleInfo`. Row i of all four is the same event. Training reads
the maps, so that a job's memory is what it touches and jobs on one machine share the page cache.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steelyard.errors import InputError
from steelyard.io.files import whole
from steelyard.io.serialisation import from_json, to_json

ARRAYS = {"features": np.float32, "observables": np.float32, "weights": np.float64, "ids": np.uint64}
_ROWS = 1 << 20  # rows that a pass over a stored array holds in memory


@dataclass(frozen=True)
class SampleInfo:
    """What a stored sample is, and where it came from.

    Attributes:
        name: the sample's name in the configuration.
        processes: the processes that it carries weights of: the columns of ``weights``; empty for observed data.
        features: names of the columns of ``features``.
        observables: names of the columns of ``observables``.
        n_read: entries in the input files.
        n_selected: entries that pass the selection: N.
        sum_weights: per process, the sum of weights of the selected events [expected events].
        sum_weights_squared: per process, the sum of squared weights.
        n_negative: per process, how many selected events have a negative weight.
        files: the input files in the order of the stored rows.
        sum_negative: per process, the sum of |w| of these [expected events].
    """

    name: str
    processes: tuple[str, ...]
    features: tuple[str, ...]
    observables: tuple[str, ...]
    n_read: int
    n_selected: int
    sum_weights: dict[str, float]
    sum_weights_squared: dict[str, float]
    n_negative: dict[str, int]
    files: tuple[str, ...]
    sum_negative: dict[str, float] = field(default_factory=dict)

    def negative_fraction(self, process: str) -> float:
        """Sum of |w| of the events of a process with w < 0 over that of all its events; 0 without any event."""
        negative = self.sum_negative.get(process, 0.0)
        total = self.sum_weights[process] + 2.0 * negative
        return negative / total if total > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class Sample:
    """A stored sample; the arrays are read-only memory maps.

    Attributes:
        info: names, counts and sums.
        features: float32 (N, D).
        observables: float32 (N, K).
        weights: float64 (N, P), expected events; P = 0 for observed data.
        ids: uint64 (N,), see :mod:`steelyard.data.identifiers`.
    """

    info: SampleInfo
    features: np.ndarray
    observables: np.ndarray
    weights: np.ndarray
    ids: np.ndarray

    @classmethod
    def open(cls, folder: str | os.PathLike) -> "Sample":
        """Open the sample in ``folder``; nothing but the headers is read.

        Raises:
            InputError: a file of the sample is missing, or does not have the shape that ``sample.json`` says.
        """
        folder = Path(folder)
        missing = [name for name in ("sample.json", *map(_file_name, ARRAYS)) if not (folder / name).is_file()]
        if missing:
            raise InputError(f"{folder}: no stored sample here, {', '.join(missing)} missing; ingest the sample again")
        info = from_json(SampleInfo, folder / "sample.json")
        columns = {
            "features": (len(info.features),),
            "observables": (len(info.observables),),
            "weights": (len(info.processes),),
            "ids": (),
        }
        arrays = {name: np.load(folder / _file_name(name), mmap_mode="r") for name in ARRAYS}
        for name, array in arrays.items():
            expected = (info.n_selected, *columns[name])
            if array.shape != expected or array.dtype != ARRAYS[name]:
                raise InputError(
                    f"{folder / _file_name(name)}: {array.dtype} {array.shape} found where sample.json promises "
                    f"{np.dtype(ARRAYS[name])} {expected}; ingest the sample again"
                )
        return cls(info=info, **arrays)

    def __len__(self) -> int:
        return self.info.n_selected

    def column(self, process: str) -> np.ndarray:
        """The weights of one process, float64 (N,) [expected events].

        Raises:
            KeyError: the sample carries no weights of this process; ``info.processes`` lists those it has.
        """
        if process not in self.info.processes:
            carried = ", ".join(self.info.processes) or "none"
            raise KeyError(f"sample {self.info.name} carries no weights of process {process}, only of: {carried}")
        return self.weights[:, self.info.processes.index(process)]

    def observables_named(self, names: Sequence[str]) -> np.ndarray:
        """The observables of these names as columns, float32 (N, len(names)).

        Raises:
            InputError: an observable is not stored.
        """
        missing = [name for name in names if name not in self.info.observables]
        if missing:
            raise InputError(
                f"sample {self.info.name} has no observable {', '.join(missing)}, only "
                f"{', '.join(self.info.observables)}; add it to `observables` in the configuration"
            )
        return self.observables[:, [self.info.observables.index(name) for name in names]]


def open_all(infos: Sequence[str | os.PathLike]) -> list[Sample]:
    """Open the samples whose ``sample.json`` are given, in their order."""
    return [Sample.open(Path(info).parent) for info in infos]


@contextmanager
def parts_folder(folder: str | os.PathLike) -> Iterator[Path]:
    """A temporary folder inside ``folder`` for the parts of a sample, removed at the end whatever happens."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    parts = Path(tempfile.mkdtemp(prefix=".parts-", dir=folder))
    try:
        yield parts
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def write_part(parts: Path, number: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the rows of one partition: raw bytes per array, to be joined by :func:`joined`.

    Args:
        parts: the folder of :func:`parts_folder`, on a file system that every worker sees.
        number: the place of the partition in the sample.
        arrays: one array per name in ``ARRAYS``.
    """
    for name, kind in ARRAYS.items():
        np.ascontiguousarray(arrays[name], dtype=kind).tofile(_part(parts, number, name))


@contextmanager
def joined(parts: Path, rows: list[int], columns: Mapping[str, int], folder: str | os.PathLike) -> Iterator[tuple]:
    """Join the parts to the store's arrays, and give them for a last look before they get their final names.

    The parts are copied file to file and deleted one by one: neither memory nor disk holds the sample twice. All four
    arrays are renamed into place when the block ends; if it raises, none is.

    Args:
        parts: where :func:`write_part` wrote.
        rows: number of rows of each part, in the order of the parts.
        columns: number of columns of ``features``, ``observables`` and ``weights``.
        folder: the sample's folder.

    Yields:
        (arrays, write_info): the read-only memory-mapped arrays by name, and a function that takes the
        :class:`SampleInfo` to be written with them.
    """
    with ExitStack() as stack:
        # The stack unwinds in reverse: sample.json gets its name last, so that it speaks for complete arrays.
        information = stack.enter_context(whole(Path(folder) / "sample.json"))
        paths = {name: stack.enter_context(whole(Path(folder) / _file_name(name))) for name in ARRAYS}
        for name, path in paths.items():
            _join(parts, name, len(rows), (sum(rows), *((columns[name],) if name in columns else ())), path)
        arrays = {name: np.load(path, mmap_mode="r") for name, path in paths.items()}
        yield arrays, lambda info: to_json(info, information)


def weight_sums(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sum, sum of squares, number and minus the sum of negative weights per column of an (N, P) array, block by block.

    The blocks are counted from the first row, so that the sums do not depend on the partitioning of the input.
    """
    sums, squares = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    negative, below = np.zeros(weights.shape[1], dtype=np.int64), np.zeros(weights.shape[1])
    for start in range(0, len(weights), _ROWS):
        block = np.asarray(weights[start : start + _ROWS])
        with np.errstate(over="ignore"):  # a sum beyond all numbers is infinite, and looked for by those who ask
            sums += block.sum(axis=0)
            squares += (block**2).sum(axis=0)
            below -= np.minimum(block, 0.0).sum(axis=0)
        negative += (block < 0).sum(axis=0)
    return sums, squares, negative, below


def _file_name(name: str) -> str:
    return f"{name}.npy"


def _part(parts: Path, number: int, name: str) -> Path:
    return parts / f"{number:08d}.{name}"


def _join(parts: Path, name: str, number: int, shape: tuple[int, ...], path: Path) -> None:
    kind = np.dtype(ARRAYS[name])
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    with open(path, "wb") as output:
        np.lib.format.write_array_header_1_0(output, header)
        begin = output.tell()
        for index in range(number):
            part = _part(parts, index, name)
            with open(part, "rb") as source:
                shutil.copyfileobj(source, output, 1 << 22)
            part.unlink()
        written, expected = output.tell() - begin, kind.itemsize * int(np.prod(shape, dtype=np.int64))
    if written != expected:
        raise RuntimeError(f"{path}: {written} bytes of {name} where {shape} needs {expected}")
