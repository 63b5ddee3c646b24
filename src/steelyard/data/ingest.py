"""Ingestion: from flat ntuples to the columnar store, partition by partition.

A partition is read, selected, evaluated and written by one dask task chain, and only a few numbers about it come back:
memory holds the partitions in flight, never the sample. At the end the parts are joined file to file. The stored rows
are in the order of the sorted file names and their entries, whatever the order of the list of files, the size of the
partitions, the scheduler or the number of threads: the same input gives the same bytes.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import numpy as np

from steelyard.data import partitions, store
from steelyard.data.columns import Columns, Defect, NamedExpression, base_name
from steelyard.data.readers.reader import Partition, expand
from steelyard.data.store import SampleInfo
from steelyard.errors import ConfigurationError, InputError, SteelyardError

log = logging.getLogger(__name__)

_DEFECTS_SHOWN = 10


@dataclass(frozen=True)
class Part:
    """What a worker reports of the partition that it has written.

    Attributes:
        rows: selected entries.
        defects: values that cannot be used; the part is not written then.
    """

    rows: int
    defects: list[Defect]


def ingest_sample(
    sample: Any,
    files: Sequence[str],
    variables: Sequence[NamedExpression],
    selection: str | None,
    features: Sequence[NamedExpression],
    observables: Sequence[NamedExpression],
    ingestion: Any,
    folder: str | os.PathLike,
    threads: int | None = None,
) -> SampleInfo:
    """Read a sample (or the observed data) from files into ``folder``, see :mod:`steelyard.data.store`.

    Events are identified by ``sample.event_id``; without it by the base name of their file and the number of their
    entry, so files must then keep their names and be named differently.

    Args:
        sample: sample or observed of the configuration: ``tree``, ``event_id``, ``id_scope``, and of a sample ``name``
            and ``weights`` [expected events].
        files: paths, globs, addresses, of any kinds that have a reader (:mod:`steelyard.data.readers.reader`); their
            order does not matter.
        variables: helper quantities, evaluated in order.
        selection: expression of the entries to keep; None for all.
        features: columns for the networks.
        observables: columns for people.
        ingestion: ``scheduler`` (``threads``, ``synchronous``, ``processes`` or the address of a distributed scheduler,
            whose workers must see ``folder``) and ``entries_per_partition``.
        folder: where the sample is stored; its files appear together when everything is right, or not at all.
        threads: largest number of partitions in flight on this machine; None: one a core.

    Returns:
        What ``sample.json`` says.

    Raises:
        InputError: there are no files or a file is damaged; the tree or a branch is missing or not flat; a value or a
            sum of weights is not finite, an event_id no integer, or two events share one.

    No selected event is an answer too: observed data without an event are data, and one slice of a simulated process
    may hold none, or weights whose sum is not positive. That is logged and stored; whether a process has anything at
    all is known from all samples, see :func:`steelyard.data.reference.mix_reference`.
    """
    name = getattr(sample, "name", "observed")
    columns = Columns.of(sample, variables, selection, features, observables)
    try:
        return ingest_columns(name, columns, files, sample.tree, ingestion, folder, threads)
    except InputError as error:
        raise InputError(f"{name if name == 'observed' else f'sample {name}'}: {error}") from error


def ingest_columns(
    name: str,
    columns: Columns,
    files: Sequence[str],
    tree: str,
    ingestion: Any,
    folder: str | os.PathLike,
    threads: int | None = None,
    check_ids: Callable[[np.ndarray], None] | None = None,
    check_count: Callable[[int, int], None] | None = None,
) -> SampleInfo:
    """Read columns of files into ``folder``: what :func:`ingest_sample` does, by the columns themselves.

    Args:
        name: of the sample, for ``sample.json``.
        columns: which columns of which entries.
        files, ingestion, folder, threads: as for :func:`ingest_sample`.
        tree: name of the tree.
        check_ids: looks at the (N,) identifiers of all stored rows before these appear, and raises InputError if they
            are not the right ones; by default they must differ from one another.
        check_count: looks at the numbers of entries that were read and selected before anything appears, likewise.

    Raises:
        InputError: as :func:`ingest_sample`; the message does not name the sample.
    """
    files, folder = expand(files), Path(folder)
    if columns.event_id is None:
        _check_names(files)
    with _scheduler(ingestion.scheduler, threads) as compute, store.parts_folder(folder) as parts:
        uses = columns.uses
        if not uses:
            raise ConfigurationError(
                f"{'features' if columns.features else 'weights'}: no expression uses a branch; "
                "name at least one branch of the ntuples"
            )
        ranges = partitions.partitions(
            files, tree, uses, list(columns.variables), ingestion.entries_per_partition, compute
        )
        task = dask.delayed(_Task(columns, tuple(uses), parts), pure=False)
        events = partitions.tasks(ranges, tree, list(uses))
        tasks = [
            task(array, number, part.file, part.start, part.stop)
            for number, (array, part) in enumerate(zip(events, ranges, strict=True))
        ]
        try:
            reports = compute(tasks)
        except SteelyardError:
            raise
        except Exception:
            damage = partitions.damage(ranges, tree, list(uses))
            if damage is None:
                raise  # all data can be read: the reason is another one, such as a full disk
            raise damage from None
        _check_defects(reports, ranges, columns, tree)
        rows = [report.rows for report in reports]
        n_read = sum(part.stop - part.start for part in ranges)
        if check_count is not None:
            check_count(n_read, sum(rows))
        widths = {key: len(getattr(columns, key)) for key in ("features", "observables", "weights")}
        with store.joined(parts, rows, widths, folder) as (arrays, write_info):
            if check_ids is None:
                _check_unique(arrays["ids"], rows, ranges, columns, tree)
            else:
                check_ids(arrays["ids"])
            processes = tuple(columns.weights)
            sums, squares, negative, below = store.weight_sums(arrays["weights"])
            for process, total in zip(processes, sums, strict=True):
                if not np.isfinite(total):
                    raise InputError(
                        f"the weights of process {process} ('{columns.weights[process]}') of the {sum(rows)} selected "
                        f"entries sum to {total:g} ({_first(files)}, tree {tree}); correct the weight or the files"
                    )
            info = SampleInfo(
                name=name,
                processes=processes,
                features=tuple(columns.features),
                observables=tuple(columns.observables),
                n_read=n_read,
                n_selected=sum(rows),
                sum_weights=dict(zip(processes, sums.tolist(), strict=True)),
                sum_weights_squared=dict(zip(processes, squares.tolist(), strict=True)),
                n_negative=dict(zip(processes, negative.tolist(), strict=True)),
                files=tuple(files),
                sum_negative=dict(zip(processes, below.tolist(), strict=True)),
            )
            write_info(info)
    _tell(info, columns, tree)
    return info


def _tell(info: SampleInfo, columns: Columns, tree: str) -> None:
    """Say in the log what was read: the events, and the sum of each process' weights with its statistical error."""
    place = f"{info.name} ({_first(info.files)}, tree {tree})"
    log.info("%s: %d of %d entries selected", place, info.n_selected, info.n_read)
    if info.n_selected == 0:
        what = "the tree is empty" if info.n_read == 0 else f"the selection '{columns.selection}' keeps none"
        log.warning(
            "%s: no event (%s). If that is not what these files should hold, look at how they were made, at the "
            "selection and its units",
            *(place, what),
        )
    for process in info.processes:
        total, error = info.sum_weights[process], info.sum_weights_squared[process] ** 0.5
        text = columns.weights[process]
        log.info("%s: %.6g ± %.2g expected events of process %s ('%s')", place, total, error, process, text)
        if info.n_negative[process]:
            log.info(
                "%s: %d of %d weights of process %s are negative, %.3g of the sum of |w|",
                *(place, info.n_negative[process], info.n_selected, process, info.negative_fraction(process)),
            )
        if info.n_selected and not total > 0:
            log.warning(
                "%s: the weights of process %s ('%s') sum to %g, which is not positive. One slice of a process may do "
                "that, all of them together may not",
                *(place, process, text, total),
            )


