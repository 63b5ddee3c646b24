"""The reference sample as one table: every event that no network trained on, from all samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.data.event_densities import process_weights, reference_part, reference_weights
from steelyard.data.reference import Reference, mixed
from steelyard.data.store import Sample
from steelyard.errors import ModelError


@dataclass(frozen=True)
class ReferenceEvents:
    """Rows of the samples that make up the reference density on the unseen side of the split, and the processes there.

    Attributes:
        weights: (n,) reference weights, sum 1; 0 for events of processes that are not in the mixture.
        rows: (n, 2) sample number and row in that sample's store.
    """

    weights: np.ndarray
    rows: np.ndarray

    def gather(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """Pick these events' rows out of one array (N_s, ...) per sample: (n, ...)."""
        return np.concatenate(
            [column[self.rows[self.rows[:, 0] == number, 1]] for number, column in enumerate(columns)]
        )


def reference_events(samples: Sequence[Sample], reference: Reference) -> ReferenceEvents:
    """The unseen events with a reference weight, sample after sample in the order of their stores.

    Those of a process that is not in the mixture are among them with weight 0: its templates and the checks of its
    ratio are made of them.
    """
    weights = reference_weights(samples, reference, "unseen")
    used = [weight != 0.0 for weight in weights]
    for process in set(reference.processes) - set(mixed(reference)):
        for rows, column in zip(used, process_weights(samples, reference, process), strict=True):
            rows |= column != 0.0
    used = [np.flatnonzero(rows) for rows in used]
    rows = [np.stack([np.full(len(row), number), row], axis=1) for number, row in enumerate(used)]
    return ReferenceEvents(
        weights=np.concatenate([weight[row] for weight, row in zip(weights, used, strict=True)]),
        rows=np.concatenate(rows),
    )


def process_densities(samples: Sequence[Sample], reference: Reference, events: ReferenceEvents) -> np.ndarray:
    """The empirical density of every process on the reference events, (n, C); each column sums to 1."""
    return np.stack(
        [
            events.gather(process_weights(samples, reference, process, "unseen", reference.labels))
            for process in reference.processes
        ],
        axis=1,
    )


def reference_components(
    samples: Sequence[Sample], reference: Reference, events: ReferenceEvents
) -> tuple[np.ndarray, np.ndarray | None]:
    """What each process of the mixture adds to the reference weights, and which rows are one independent event.

    Returns:
        (n, R) of the R processes in the mixture: rows add up to the reference weights, columns to their weights in it;
        and (n,) numbers of events by id, None where every row has an id of its own.
    """
    parts = [
        reference.weights[name] * events.gather(reference_part(samples, reference, name)) for name in mixed(reference)
    ]
    identifiers = events.gather([sample.ids for sample in samples])
    distinct, numbers = np.unique(identifiers, return_inverse=True)
    return np.stack(parts, axis=1), None if len(distinct) == len(identifiers) else numbers


def oracle_log_ratios(log_densities: np.ndarray, reference: Reference) -> np.ndarray:
    """Exact log p_c(x)/p_ref(x) from exact log densities (n, C), with p_ref the configured mixture."""
    mixture = np.array([reference.weights[process] for process in reference.processes])
    with np.errstate(divide="ignore"):
        shifted = log_densities + np.log(mixture)
    highest = shifted.max(axis=1, keepdims=True)
    return log_densities - (highest + np.log(np.exp(shifted - highest).sum(axis=1, keepdims=True)))


def load_scores(paths: Sequence[str], samples: int) -> list[np.ndarray]:
    """Scores (N_s, C) of each sample, from files in the order of samples and of ratios within a sample.

    A file holds one ratio (N_s,), or all of them (N_s, C).

    Raises:
        ModelError: the ratios of one sample do not have the same number of events.
    """
    per_sample = len(paths) // samples
    stacks = []
    for first in range(0, len(paths), per_sample):
        columns = [np.load(path, mmap_mode="r") for path in paths[first : first + per_sample]]
        if len({len(column) for column in columns}) != 1:
            raise ModelError(f"scores of different lengths: {', '.join(paths[first : first + per_sample])}")
        stacks.append(np.column_stack(columns))
    return stacks
