"""Densities on events: the weights p_c of a process, or |p_c| of the reference, of sum 1 over the rows asked for.

Rows are a side of the split or multiplicities per event, so that the members of an ensemble, the bootstrap and the
reference use the same functions. What the reference is made of, and with which weights w_c, says
:mod:`steelyard.data.reference`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.data.identifiers import Rows, on_side, uniform
from steelyard.data.reference import Reference, mixed
from steelyard.data.store import Sample
from steelyard.errors import InputError


def process_weights(
    samples: Sequence[Sample],
    reference: Reference,
    process: str,
    rows: Rows | Sequence[np.ndarray] = "unseen",
    labels: Mapping[str, str] | None = None,
) -> list[np.ndarray]:
    """The empirical density p_c: the weights of a process on the chosen rows, normalised to 1 over all samples.

    Times ν_c they are the expected events of the process, with exactly the sum ν_c.

    Args:
        samples: as given to :func:`steelyard.data.reference.mix_reference`.
        reference: its result.
        process: name of the process.
        rows: ``training``, ``unseen``, ``all``, or per sample an (N,) array of multiplicities: a mask, or bootstrap
            counts.
        labels: per sample ``hard`` to give each event to one process only (see :func:`class_weights`), e.g.
            ``reference.labels``; None: every event keeps its weights of all processes.

    Returns:
        One float64 (N,) array per sample, 0 on the rows not chosen and in samples without the process.

    Raises:
        InputError: the weights on these rows have no positive sum.
    """
    return _densities(samples, reference, [process], rows, labels or {})[process]


def class_weights(
    samples: Sequence[Sample],
    reference: Reference,
    process: str,
    rows: Rows | Sequence[np.ndarray] = "training",
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two hypotheses that a classifier of a process tells apart: w₁ = p_c and w₀ = p_ref = Σ_c w_c |p_c|.

    The minimiser of Σ_i [w₁ softplus(−f) + w₀ softplus(f)] is f = log p_c/p_ref. Samples with hard labels give each
    event to one process: c with probability q_c ∝ |w_c|/Σw_c (the sum over the training side), drawn by the event's
    identifier, and weight w_c/q_c, so that every density keeps its expectation.

    Args:
        samples: as given to :func:`steelyard.data.reference.mix_reference`.
        reference: its result.
        process: name of the process.
        rows: ``training``, ``unseen``, ``all``, or per sample an (N,) array of multiplicities: a mask, or bootstrap
            counts, e.g. those of one member.

    Returns:
        Per sample (w₁, w₀), float64 (N,) each. Each class sums to 1 over the rows of all samples; 0 on other rows. w₁
        has the signs of the event weights, w₀ is never negative.

    Raises:
        InputError: the weights of a process on these rows have no positive sum.
    """
    densities = _densities(samples, reference, [*mixed(reference), process], rows, reference.labels)
    mixture = _mix(reference, densities)
    return list(zip(densities[process], mixture, strict=True))


def reference_weights(
    samples: Sequence[Sample], reference: Reference, rows: Rows | Sequence[np.ndarray] = "unseen"
) -> list[np.ndarray]:
    """The reference density on events: Σ_c w_c |p_c| of :func:`reference_part`; sum 1 over all samples.

    Args:
        samples: as given to :func:`steelyard.data.reference.mix_reference`.
        reference: its result.
        rows: as for :func:`process_weights`.

    Returns:
        One float64 (N,) array per sample, never negative; 0 on the rows not chosen.

    Raises:
        InputError: the weights of a process on these rows have no positive sum.
    """
    return _mix(reference, _densities(samples, reference, mixed(reference), rows, labels={}))


def reference_part(
    samples: Sequence[Sample], reference: Reference, process: str, rows: Rows | Sequence[np.ndarray] = "unseen"
) -> list[np.ndarray]:
    """|p_c|: the absolute weights of a process on the chosen rows, of sum 1, as :func:`process_weights` else."""
    return _absolute(_densities(samples, reference, [process], rows, labels={})[process])


def _mix(reference: Reference, densities: Mapping[str, list[np.ndarray]]) -> list[np.ndarray]:
    """Σ_c w_c |p_c| per sample, of the processes in the mixture."""
    parts = {name: _absolute(densities[name]) for name in mixed(reference)}
    return [
        sum(reference.weights[name] * columns[index] for name, columns in parts.items())
        for index in range(len(next(iter(parts.values()))))
    ]


def _absolute(columns: list[np.ndarray]) -> list[np.ndarray]:
    """A density's |weights| over all samples, of sum 1 again; itself, to the last bit, where none is negative."""
    if not any((column < 0.0).any() for column in columns):
        return columns
    total = sum(np.abs(column).sum() for column in columns)
    return [np.abs(column) / total for column in columns]


def _densities(
    samples: Sequence[Sample],
    reference: Reference,
    processes: Sequence[str],
    rows: Rows | Sequence[np.ndarray],
    labels: Mapping[str, str],
) -> dict[str, list[np.ndarray]]:
    """Per process and sample the weights times the multiplicity of the rows, each process normalised to 1."""
    processes = list(dict.fromkeys(processes))
    densities: dict[str, list[np.ndarray]] = {name: [] for name in processes}
    for index, sample in enumerate(samples):
        times = on_side(sample.ids, reference.split, rows) if isinstance(rows, str) else np.asarray(rows[index])
        weights = _labelled(sample, reference, labels.get(sample.info.name, "soft"))
        for name in processes:
            column = weights.get(name)
            if column is None:
                densities[name].append(np.zeros(len(sample)))
            else:
                column = np.asarray(column)
                densities[name].append(column.copy() if times is None else column * times)
    for name, columns in densities.items():
        total = sum(column.sum() for column in columns)
        if not total > 0:
            raise InputError(
                f"process {name}: its weights on the chosen rows sum to {total:g}, which is not positive; "
                "use more events, fewer folds or another split"
            )
        for column in columns:
            column /= total
    return densities


def _labelled(sample: Sample, reference: Reference, labels: str) -> dict[str, np.ndarray]:
    """The weights per process, after the choice of one process for each event if the labels are hard."""
    names = [name for name in reference.processes if name in sample.info.processes]
    weights = {name: sample.column(name) for name in names}
    if labels == "soft" or len(names) < 2:
        return weights
    # Divided by the sum of weights, every process gets a like share of the events, whatever its cross-section.
    sizes = np.stack([np.abs(weights[name]) / reference.training.sums[name] for name in names], axis=1)
    cumulative = np.cumsum(sizes, axis=1)
    total = cumulative[:, -1]
    drawn = uniform(sample.ids, "hard-label") * total
    choice = np.minimum((cumulative <= drawn[:, None]).sum(axis=1), len(names) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: np.where((choice == column) & (sizes[:, column] > 0), weights[name] * total / sizes[:, column], 0.0)
            for column, name in enumerate(names)
        }