@dataclass(frozen=True)
class _Task:
    """The work on one partition, with all that it needs besides the events; pickled once for a worker."""

    columns: Columns
    branches: tuple[str, ...]
    parts: Path

    def __call__(self, events: Any, number: int, file: str, start: int, stop: int) -> Part:
        arrays = {branch: np.asarray(events[branch]) for branch in self.branches}
        found = len(next(iter(arrays.values())))
        if found != stop - start:
            raise InputError(f"{file}: {found} entries read where {stop - start} are promised; make the file again")
        stored, defects = self.columns.evaluate(file, start, arrays)
        if not defects:
            store.write_part(self.parts, number, stored)
        return Part(rows=len(stored["ids"]), defects=defects)


@contextmanager
def _scheduler(scheduler: str, threads: int | None) -> Iterator[Callable[[list[Any]], list[Any]]]:
    """A function that runs dask tasks by the scheduler of the configuration."""
    if scheduler in ("threads", "synchronous", "processes"):
        options = {} if threads is None else {"num_workers": threads}
        yield lambda tasks: list(dask.compute(*tasks, scheduler=scheduler, **options))
        return
    from distributed import Client

    try:
        client = Client(scheduler, timeout="30s", set_as_default=False)
    except OSError as error:
        raise InputError(
            f"ingestion.scheduler {scheduler}: no dask scheduler answers there ({error}); start one, or use threads"
        ) from error
    with client:
        yield lambda tasks: list(client.gather(client.compute(tasks)))


