r"""Shape effects of the model, from the log ratios of the variations.

A network gives ln p_c(x|α_k=±1)/p_c(x|0). Its exponential is made to integrate to one over the simulation of the
process, E_{p_c}[g^±] = 1 on the reference events, as the ratios themselves are (docs/theory.md 4); observed events are
treated with the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.errors import ModelError
from steelyard.regions.normalisation import log_mean
from steelyard.regions.pruning import Pruned, prune_shapes
from steelyard.regions.symmetrise import two_sided

if TYPE_CHECKING:
    from steelyard.regions.declared_effects import MeasuredEffects


@dataclass(frozen=True, eq=False)
class ShapeNormalisation:
    """E_{p_c}[g] of the raw variations, and how T shape effects are made of them.

    Attributes:
        variations: (process, systematic, direction) of all V variations, also of those left out of the model.
        mean, error: (V,) raw expectation and its statistical error, for the diagnostics; 1 for a perfect network.
        columns: (T, 2) variation of the two sides of each effect; −1 where there is none.
        symmetrised: (T,) bool, see :func:`~steelyard.regions.symmetrise.two_sided`.
        log_mean: (T, 2) what is subtracted from the logarithms after that; 0 on a side without effect.
    """

    variations: tuple[tuple[str, str, str], ...]
    mean: np.ndarray
    error: np.ndarray
    columns: np.ndarray
    symmetrised: np.ndarray
    log_mean: np.ndarray

    @classmethod
    def none(cls) -> "ShapeNormalisation":
        """No variation at all."""
        empty = np.zeros(0)
        mask = np.zeros(0, dtype=bool)
        return cls((), empty, empty, np.zeros((0, 2), dtype=np.int64), mask, np.zeros((0, 2)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variations, which are those of their ratios."""
        return tuple("-".join(variation) for variation in self.variations)

    def apply(self, log_ratios: np.ndarray, events: str) -> np.ndarray:
        """Shape effects of any events from their raw log ratios: (N, V) to float32 (N, T, 2).

        Raises:
            ModelError: not V columns; or the effects are not usable, see :func:`normalise_shapes`; ``events`` says in
                the message which they are.
        """
        log_ratios = np.asarray(log_ratios)
        if log_ratios.ndim != 2 or log_ratios.shape[1] != len(self.variations):
            raise ModelError(
                f"the model knows {len(self.variations)} variations ({', '.join(self.names) or 'none'}), found log "
                f"ratios of shape {log_ratios.shape} on {events}"
            )
        result = np.zeros((len(log_ratios), len(self.columns), 2), dtype=np.float32)
        for t, columns in enumerate(self.columns):
            for v in columns[columns >= 0]:
                _require_finite(log_ratios[:, v], self.names[v], events)
            sides = _sides(columns, bool(self.symmetrised[t]), lambda v: log_ratios[:, v])
            for side in range(2):
                if sides[side] is not None:
                    result[:, t, side] = sides[side] - self.log_mean[t, side]
        return result


def normalise_shapes(
    effects: "MeasuredEffects", densities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, ShapeNormalisation, tuple[Pruned, ...]]:
    """Normalise, symmetrise and prune the shape effects on the reference events.

    Args:
        effects: with raw log ratios of the n reference events.
        densities: (n, C), each column with sum 1.

    Returns:
        terms (T, 2), log_g float32 (n, T, 2), how to do the same to other events, and the effects left out.

    Raises:
        ModelError: there are not V log ratios of n events, or one is not finite or has no finite expectation.
    """
    declared, log_ratios, events = effects.declared, effects.log_ratios, f"the {len(densities)} reference events"
    processes, variations = declared.processes, declared.variations
    if log_ratios.shape != (len(densities), len(variations)):
        raise ModelError(
            f"found log ratios of shape {log_ratios.shape} where {(len(densities), len(variations))} is expected: "
            f"{events}, and the variations {', '.join(variation.name for variation in variations) or '(none)'}"
        )

    def column(v: int) -> np.ndarray:
        return np.asarray(log_ratios[:, v], dtype=float)

    mean, error = np.zeros(len(variations)), np.zeros(len(variations))
    for v, variation in enumerate(variations):
        density = densities[:, processes.index(variation.process)]
        _require_finite(column(v), variation.name, events)
        with np.errstate(over="ignore"):
            ratio = np.exp(column(v))
        mean[v] = density @ ratio
        if not (np.isfinite(mean[v]) and mean[v] > 0.0):
            raise ModelError(
                f"the ratio of variation {variation.name} has mean {mean[v]:g} on its process: nothing to normalise"
            )
        error[v] = np.sqrt(density**2 @ (ratio - mean[v]) ** 2)

    terms, columns, symmetrised = declared.terms, declared.columns, declared.symmetrised
    subtracted, sizes = np.zeros((len(terms), 2)), np.zeros((len(terms), 2))
    for t, (process, _) in enumerate(terms):
        for side, values in enumerate(_sides(columns[t], bool(symmetrised[t]), column)):
            if values is not None:
                subtracted[t, side] = log_mean(values, densities[:, process])
                sizes[t, side] = np.sqrt(densities[:, process] @ (values - subtracted[t, side]) ** 2)
    kept, pruned = prune_shapes(sizes, [(processes[c], declared.names[k]) for c, k in terms], effects.prune.shape)
    normalisation = ShapeNormalisation(
        tuple((variation.process, variation.systematic, variation.direction) for variation in variations),
        mean,
        error,
        columns[kept],
        symmetrised[kept],
        subtracted[kept],
    )
    return terms[kept], normalisation.apply(log_ratios, events), normalisation, pruned


def _sides(
    pair: np.ndarray, symmetrise: bool, column: Callable[[int], np.ndarray]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    up, down = (None if v < 0 else np.asarray(column(v), dtype=float) for v in pair)
    return two_sided(up, down, symmetrise)


def _require_finite(values: np.ndarray, name: str, events: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise ModelError(f"the log ratio of variation {name} is not finite on {bad} of {events}")
