"""The training events of one ensemble member: visible rows, weights of the classes, and batches."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from steelyard.data.identifiers import SplitRule, poisson_weights, trains, uniform
from steelyard.errors import InputError, ModelError
from steelyard.ratios.joint import families
from steelyard.ratios.members import fingerprint
from steelyard.ratios.signed import net_fraction
from steelyard.seeds import seed_for

ROWS_PER_READ = 1 << 18  # rows of a memory-mapped file copied at a time


@dataclass(frozen=True)
class RatioSample:
    """All rows of one sample as one ratio sees them.

    Attributes:
        name: of the sample.
        features: float32 (N, D), may be memory-mapped.
        ids: uint64 (N,) event identifiers.
        w1: float64 (N,) weights of the numerator p_1, of any overall normalisation, may be negative.
        w0: float64 (N,) weights of the denominator p_0, likewise. A row with both weights is a soft label w1/(w1+w0).
    """

    name: str
    features: np.ndarray
    ids: np.ndarray
    w1: np.ndarray
    w0: np.ndarray

    @property
    def classes(self) -> dict[str, np.ndarray]:
        """The weights of both densities, by what messages call them."""
        return {"numerator": self.w1, "reference": self.w0}


@dataclass(frozen=True)
class JointSample:
    """All rows of one sample as the processes see it that share one network.

    Attributes:
        name: of the sample.
        features: float32 (N, D), may be memory-mapped.
        ids: uint64 (N,) event identifiers.
        classes: process: float64 (N,) weights of its density, of any overall normalisation. A row with the weights of
            several processes is a soft label, their shares of the sum.

    Raises:
        ModelError: an event has a negative weight of a process.
    """

    name: str
    features: np.ndarray
    ids: np.ndarray
    classes: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        for process, weights in self.classes.items():
            negative = np.count_nonzero(weights < 0)
            if negative:
                raise ModelError(
                    f"process {process}, sample {self.name}: {negative} of {np.count_nonzero(weights)} events have a "
                    f"negative weight, which one network for several processes cannot learn; take {process} out of "
                    "`ensembles.joint` and of `reference`, so that it has networks of its own, or remove "
                    "`ensembles.joint`, so that every process has"
                )


@dataclass(frozen=True)
class Rows:
    """Rows in memory, one tensor a quantity, with Σ|w| = N/K of each of K classes: the mean of their sum is 1.

    Attributes:
        features: float32 (N, D).
        weights: of each class, float32 (N,); of a ratio those of p_1 and of p_0.
        together: so many neighbouring rows stay together in a batch: 2 for the two versions of an event.
    """

    features: Tensor
    weights: tuple[Tensor, ...]
    together: int = 1

    @property
    def w1(self) -> Tensor:
        """Weights of the first class, the numerator of a ratio."""
        return self.weights[0]

    @property
    def w0(self) -> Tensor:
        """Weights of the second class, the denominator of a ratio."""
        return self.weights[1]

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> "Rows":
        """The same rows on a device."""
        return Rows(self.features.to(device), tuple(weight.to(device) for weight in self.weights), self.together)

    def take(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        """Features and weights of the classes of some rows."""
        return self.features[index], *(weight[index] for weight in self.weights)


@dataclass(frozen=True)
class TrainingData:
    """Training and validation rows of one member, and the mark of what it has seen.

    Attributes:
        training: rows that the gradient sees; with a bootstrap, the weights are multiplied by the counts.
        validation: rows that decide when to stop and which epoch is the best.
        seen: :func:`steelyard.ratios.members.fingerprint` for every sample, over training and validation rows.
        net: where weights are negative, for p_1 and p_0 the :func:`steelyard.ratios.signed.net_fraction`; else None.
        processes: names of the classes, where they are processes that share a network; else none.
        families: of these, see :func:`steelyard.ratios.joint.families`.
    """

    training: Rows
    validation: Rows
    seen: dict[str, dict[str, int]]
    net: tuple[float | None, float | None] | None = None
    processes: tuple[str, ...] = ()
    families: tuple[tuple[int, ...], ...] = ()

    def digest(self) -> str:
        """A hash of all the numbers in the rows: two trainings with one digest saw the same data."""
        state = hashlib.blake2b(digest_size=16)
        if self.processes:
            state.update(f"processes {', '.join(self.processes)}".encode())
        for rows in (self.training, self.validation):
            if rows.together > 1:
                state.update(f"together {rows.together}".encode())
            for tensor in (rows.features, *rows.weights):
                state.update(str(tuple(tensor.shape)).encode())
                state.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        return state.hexdigest()


def select(
    samples: Sequence[RatioSample] | Sequence[JointSample],
    split: SplitRule,
    member: int,
    validation_fraction: float,
    bootstrap: bool = False,
    paired: bool = False,
) -> TrainingData:
    """The rows that member ``member`` of an ensemble trains on and validates with.

    A row is kept where :func:`steelyard.data.identifiers.trains` allows the member to see it and one of its weights is
    not zero. Of these, uniform(id, "validation-{member}") < validation_fraction validate: keyed by the event, and
    another set for every member, so that the ensemble as a whole trains on every event of its side. A bootstrap
    multiplies the training weights by Poisson(1) counts keyed by event, replica ``member``. Each class is then
    normalised to the same total of absolute weights, on the training rows and on the validation rows separately.

    ``paired`` puts the two rows of an event that is in two samples, before and after a shift of its kinematics, next to
    each other, and batches then take both or none. Their shares in the gradient nearly cancel, which those of two
    different events do not: the batches' noise falls from that of the features to that of their shifts.

    Raises:
        InputError: arrays of one sample differ in length, or the samples in their classes or number of features.
        ModelError: no training or validation row is left, or the weights of a class sum to zero or less.
    """
    parts: dict[str, list[tuple[np.ndarray, ...]]] = {"training": [], "validation": []}
    seen, names = {}, tuple(samples[0].classes)
    for sample in samples:
        classes = sample.classes
        if tuple(classes) != names:
            raise InputError(f"sample {sample.name}: weights of {', '.join(classes)}, others of {', '.join(names)}")
        lengths = {len(array) for array in (sample.features, sample.ids, *classes.values())}
        if len(lengths) != 1:
            raise InputError(f"sample {sample.name}: features, ids and class weights have {sorted(lengths)} rows")
        mine = trains(sample.ids, split, member)
        seen[sample.name] = fingerprint(sample.ids[mine])
        mine &= np.any([weight != 0 for weight in classes.values()], axis=0)
        validates = uniform(sample.ids, f"validation-{member}") < validation_fraction
        for side, chosen in (("training", mine & ~validates), ("validation", mine & validates)):
            counts = np.ones(np.count_nonzero(chosen), dtype=np.int64)
            if bootstrap and side == "training":
                counts = poisson_weights(sample.ids[chosen], member)
                chosen = chosen.copy()
                chosen[chosen] = counts > 0
                counts = counts[counts > 0]
            weights = [counts * weight[chosen] for weight in classes.values()]
            parts[side].append((_take(sample.features, chosen), *weights, sample.ids[chosen]))
    if len({features.shape[1] for features, *_ in parts["training"]}) != 1:
        raise InputError(f"samples {', '.join(seen)} differ in their number of features")
    training, validation = (_rows(parts[side], side, names, paired) for side in ("training", "validation"))
    if isinstance(samples[0], JointSample):
        own = families([[weight.numpy() for weight in training.weights]])
        return TrainingData(training, validation, seen, processes=names, families=own)
    net = net_fraction(training.w1, validation.w1), net_fraction(training.w0, validation.w0)
    return TrainingData(training, validation, seen, net if any(net) else None)


def _take(features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Copy the chosen rows piece by piece, so that a memory-mapped file is never in memory as a whole."""
    result = np.empty((np.count_nonzero(chosen), features.shape[1]), dtype=np.float32)
    filled = 0
    for start in range(0, len(features), ROWS_PER_READ):
        piece = features[start : start + ROWS_PER_READ][chosen[start : start + ROWS_PER_READ]]
        result[filled : filled + len(piece)] = piece
        filled += len(piece)
    return result


