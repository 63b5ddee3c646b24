"""The reference mixture p_ref = Σ_c w_c |p_c|: which processes it is made of, and their yields.

Every density is an empirical one, as :mod:`steelyard.data.event_densities` makes it: the events of all samples that
carry weights of a process, on one side of the split, with weights that sum to 1. The yields ν_c belong to all events,
so that the two sides describe the same expectation: on the unseen side Σ_i ν_c p_c,i = ν_c holds exactly.

Any density serves as the reference, as long as it has events wherever a process has some. Events enter it with the
absolute values of their weights, |p_c| being that density of sum 1: so its weights are positive, and with them those of
expected data and pseudo-experiments, whatever the signs of the event weights are. The processes keep their signs, and
E_ref[p_c/p_ref] = 1 holds as before. Where no weight is negative, |p_c| is p_c.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from steelyard.data.identifiers import Split, SplitRule, on_side
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import ConfigurationError, InputError


class ProcessRule(Protocol):
    """What is asked of a process of the configuration."""

    name: str
    yield_: float | None


class ReferenceRule(Protocol):
    """What is asked of an entry of the configuration's ``reference``."""

    process: str
    weight: float


@dataclass(frozen=True)
class Side:
    """One side of the split, per process.

    Attributes:
        sums: sum of weights [expected events].
        effective_sizes: (Σw)²/Σw²: the number of unweighted events of the same statistical precision.
        reference_sizes: (Σ|w|)²/Σw²: the same of |p_c|, as which the events enter the reference.
    """

    sums: dict[str, float]
    effective_sizes: dict[str, float]
    reference_sizes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """The reference mixture of an analysis.

    Attributes:
        processes: the processes, in the order of the configuration.
        weights: w_c of every process, sum 1; 0 for a process that is not in the mixture.
        yields: sum of the weights of all events [expected events].
        training: sums of the training side.
        unseen: sums of the side that reference, Asimov and toys are made of.
        split: how events are put on the sides.
        labels: per sample ``soft`` (an event counts for every process it has a weight of) or ``hard`` (for one).
        notes: why a process has a smaller weight than the others by default.
        negative_fractions: per process, the sum of |w| of its events with w < 0 over that of all its events.
    """

    processes: tuple[str, ...]
    weights: dict[str, float]
    yields: dict[str, float]
    training: Side
    unseen: Side
    split: Split
    labels: dict[str, str]
    notes: tuple[str, ...] = ()
    negative_fractions: dict[str, float] = field(default_factory=dict)


def mix_reference(
    samples: Sequence[Sample],
    processes: Sequence[str],
    reference_weights: Sequence[ReferenceRule] | None,
    split: SplitRule,
    labels: Mapping[str, str] | None = None,
    default: Callable[[Mapping[str, float], Mapping[str, float]], tuple[dict[str, float], tuple[str, ...]]]
    | None = None,
) -> Reference:
    """Sum the weights of each process over all samples and both sides, and normalise the weights of the mixture.

    Args:
        samples: the simulated samples; a process may be spread over several.
        processes: names of the configuration's processes.
        reference_weights: the configuration's mixture; None: ``default``.
        split: the configuration's split.
        labels: per sample name ``soft`` or ``hard``; None, or a sample that is not named: soft.
        default: gives weights and notes from the yields and the unseen reference sizes of the processes, such as
            :func:`steelyard.data.expected.default_shares`; None: all processes with equal weights.

    Raises:
        InputError: no sample carries a process, or its weights on a side have no positive sum.
        ConfigurationError: the mixture names an unknown process, has a negative weight, or no positive one.
    """
    names = tuple(processes)
    split = Split.of(split)
    weights, notes = _mixture(names, reference_weights), ()
    sums = {side: {name: np.zeros(4) for name in names} for side in ("all", "training", "unseen")}
    for sample in samples:
        for side, totals in sums.items():
            chosen = on_side(sample.ids, split, side)
            for name in set(names) & set(sample.info.processes):
                column = sample.column(name) if chosen is None else sample.column(name)[chosen]
                negative = -np.minimum(column, 0.0).sum()
                totals[name] += np.array([column.sum(), (column**2).sum(), len(column), negative])
    for name in names:
        if not any(name in sample.info.processes for sample in samples):
            raise InputError(f"process {name}: no sample carries weights of it; add it to the weights of a sample")
        for side, totals in sums.items():
            if not totals[name][0] > 0:
                raise InputError(_nothing(name, [sample.info for sample in samples], side, totals[name]))
    sides = {
        side: Side(
            sums={name: float(totals[name][0]) for name in names},
            effective_sizes={name: float(totals[name][0] ** 2 / totals[name][1]) for name in names},
            reference_sizes={name: float(_absolute_sum(totals[name]) ** 2 / totals[name][1]) for name in names},
        )
        for side, totals in sums.items()
    }
    yields = {name: float(sums["all"][name][0]) for name in names}
    if reference_weights is None and default is not None:
        shares, notes = default(yields, sides["unseen"].reference_sizes)
        if notes:  # equal weights stay what they are, to the last bit
            weights = {name: share / sum(shares.values()) for name, share in shares.items()}
    return Reference(
        processes=names,
        weights=weights,
        yields=yields,
        training=sides["training"],
        unseen=sides["unseen"],
        split=split,
        labels={sample.info.name: (labels or {}).get(sample.info.name, "soft") for sample in samples},
        notes=notes,
        negative_fractions={name: float(totals[3] / _absolute_sum(totals)) for name, totals in sums["all"].items()},
    )


