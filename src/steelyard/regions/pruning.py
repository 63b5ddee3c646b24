"""Pruning of effects of nuisance parameters that are too small to matter, with a record of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pruned:
    """One effect that was left out of the model.

    Attributes:
        process, systematic: whose effect.
        effect: ``norm`` or ``shape``.
        size: its size, the larger of both sides: |G − 1|, or the rms of ln g(x|±1) under the process.
        threshold: what it is below.
    """

    process: str
    systematic: str
    effect: Literal["norm", "shape"]
    size: float
    threshold: float

    def __str__(self) -> str:
        measure = "|G - 1|" if self.effect == "norm" else "rms of ln g"
        return (
            f"{self.effect} effect of {self.systematic} on {self.process} left out: {measure} = {self.size:.3g} is "
            f"below {self.threshold:g}"
        )


def prune_norms(
    log_yields: np.ndarray, processes: Sequence[str], systematics: Sequence[str], threshold: float
) -> tuple[np.ndarray, tuple[Pruned, ...]]:
    """Set the yield effects below the threshold to none.

    Args:
        log_yields: (C, K, 2) logarithms of the yield factors at ±1.
        processes, systematics: C and K names.
        threshold: of the larger |G − 1| of both sides.

    Returns:
        The effects kept, (C, K, 2), and those left out; an effect of exactly nothing is not listed.
    """
    sizes = np.abs(np.expm1(log_yields)).max(axis=2)
    small = sizes < threshold
    pruned = [
        Pruned(processes[c], systematics[k], "norm", float(sizes[c, k]), threshold)
        for c, k in np.argwhere(small & (sizes > 0.0))
    ]
    _tell(pruned)
    return np.where(small[..., None], 0.0, log_yields), tuple(pruned)


def prune_shapes(
    sizes: np.ndarray, effects: Sequence[tuple[str, str]], threshold: float
) -> tuple[np.ndarray, tuple[Pruned, ...]]:
    """Which shape effects to keep.

    Args:
        sizes: (E, 2) rms of ln g of each effect at ±1.
        effects: process and systematic of each.
        threshold: of the larger size of both sides.

    Returns:
        (E,) bool, and the record of those left out.
    """
    largest = np.asarray(sizes, dtype=float).reshape(-1, 2).max(axis=1)
    kept = ~(largest < threshold)
    pruned = [
        Pruned(*effect, "shape", float(size), threshold)
        for effect, size, keep in zip(effects, largest, kept, strict=True)
        if not keep
    ]
    _tell(pruned)
    return kept, tuple(pruned)


def _tell(pruned: Sequence[Pruned]) -> None:
    for effect in pruned:
        log.info("%s", effect)