def _rows(parts: list[tuple[np.ndarray, ...]], side: str, names: Sequence[str], paired: bool) -> Rows:
    pieces, *columns = zip(*parts, strict=True)
    *classes, ids = (np.concatenate(column) for column in columns)
    if not len(ids):
        raise ModelError(f"no {side} event is left; simulate more, or change split and validation_fraction")
    order = _pair_order(ids) if paired else None
    features = _ordered(pieces, order)
    if not np.isfinite(features).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(features))} features of {side} events are not finite")
    weights = []
    for name, weight in zip(names, classes, strict=True):
        total = weight.sum()
        if not total > 0:
            raise ModelError(f"the {name} weights of the {side} events sum to {total:g}; they must sum to more than 0")
        total = np.abs(weight).sum()  # the same to the last bit where no weight is negative
        scaled = (weight * (len(weight) / (len(names) * total))).astype(np.float32)
        weights.append(torch.from_numpy(scaled if order is None else scaled[order]))
    return Rows(torch.from_numpy(features), tuple(weights), together=2 if paired else 1)


def _pair_order(ids: np.ndarray) -> np.ndarray:
    """The order of rows in which those of one event are neighbours, two by two; those left single come last."""
    order = np.argsort(ids, kind="stable")
    starts = np.flatnonzero(np.diff(ids[order], prepend=~ids[order[:1]]))
    lengths = np.diff(starts, append=len(ids))
    place = np.arange(len(ids)) - np.repeat(starts, lengths)
    single = (place == np.repeat(lengths, lengths) - 1) & (place % 2 == 0)
    return np.concatenate([order[~single], order[single]])


