"""Ingestion of the ±1σ versions of a sample: the same events with other weights, or other versions of the events.

A variation of weights is stored without features: its rows are those of the nominal store, one by one, so that an event
carries the weights of both hypotheses. A variation of events is a store of its own; its identifiers have the scope of
the nominal sample, so that all versions of a physical event are on one side of every split.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steelyard.data.columns import Columns, NamedExpression
from steelyard.data.ingest import ingest_columns
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import InputError
from steelyard.io.serialisation import from_json

if TYPE_CHECKING:
    from steelyard.data.variations import VariedSource

_ROWS = 1 << 20  # identifiers that are compared at a time

# No variation at ±1σ takes away every one of so many selected events: the varied files are not what they should be.
_LOST = 100


def ingest_variation(
    sample: Any,
    variation: "VariedSource",
    files: Sequence[str],
    nominal: str | os.PathLike | None,
    variables: Sequence[NamedExpression],
    selection: str | None,
    features: Sequence[NamedExpression],
    observables: Sequence[NamedExpression],
    ingestion: Any,
    folder: str | os.PathLike,
    threads: int | None = None,
) -> SampleInfo:
    """Read one variation of a sample from files into ``folder``, see :mod:`steelyard.data.store`.

    Kind ``events``: features, observables, ids and the weights of the affected processes of the selected events of the
    varied tree. Kind ``weights``: the weights (N, affected processes) and ids of the nominal events, which are checked
    against those of the nominal store; features and observables have no columns. A slice of a process without any event
    is one with its variations too.

    Args:
        sample: the sample of the configuration: ``event_id`` and ``id_scope``, which all its versions share.
        variation: what varies: ``sample``, ``systematic``, ``direction``, ``kind``, ``tree``, ``weights``.
        files: the varied files, or those of the sample where ``variation.files`` is None.
        nominal: folder of the sample's store; the kind ``weights`` needs it, and the kind ``events`` compares with it.
        variables, selection, features, observables, ingestion, folder, threads: as for
            :func:`steelyard.data.ingest.ingest_sample`.

    Returns:
        What ``sample.json`` says; ``name`` is that of the sample, ``processes`` are the affected ones.

    Raises:
        InputError: as for a sample; or the rows of a variation of weights are not those of the nominal store, or there
            is none; or events of another tree have no ``event_id``, or none of them is selected where the
            sample has many. The message names sample, systematic and direction.
    """
    columns = replace(Columns.of(sample, variables, selection, features, observables), weights=dict(variation.weights))
    place = f"sample {variation.sample}, {variation.systematic} {variation.direction}"
    try:
        if variation.kind == "events":
            if columns.event_id is None:
                raise InputError(
                    f"{', '.join(map(str, files))}, tree {variation.tree}: without event_id nothing tells which events "
                    "are versions of those of the sample; give the branches that identify an event"
                )
            check = None
            count = None if nominal is None else partial(_check_count, variation, files, selection, nominal)
        elif nominal is None:
            raise InputError("a variation of weights needs the store of the sample; ingest the sample first")
        else:
            columns = replace(columns, features={}, observables={})
            check, count = partial(_check_aligned, Sample.open(nominal), nominal), None
        return ingest_columns(
            variation.sample, columns, files, variation.tree, ingestion, folder, threads, check, count
        )
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _check_count(
    variation: "VariedSource",
    files: Sequence[str],
    selection: str | None,
    nominal: str | os.PathLike,
    n_read: int,
    n_selected: int,
) -> None:
    known = from_json(SampleInfo, Path(nominal) / "sample.json").n_selected
    if n_selected == 0 and known >= _LOST:
        what = "the tree is empty (0 entries)" if n_read == 0 else f"the selection '{selection}' keeps none of {n_read}"
        raise InputError(
            f"{', '.join(map(str, files))}, tree {variation.tree}: {what}, where {known} events of the sample are "
            "selected; look at how these files were made"
        )


def _check_aligned(nominal: Sample, folder: str | os.PathLike, ids: np.ndarray) -> None:
    """Each row is the event of the same row of the nominal store; block by block, since both are memory maps."""
    what = None
    if len(ids) != len(nominal.ids):
        what = f"{len(ids)} entries are selected, and the sample has {len(nominal.ids)}"
    else:
        for start in range(0, len(ids), _ROWS):
            different = ids[start : start + _ROWS] != nominal.ids[start : start + _ROWS]
            if different.any():
                what = f"row {start + int(np.argmax(different))} is another event than in the sample"
                break
    if what:
        raise InputError(
            f"{what} ({folder}): a variation of weights has the same events in the same order; files, selection or "
            "event_id have changed since the sample was read: ingest it again"
        )
