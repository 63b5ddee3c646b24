"""The events on which the variations of one systematic and direction are checked: those that no network trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.identifiers import SplitRule, is_unseen
from steelyard.data.store import Sample
from steelyard.diagnostics.closure import BINS, BinnedColumns
from steelyard.errors import InputError
from steelyard.regions.binning import bin_index, quantile_edges


@dataclass(frozen=True, eq=False)
class VariedEvents:
    """n rows: nominal events of all samples that carry a process of the systematic, then varied ones of their own.

    Attributes:
        columns: the variables, features first and then observables of other names, binned.
        source: (n, C) nominal weights of each process, 0 on the varied rows.
        target: (n, C) its varied weights: on the nominal rows where events only have other weights or are not varied.
        scores: (n, V) log g on the nominal rows, 0 on the varied ones, whose g nobody asks for.
        pairs: (P, 2) nominal and varied row of one event; None if no sample has varied events.
    """

    columns: BinnedColumns
    source: np.ndarray
    target: np.ndarray
    scores: np.ndarray
    pairs: np.ndarray | None


def unseen_rows(samples: Sequence[Sample], processes: Sequence[str], split: SplitRule) -> list[np.ndarray]:
    """Per sample the rows that no held-out member trained on; none of a sample that carries none of the processes."""
    return [
        np.flatnonzero(is_unseen(sample.ids, split))
        if set(processes) & set(sample.info.processes)
        else np.empty(0, dtype=np.int64)
        for sample in samples
    ]


def process_columns(samples: Sequence[Sample], processes: Sequence[str], rows: Sequence[np.ndarray]) -> np.ndarray:
    """Weights (n, C) of the processes on the chosen rows of all samples, sample after sample."""
    return np.concatenate(
        [
            np.stack([_weights(sample, process)[row] for process in processes], axis=1)
            for sample, row in zip(samples, rows, strict=True)
        ]
    )


def varied_events(
    samples: Sequence[Sample],
    varied: Mapping[str, Sample],
    processes: Sequence[str],
    scores: Sequence[np.ndarray],
    split: SplitRule,
    bins: int = BINS,
) -> VariedEvents:
    """Gather the rows of one direction, and bin every variable in quantiles of the sum of the nominal densities.

    Args:
        samples: the nominal samples.
        varied: by the name of the nominal sample its varied version, see
            :func:`steelyard.ratios.hypotheses.variation_samples`.
        processes: C of them, which the systematic varies.
        scores: per sample (N, V) log g of all its events, with columns as the caller likes.
        split: of the networks.
        bins: of every variable.

    Raises:
        InputError: varied events with other features or observables than the nominal ones.
    """
    rows = unseen_rows(samples, processes, split)
    # a slice without nominal events may have varied ones
    used = [number for number, sample in enumerate(samples) if set(processes) & set(sample.info.processes)]
    events = [sample.info.name for sample in samples if _has_events(varied.get(sample.info.name))]
    source = process_columns(samples, processes, rows)
    target = source.copy()
    starts = np.cumsum([0, *map(len, rows)])
    tables, more, pairs = [_Table(samples[number], rows[number]) for number in used], [], []
    end = len(source)
    for number in used:
        sample, row, place = samples[number], rows[number], slice(starts[number], starts[number + 1])
        other = varied.get(sample.info.name)
        if other is None:
            continue
        affected = [column for column, process in enumerate(processes) if process in other.info.processes]
        if sample.info.name not in events:
            for column in affected:
                target[place, column] = other.column(processes[column])[row]
            continue
        _check_columns(sample, other)
        chosen = np.flatnonzero(is_unseen(other.ids, split))
        extra = np.zeros((len(chosen), len(processes)))
        for column in affected:
            target[place, column] = 0.0
            extra[:, column] = other.column(processes[column])[chosen]
        _, first, second = np.intersect1d(sample.ids[row], other.ids[chosen], return_indices=True)
        order = np.argsort(first)  # neighbours in the file are neighbours in memory
        pairs.append(np.stack([place.start + first[order], end + second[order]], axis=1))
        tables.append(_Table(other, chosen))
        more.append(extra)
        end += len(chosen)
    weights = (source / source.sum(axis=0)).sum(axis=1)
    blank = np.zeros((end - len(source), len(processes)))
    log_g = np.concatenate([score[row] for score, row in zip(scores, rows, strict=True)]).astype(float)
    return VariedEvents(
        columns=_binned(tables, np.concatenate([weights, blank.sum(axis=1)]), bins),
        source=np.concatenate([source, blank]),
        target=np.concatenate([target, *more]),
        scores=np.concatenate([log_g, np.zeros((len(blank), log_g.shape[1]))]),
        pairs=np.concatenate(pairs) if pairs else None,
    )


def _weights(sample: Sample, process: str) -> np.ndarray:
    return sample.column(process) if process in sample.info.processes else np.zeros(len(sample))


def _has_events(varied: Sample | None) -> bool:
    return varied is not None and bool(varied.info.features)


def _check_columns(sample: Sample, other: Sample) -> None:
    for what in ("features", "observables"):
        if getattr(sample.info, what) != getattr(other.info, what):
            raise InputError(
                f"sample {sample.info.name}: its varied events have other {what} than the nominal ones; ingest both "
                "with one configuration"
            )


class _Table:
    """Some rows of a sample, with all variables in memory."""

    def __init__(self, sample: Sample, rows: np.ndarray) -> None:
        self.info = sample.info
        self.features, self.observables = sample.features[rows], sample.observables[rows]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.info.features, *(name for name in self.info.observables if name not in self.info.features))

    def column(self, name: str) -> np.ndarray:
        if name in self.info.features:
            return self.features[:, self.info.features.index(name)]
        return self.observables[:, self.info.observables.index(name)]


def _binned(tables: Sequence[_Table], weights: np.ndarray, bins: int) -> BinnedColumns:
    """As :func:`steelyard.diagnostics.closure.bin_columns`, one variable at a time: a copy of all would fill memory."""
    names, edges = tables[0].names, []
    index = np.empty((len(names), len(weights)), dtype=np.uint8)
    for row, name in zip(index, names, strict=True):
        values = np.concatenate([table.column(name) for table in tables])
        edges.append(quantile_edges(values, bins, weights))
        row[:] = bin_index(values, edges[-1])
    return BinnedColumns(names, tuple(edges), index)