def _ordered(pieces: Sequence[np.ndarray], order: np.ndarray | None) -> np.ndarray:
    """The pieces joined and put in order, without a joined copy in between: they are most of a job's memory."""
    if order is None:
        return np.concatenate(pieces)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    result = np.empty((len(order), pieces[0].shape[1]), dtype=np.float32)
    for piece, to in zip(pieces, np.split(place, np.cumsum([len(piece) for piece in pieces])[:-1]), strict=True):
        result[to] = piece
    return result


class Shuffle:
    """A permutation of N rows for each epoch that depends on the seed and the epoch alone.

    A training that resumes in any epoch so meets the same order as one that was never interrupted.
    """

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.seed, self.epoch = rows, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of each epoch, as for the samplers of a torch DataLoader."""
        self.epoch = epoch

    def permutation(self) -> Tensor:
        """The order of the rows in the current epoch, int64 (N,)."""
        generator = torch.Generator().manual_seed(seed_for(self.seed, "shuffle", epoch=self.epoch))
        return torch.randperm(self.rows, generator=generator)


class Batches:
    """Shuffled batches, cut from the tensors by index: what a DataLoader does event by event and many times slower.

    All batches have one size (no larger than the sample, a multiple of the rows that stay together); the rows that are
    left over after the last whole batch are others in every epoch. They come in blocks of ``per_block`` batches, the
    last block of an epoch with fewer.

    Yields:
        features (K, B, D) and the weights of each class (K, B): K batches of B rows.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int, per_block: int = 16) -> None:
        self.rows = rows
        self.groups = max(min(batch_size, len(rows)) // rows.together, 1)  # in a batch
        self.batch_size = self.groups * rows.together
        self.per_block = per_block
        self.sampler = Shuffle(len(rows) // rows.together, seed)

    @property
    def steps(self) -> int:
        """Batches in one epoch."""
        return self.sampler.rows // self.groups

    def __len__(self) -> int:
        return -(-self.steps // self.per_block)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = self.sampler.permutation()[: self.steps * self.groups]
        if self.rows.together > 1:
            order = (order[:, None] * self.rows.together + torch.arange(self.rows.together)).reshape(-1)
        order = order.to(self.rows.features.device)
        for index in torch.split(order.view(self.steps, self.batch_size), self.per_block):
            yield self.rows.take(index)


class Slices:
    """Consecutive slices of the rows in their order, the last one shorter: for sums over all rows."""

    def __init__(self, rows: Rows, size: int = 16384) -> None:
        self.rows, self.size = rows, size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for start in range(0, len(self.rows), self.size):
            yield self.rows.take(slice(start, start + self.size))