def expected_yields(reference: Reference, processes: Sequence[ProcessRule]) -> dict[str, float]:
    """ν_c [expected events] of every process: as configured, else the sum of the weights of all its events."""
    return configured_yields(reference.yields, processes)


def configured_yields(yields: Mapping[str, float], processes: Sequence[ProcessRule]) -> dict[str, float]:
    """The yields of the configuration, and where it gives none those of the samples [expected events]."""
    return {
        process.name: float(yields[process.name] if process.yield_ is None else process.yield_) for process in processes
    }


def mixed(reference: Reference) -> list[str]:
    """The processes that the reference is made of."""
    return [name for name in reference.processes if reference.weights[name] > 0]


def _mixture(names: Sequence[str], rules: Sequence[ReferenceRule] | None) -> dict[str, float]:
    pairs = [(name, 1.0) for name in names] if rules is None else [(rule.process, float(rule.weight)) for rule in rules]
    given = dict(pairs)
    total = sum(given.values())
    if not set(given) <= set(names) or len(given) < len(pairs) or min(given.values(), default=0) < 0 or not total > 0:
        raise ConfigurationError(
            f"reference: found {', '.join(f'{name}: {weight:g}' for name, weight in pairs) or 'nothing'}; give weights "
            f"≥ 0 with a positive sum to some of the processes {', '.join(names)}, to each once"
        )
    return {name: given.get(name, 0.0) / total for name in names}


def _absolute_sum(totals: np.ndarray) -> float:
    """Σ|w|, which is the sum to the last bit where no weight is negative."""
    return totals[0] + 2.0 * totals[3]


def _nothing(process: str, infos: Sequence[SampleInfo], side: str, totals: np.ndarray) -> str:
    """What is wrong with a process that has nothing on a side, sample by sample with the places to look at."""
    total, events = totals[0], int(totals[2])
    carriers = [info for info in infos if process in info.processes]
    lines = []
    for info in carriers:
        found = f"{info.n_selected} of {info.n_read} entries selected" if info.n_read else "the tree is empty"
        files = f"{info.files[0]}{' …' if len(info.files) > 1 else ''}" if info.files else "no files"
        lines.append(f"{info.name}: {found}, sum {info.sum_weights[process]:g} ({files})")
    advice = "correct the weight, the selection or the files" if side == "all" else "use more events or another split"
    return (
        f"process {process}, samples {', '.join(info.name for info in carriers)}: the weights of the {events} {side} "
        f"events sum to {total:g}, which is not positive; {'; '.join(lines)}; {advice}"
    )
