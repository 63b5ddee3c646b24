"""How far the product of interpolated ratios is from a density: the size of N_c(α) − 1."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.checks import Check, Kind, Level, Threshold, at_most

NORMALISER = Kind(
    title="Size of the normaliser",
    name="normaliser of {systematic}",
    levels={"normaliser": Level(0.25, 1.0, "|N(alpha) - 1| of the interpolated shapes within +-2.")},
    remedy="vary by a fraction of a standard deviation, or split the systematic into parts",
)

REACH = 2.0


@dataclass(frozen=True)
class NormaliserSize:
    """N_c(α) − 1 of every process at its largest.

    Attributes:
        processes: C names.
        largest: (C,) value of N_c − 1 of the largest size.
        alpha: (C, K) where.
        check: verdict on the largest of all.
    """

    processes: tuple[str, ...]
    largest: np.ndarray
    alpha: np.ndarray
    check: Check


def points_within(nuisances: int, reach: float = REACH) -> np.ndarray:
    """Points (P, K) within ±reach: along every axis in steps of a quarter of it, and the corners of every pair."""
    steps = np.linspace(-reach, reach, 9)
    axes = [step * np.eye(nuisances)[k] for k in range(nuisances) for step in steps if step]
    corners = [
        first * np.eye(nuisances)[j] + second * np.eye(nuisances)[k]
        for j, k in itertools.combinations(range(nuisances), 2)
        for first in (-reach, reach)
        for second in (-reach, reach)
    ]
    return np.array([np.zeros(nuisances), *axes, *corners])


def normaliser_size(
    name: str,
    nuisances: Sequence[str],
    processes: Sequence[str],
    alpha: np.ndarray,
    log_normaliser: np.ndarray | Callable[[np.ndarray], np.ndarray],
    threshold: float | Threshold,
) -> NormaliserSize:
    """The largest size of N_c(α) − 1 = E_{p_c}[g_c(x|α)] − 1 over some points.

    It is 0 at 0 and, of one nuisance parameter, at ±1, and the model divides by it. A large one says that the
    interpolated ratios are far from a density there, and that their shape may be as far from the true one.

    Args:
        name: for the result: a systematic, or ``all``.
        nuisances: K names.
        processes: C names.
        alpha: (P, K) points, such as those of :func:`points_within`.
        log_normaliser: (P, C) log N_c there, or a function that gives it for ``alpha``.
        threshold: of the size.
    """
    alpha = np.asarray(alpha, dtype=float)
    values = log_normaliser(alpha) if callable(log_normaliser) else log_normaliser
    deviation = np.expm1(np.asarray(values, dtype=float)).reshape(len(alpha), len(processes))
    # NaN is larger than everything: it must not hide
    rows = np.argmax(np.where(np.isnan(deviation), np.inf, np.abs(deviation)), axis=0)
    largest = deviation[rows, np.arange(len(processes))]
    worst = int(np.argmax(np.where(np.isnan(largest), np.inf, np.abs(largest))))
    place = ", ".join(f"{who} = {value:+g}" for who, value in zip(nuisances, alpha[rows[worst]], strict=True) if value)
    detail = f"N − 1 = {largest[worst]:+.4f} of {processes[worst]} at {place or 'the nominal point'}"
    check = at_most(NORMALISER.of(systematic=name), float(np.abs(largest[worst])), threshold, detail=detail)
    return NormaliserSize(tuple(processes), largest, alpha[rows], check)
