r"""Null variations: training without an effect but with all noise of a variation.

A network that tells the varied from the nominal version of a process learns the effect, and the noise of its training
events. The labels of the events carry that noise, so here they are drawn again: each event, with all its versions,
keeps its labels or exchanges them, with equal probability. Both classes then have the density of their mean, nothing is
left to be learnt, and the noise is that of the real training, however the versions of events are related:

- *other events* (other files): the labels of independent events;
- *the same events, moved* (other trees): the versions of an event exchange their labels together, so that what is
  common to them cancels, as it does in the real training;
- *the same events with other weights*: labels that are functions of the features have no noise, and equal weights give
  exactly none. What is left is the scatter of the weights about the learned ratio, and its sign is drawn.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from steelyard.data.identifiers import SplitRule, is_training, is_unseen, trains, uniform
from steelyard.data.null_ratios import NullRatios
from steelyard.data.store import Sample
from steelyard.data.variations import Variation
from steelyard.errors import InputError
from steelyard.ratios.ensembles import Combination, Ensemble, combine, mean_log_ratio
from steelyard.ratios.evaluation import log_ratios, member_log_ratios
from steelyard.ratios.members import load
from steelyard.ratios.packs import train_members
from steelyard.ratios.training import TrainingRule
from steelyard.ratios.training_data import RatioSample

# A null costs what a variation does. Where that is little several are trained, since single ones differ much in size:
# an early epoch may be kept that has learnt little of the noise. So many rows, times epochs, in all, and at most so
# many trainings.
ROWS_TIMES_EPOCHS = 4_000_000
MOST_REPLICAS = 8

# Events of the reference on which the noise is evaluated: its mean square is known to about a per cent of itself.
EVENTS = 60_000


def train_null(
    samples: Sequence[Sample],
    variation_rows: Sequence[RatioSample],
    variation: Variation,
    processes: Sequence[str],
    *,
    learned: Ensemble | None,
    members: int,
    combination: Combination,
    split: SplitRule,
    training: TrainingRule,
    bootstrap: bool,
    seed_of: Callable[[int, int], int],
    folder: str | os.PathLike,
    threads: int = 1,
) -> NullRatios:
    """Train the null of a variation as the variation itself is trained, and evaluate it on unseen events.

    Args:
        samples: all nominal samples.
        variation_rows: of the variation, see :func:`steelyard.ratios.hypotheses.variation_samples`.
        variation: which one.
        processes: all that its systematic varies in the same way.
        learned: its ensemble, for a variation by weights.
        members, combination, split, training, bootstrap, threads: as for the variation.
        seed_of: of a draw of the labels and a member.
        folder: for networks and checkpoints; what was trained there before by the same recipe is not trained again.

    Raises:
        InputError, ModelError: as :func:`null_samples` and :func:`steelyard.ratios.training.train_member`.
    """
    learned_log_g = None
    if learned is not None:
        learned_log_g = [log_ratios([learned], sample.features, threads)[:, 0] for sample in variation_rows]
    rows, found, features = chosen_rows(samples, split), [], samples[0].info.features
    inputs = np.concatenate([sample.features[rows[rows[:, 0] == k, 1]] for k, sample in enumerate(samples)])
    ids = np.concatenate([sample.ids[rows[rows[:, 0] == k, 1]] for k, sample in enumerate(samples)])
    for replica in range(replicas(variation_rows, split, training.epochs)):
        places = [Path(folder) / f"replica-{replica}" / f"member-{member}" for member in range(members)]
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
        train_members(
            null_samples(variation_rows, variation.systematic, replica, learned_log_g),
            ratio=f"{variation.name}-null",
            features=features,
            split=split,
            training=training,
            bootstrap=bootstrap,
            seed_of=functools.partial(seed_of, replica),
            network_paths=[place / "network.pt" for place in places],
            curve_paths=[place / "training.csv" for place in places],
            checkpoint_folder=Path(folder) / f"replica-{replica}",
            threads=threads,
            zero_output=True,
            paired=variation.kind == "events",
        )
        ensemble = combine([load(place / "network.pt") for place in places], combination, split)
        judges = np.stack([~trains(ids, split, member.member) for member in ensemble.members])
        found.append(mean_log_ratio(member_log_ratios(ensemble, inputs, threads), judges, combination))
    log_g = np.stack(found)
    judged = np.isfinite(log_g).all(axis=0)  # with fewer members than folds some events have no judge
    return NullRatios(
        variation.process,
        variation.systematic,
        rows[judged],
        log_g[:, judged],
        paired_share(variation_rows),
        effective_sizes(samples, processes, split),
    )


def largest_process(samples: Sequence[Sample], coefficients: Mapping[str, float]) -> str:
    """The process with the most expected events |f_c| ν_c at the nominal parameter; the first of equal ones.

    Args:
        samples: with the weights of the processes.
        coefficients: f_c at the nominal parameters, by process.
    """

    def expected(process: str) -> float:
        total = sum(float(_nominal(sample, process).sum()) for sample in samples)
        return abs(coefficients[process] * total)

    return max(coefficients, key=expected)


def null_samples(
    samples: Sequence[RatioSample],
    systematic: str,
    replica: int,
    log_g: Sequence[np.ndarray] | None = None,
) -> list[RatioSample]:
    r"""The rows of a variation with labels drawn again,

    .. math:: w_{1,0} \to \tfrac12\big(w_1 + w_0 \pm s\,[w_1 - w_0 - w_0\,(g-1)]\big)

    with weights of sum 1 in each class and a sign s for each event, the same in all processes that the systematic
    varies. Without a known ratio g = 1, and s = −1 exchanges the two labels.

    Args:
        samples: of the variation, see :func:`steelyard.ratios.hypotheses.variation_samples`.
        systematic, replica: what the signs are drawn for.
        log_g: the learned log ratio of the variation on the rows of each sample, of any normalisation; for variations
            by weights.

    Raises:
        InputError: the weights of a class have no positive sum.
    """
    totals = [float(sum(weights.sum() for weights in column)) for column in _columns(samples)]
    for name, total in zip(("varied", "nominal"), totals, strict=True):
        if not total > 0.0:
            raise InputError(
                f"null variation by {systematic}: the {name} weights sum to {total:g}; they must sum to more than 0"
            )
    varied, nominal = (
        [weights / total for weights in column] for column, total in zip(_columns(samples), totals, strict=True)
    )
    ratios = [np.ones(len(sample.ids)) for sample in samples]
    if log_g is not None:
        ratios = [np.exp(np.asarray(values, dtype=float)) for values in log_g]
        mean = sum(float(w @ g) for w, g in zip(nominal, ratios, strict=True))
        ratios = [g / mean for g in ratios]
    result = []
    for sample, w1, w0, g in zip(samples, varied, nominal, ratios, strict=True):
        sign = np.where(uniform(sample.ids, f"null-{systematic}-{replica}") < 0.5, -1.0, 1.0)
        noise = sign * (w1 - w0 * g)
        weights = 0.5 * (w1 + w0 + noise), 0.5 * (w1 + w0 - noise)
        result.append(RatioSample(sample.name, sample.features, sample.ids, *weights))
    return result


def replicas(samples: Sequence[RatioSample], split: SplitRule, epochs: int) -> int:
    """How many draws of the labels are trained: as many as :data:`ROWS_TIMES_EPOCHS` allows, one at least."""
    rows = sum(int(np.count_nonzero(is_training(sample.ids, split))) for sample in samples)
    return int(np.clip(ROWS_TIMES_EPOCHS // max(rows * epochs, 1), 1, MOST_REPLICAS))


def chosen_rows(samples: Sequence[Sample], split: SplitRule) -> np.ndarray:
    """Sample number and row (n, 2) of about :data:`EVENTS` unseen events, equally spaced in the stores."""
    rows = [np.flatnonzero(is_unseen(sample.ids, split)) for sample in samples]
    step = max(1, sum(map(len, rows)) // EVENTS)
    return np.concatenate(
        [np.stack([np.full(len(row[::step]), number), row[::step]], axis=1) for number, row in enumerate(rows)]
    )


def paired_share(samples: Sequence[RatioSample]) -> float:
    """The share of |w_1| on events that have a w_0 too, of the rows that are not alike in both classes.

    Of large samples it is that of about :data:`EVENTS` events: identifiers are hashes, so any of their bits select.
    """
    stride = np.uint64(max(1, sum(len(sample.ids) for sample in samples) // EVENTS))
    nominal, varied, weights = [], [], []
    for sample in samples:
        some = np.flatnonzero(sample.ids % stride == 0)
        ids, w1, w0 = sample.ids[some], np.abs(sample.w1[some]), np.abs(sample.w0[some])
        nominal.append(ids[w0 > 0.0])
        varied.append(ids[w1 > 0.0])
        weights.append((w1 * (sample.w1[some] != sample.w0[some]))[w1 > 0.0])
    weight = np.concatenate(weights)
    shared = np.isin(np.concatenate(varied), np.concatenate(nominal))
    total = float(weight.sum())
    return float(weight[shared].sum()) / total if total > 0.0 else 1.0


def effective_sizes(samples: Sequence[Sample], processes: Sequence[str], split: SplitRule) -> dict[str, float]:
    """(Σ|w|)²/Σw² of the training events of each process."""
    sizes = {}
    for process in processes:
        weights = [np.abs(_nominal(sample, process)[is_training(sample.ids, split)]) for sample in samples]
        first, second = (float(sum((weight**power).sum() for weight in weights)) for power in (1, 2))
        sizes[process] = first**2 / second if second > 0.0 else 0.0
    return sizes


def _nominal(sample: Sample, process: str) -> np.ndarray:
    return sample.column(process) if process in sample.info.processes else np.zeros(len(sample))


def _columns(samples: Sequence[RatioSample]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [sample.w1 for sample in samples], [sample.w0 for sample in samples]
