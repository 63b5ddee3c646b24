"""Event identifiers, and every random choice that is keyed by them.

A physical event has one 64-bit identifier, whatever file, row, weight or systematic variation it is met in. Splits,
folds, bootstrap counts and hard labels are functions of the identifier alone: they do not depend on the order of
files, on the number of jobs or on a random state, and a systematic version of an event falls where its nominal one
does.

The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, with the constants of Stafford's mix 13),
a bijection of 64-bit words: identifiers of one integer column cannot collide, and those of several columns do so with a
probability of n²/2⁶⁵ for n events.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

_INCREMENT = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ divided by the golden ratio: the increment of SplitMix64
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1, _SHIFT_2, _SHIFT_3, _SHIFT_FLOAT = (np.uint64(shift) for shift in (30, 27, 31, 11))

# P(k ≤ n) of a Poisson distribution of mean 1, up to the last n whose complement is above the spacing of uniform().
_POISSON_CUMULATIVE = np.cumsum(np.exp(-1.0) / np.cumprod(np.concatenate([[1.0], np.arange(1.0, 18.0)])))

Rows = Literal["training", "unseen", "all"]


class SplitRule(Protocol):
    """What the functions below ask of a split; the configuration's one has it, and :class:`Split`."""

    @property
    def method(self) -> str:
        """``held_out`` or ``cross_fit``."""

    @property
    def train_fraction(self) -> float:
        """Probability of an event to be on the training side."""

    @property
    def folds(self) -> int:
        """Number of folds."""


@dataclass(frozen=True)
class Split:
    """The split of the configuration as plain data, to be kept inside results.

    Attributes:
        method: ``held_out``: a fraction trains, the rest is evaluated; ``cross_fit``: member m leaves out fold m mod F.
        train_fraction: probability of an event to be on the training side; ``held_out`` only.
        folds: number of folds F; ``cross_fit`` only.
    """

    method: str
    train_fraction: float
    folds: int

    @classmethod
    def of(cls, rule: SplitRule) -> "Split":
        """The plain data of any object with these three attributes."""
        return cls(method=rule.method, train_fraction=float(rule.train_fraction), folds=int(rule.folds))


def text_key(text: str) -> np.uint64:
    """The first eight bytes of the SHA-256 of ``text``, little endian: the way of a name into a hash."""
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


def event_ids(scope: str, columns: Sequence[np.ndarray]) -> np.ndarray:
    """Identifiers of events from a scope and one or more integer columns.

    h = key(scope); for each column v: h = mix(mix(v + increment) ^ h) with SplitMix64's mix. Signed columns are
    sign-extended, so that the same numbers give the same identifiers whatever integer type a file stores them in.

    Args:
        scope: samples of one scope share events where the columns agree (an event and its systematic variations).
        columns: integer arrays of one length N, e.g. run and event number. The order matters.

    Returns:
        uint64 array (N,).

    Raises:
        TypeError: a column is not of an integer type.
        ValueError: there is no column.
    """
    if len(columns) == 0:
        raise ValueError("an event identifier needs at least one column")
    state = np.asarray(text_key(scope))
    for column in columns:
        state = _mix(_mix(_words(column) + _INCREMENT) ^ state)
    return state


def uniform(ids: np.ndarray, salt: str) -> np.ndarray:
    """A number in [0, 1) per identifier: uniform, and independent for different salts.

    The upper 53 bits of mix(mix(id + key(salt)) ^ key(salt)), times 2⁻⁵³. Two rounds, since the identifiers are
    themselves outputs of the same mix.

    Args:
        ids: uint64 array of any shape.
        salt: the purpose, e.g. ``split``: the same salt gives the same numbers, always.

    Returns:
        float64 array of the shape of ``ids``.
    """
    key = text_key(salt)
    words = np.asarray(ids, dtype=np.uint64)
    return (_mix(_mix(words + key) ^ key) >> _SHIFT_FLOAT) * 2.0**-53


def folds(ids: np.ndarray, number: int) -> np.ndarray:
    """The fold 0 … number−1 of each event, of equal probabilities: ⌊number · uniform(id)⌋, int64."""
    # The product can round up to `number` only for number > 2**53 / number: never for a number of folds.
    return (uniform(ids, "fold") * number).astype(np.int64)


def poisson_weights(ids: np.ndarray, replica: int) -> np.ndarray:
    """How often each event occurs in a bootstrap replica: Poisson counts of mean 1, int64.

    The inverse of the cumulative distribution at ``uniform(ids, "bootstrap-{replica}")``: replica b is the same
    bootstrap of the events in every ratio, in every sample and in the yields.
    """
    return np.searchsorted(_POISSON_CUMULATIVE, uniform(ids, f"bootstrap-{replica}"), side="right")


def is_training(ids: np.ndarray, split: SplitRule) -> np.ndarray:
    """Whether an event is on the training side: uniform(id) < train_fraction (held_out), always (cross_fit)."""
    if _is_cross_fit(split):
        return np.ones(np.shape(ids), dtype=bool)
    return uniform(ids, "split") < split.train_fraction


def is_unseen(ids: np.ndarray, split: SplitRule) -> np.ndarray:
    """Whether an event is on the side of reference, Asimov and toys.

    The complement of :func:`is_training` for ``held_out``; every event for ``cross_fit``, where each event is unseen by
    the members that left its fold out.
    """
    if _is_cross_fit(split):
        return np.ones(np.shape(ids), dtype=bool)
    return ~is_training(ids, split)


def on_side(ids: np.ndarray, split: Split, rows: Rows) -> np.ndarray | None:
    """The mask of the events on a side of the split; None for all of them."""
    if rows == "all":
        return None
    return {"training": is_training, "unseen": is_unseen}[rows](ids, split)


def trains(ids: np.ndarray, split: SplitRule, member: int) -> np.ndarray:
    """Whether an event trains a member: on the training side (held_out), fold(id) ≠ member mod F (cross_fit)."""
    if _is_cross_fit(split):
        return folds(ids, split.folds) != member % split.folds
    return is_training(ids, split)


def _is_cross_fit(split: SplitRule) -> bool:
    if split.method not in ("held_out", "cross_fit"):
        raise ValueError(f"a split is held_out or cross_fit, not {split.method!r}")
    return split.method == "cross_fit"


def _words(column: np.ndarray) -> np.ndarray:
    column = np.asarray(column)
    if column.dtype.kind == "u":
        return column.astype(np.uint64)
    if column.dtype.kind == "i":
        return column.astype(np.int64).view(np.uint64)
    raise TypeError(f"an event identifier is made of integers, not of {column.dtype}")


@np.errstate(over="ignore")  # the products wrap on purpose; NumPy warns of it for scalars
def _mix(words: np.ndarray) -> np.ndarray:
    words = (words ^ (words >> _SHIFT_1)) * _MULTIPLIER_1
    words = (words ^ (words >> _SHIFT_2)) * _MULTIPLIER_2
    return words ^ (words >> _SHIFT_3)