def _check_names(files: Sequence[str]) -> None:
    names: dict[str, str] = {}
    for file in files:
        first = names.setdefault(base_name(file), file)
        if first != file:
            raise InputError(
                f"{first} and {file} have one name, and without event_id the name identifies their events; give "
                "event_id (the branches that identify an event), or rename the files"
            )


def _first(files: Sequence[str]) -> str:
    return f"{files[0]}{' …' if len(files) > 1 else ''}"


def _check_defects(reports: Sequence[Part], ranges: Sequence[Partition], columns: Columns, tree: str) -> None:
    """Add up what is wrong over the partitions: per column the count and the first entry."""
    texts = {f"weight of process {process}": text for process, text in columns.weights.items()}
    totals: dict[tuple[str, str], int] = {}
    firsts: dict[tuple[str, str], str] = {}
    for report, part in zip(reports, ranges, strict=True):
        for defect in report.defects:
            key = (defect.column, defect.kind)
            totals[key] = totals.get(key, 0) + defect.entries
            firsts.setdefault(key, f"first {defect.value} in {part.file}, tree {tree}, entry {defect.entry}")
    if not totals:
        return
    selected = sum(report.rows for report in reports)
    lines = [
        f"{column} is {kind} for {number} of {selected} selected entries ({firsts[column, kind]})"
        + (f": '{texts[column]}'" if column in texts else "")
        for (column, kind), number in totals.items()
    ]
    more = [f"and {len(lines) - _DEFECTS_SHOWN} more columns"] if len(lines) > _DEFECTS_SHOWN else []
    advice = "correct the expression, or exclude these entries by the selection"
    raise InputError("; ".join([*lines[:_DEFECTS_SHOWN], *more, advice]))


def _check_unique(
    ids: np.ndarray, rows: Sequence[int], ranges: Sequence[Partition], columns: Columns, tree: str
) -> None:
    ordered = np.sort(ids)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return
    pair = np.flatnonzero(ids == repeated[0])[:2]
    places, values = zip(*(_place(row, rows, ranges, columns, tree) for row in pair), strict=True)
    raise InputError(
        f"event_id {list(columns.event_id or ())}: {len(repeated)} entries repeat the event_id of another one, e.g. "
        f"{values[0]} in {places[0]} and {places[1]}; give the branches that identify an event, or remove files that "
        "hold the same events"
    )


def _place(
    row: int, rows: Sequence[int], ranges: Sequence[Partition], columns: Columns, tree: str
) -> tuple[str, list[int]]:
    """Where a stored row comes from, and the integers that identify it: by reading its partition again."""
    ends = np.cumsum(rows)
    number = int(np.searchsorted(ends, row, side="right"))
    part = ranges[number]
    entries, _, identity = columns.identify(part.file, part.start, partitions.read(part, tree, list(columns.uses)))
    index = int(row - (ends[number] - rows[number]))
    return f"{part.file}, entry {entries[index]}", [int(column[index]) for column in identity]
