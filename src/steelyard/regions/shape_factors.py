r"""From the raw answers of the variations' networks to the shape effects of the model.

A network gives ln p_c(x|α_k=±1)/p_c(x|0). Its exponential is made to integrate to one over the simulation of the
process, E_{p_c}[g^±] = 1 on the reference events, as the ratios themselves are (docs/theory.md 4); observed events are
treated with the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.effects import Nuisance
from steelyard.regions.normalisation import log_mean
from steelyard.regions.pruning import Pruned, PruningThresholds, prune_shapes
from steelyard.regions.symmetrise import two_sided

DIRECTIONS = ("up", "down")


@dataclass(frozen=True, eq=False)
class ShapeEffect:
    """The raw log ratios of one systematic's variations on the reference events.

    Attributes:
        systematic: name of the nuisance parameter.
        variations: process and direction of each; one direction may be missing.
        log_ratios: (n, V) natural logarithms, by networks that did not train on the events.
        symmetrise: see :func:`~steelyard.regions.symmetrise.two_sided`.
    """

    systematic: str
    variations: tuple[tuple[str, str], ...]
    log_ratios: np.ndarray
    symmetrise: bool = False


@dataclass(frozen=True, eq=False)
class SystematicEffects:
    """Everything that is known of K nuisance parameters before the model is built.

    Attributes:
        nuisances: K of them, the norm factors (``linear``) included.
        log_yields: (C, K, 2) logarithms of the yield factors at ±1, symmetrised already.
        factors: (C, K) bool: processes that a norm factor multiplies.
        shapes: in the order of the configuration, which is that of the variations' scores of observed events.
        prune: sizes below which effects are left out.
    """

    nuisances: tuple[Nuisance, ...]
    log_yields: np.ndarray
    factors: np.ndarray
    shapes: tuple[ShapeEffect, ...] = ()
    prune: PruningThresholds = field(default_factory=PruningThresholds)


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
        for t in range(len(self.columns)):
            self._fill(result, t, lambda v: log_ratios[:, v], events)
        return result

    def _fill(self, result: np.ndarray, t: int, column: Callable[[int], np.ndarray], events: str) -> None:
        for v in self.columns[t][self.columns[t] >= 0]:
            _require_finite(column(v), self.names[v], events)
        sides = _sides(self.columns[t], bool(self.symmetrised[t]), column)
        for side in range(2):
            if sides[side] is not None:
                result[:, t, side] = sides[side] - self.log_mean[t, side]


def normalise_shapes(
    effects: SystematicEffects, processes: Sequence[str], densities: np.ndarray
) -> tuple[np.ndarray, np.ndarray, ShapeNormalisation, tuple[Pruned, ...]]:
    """Normalise, symmetrise and prune the shape effects on the reference events.

    Args:
        effects: with raw log ratios of the n reference events.
        processes: C names.
        densities: (n, C), each column with sum 1.

    Returns:
        terms (T, 2), log_g float32 (n, T, 2), how to do the same to other events, and the effects left out.

    Raises:
        ModelError: a variation is of an unknown process or nuisance parameter, or there twice; a log ratio is not
            finite or has no finite expectation.
    """
    events = f"the {len(densities)} reference events"
    columns, groups = _index(effects, processes, len(densities))
    variations = tuple((processes[c], effects.nuisances[k].name, direction) for c, k, direction, _ in columns)

    def column(v: int) -> np.ndarray:
        shape, place = columns[v][3]
        return np.asarray(effects.shapes[shape].log_ratios[:, place], dtype=float)

    mean, error = np.zeros(len(columns)), np.zeros(len(columns))
    for v, (process, *_) in enumerate(columns):
        name, density = "-".join(variations[v]), densities[:, process]
        _require_finite(column(v), name, events)
        with np.errstate(over="ignore"):
            ratio = np.exp(column(v))
        mean[v] = density @ ratio
        if not (np.isfinite(mean[v]) and mean[v] > 0.0):
            raise ModelError(f"the ratio of variation {name} has mean {mean[v]:g} on its process: nothing to normalise")
        error[v] = np.sqrt(density**2 @ (ratio - mean[v]) ** 2)

    keys = sorted(groups)
    pairs = np.array([groups[key] for key in keys], dtype=np.int64).reshape(-1, 2)
    symmetrised = np.array([effects.shapes[columns[pair.max()][3][0]].symmetrise for pair in pairs], dtype=bool)
    subtracted, sizes = np.zeros((len(keys), 2)), np.zeros((len(keys), 2))
    for t, (process, _) in enumerate(keys):
        for side, values in enumerate(_sides(pairs[t], bool(symmetrised[t]), column)):
            if values is not None:
                subtracted[t, side] = log_mean(values, densities[:, process])
                sizes[t, side] = np.sqrt(densities[:, process] @ (values - subtracted[t, side]) ** 2)
    names = [(processes[c], effects.nuisances[k].name) for c, k in keys]
    kept, pruned = prune_shapes(sizes, names, effects.prune.shape)
    terms = np.array(keys, dtype=np.int64).reshape(-1, 2)[kept]
    normalisation = ShapeNormalisation(variations, mean, error, pairs[kept], symmetrised[kept], subtracted[kept])
    log_g = np.zeros((len(densities), len(terms), 2), dtype=np.float32)
    for t in range(len(terms)):
        normalisation._fill(log_g, t, column, events)
    return terms, log_g, normalisation, pruned


_Column = tuple[int, int, str, tuple[int, int]]  # process, nuisance, direction, (shape effect, its column)


def _index(
    effects: SystematicEffects, processes: Sequence[str], events: int
) -> tuple[list[_Column], dict[tuple[int, int], list[int]]]:
    """All variations in their order, and the two of each process and nuisance parameter (−1: not there)."""
    nuisances = [nuisance.name for nuisance in effects.nuisances]
    columns: list[_Column] = []
    groups: dict[tuple[int, int], list[int]] = {}
    for number, shape in enumerate(effects.shapes):
        expected = (events, len(shape.variations))
        if shape.systematic not in nuisances or shape.log_ratios.shape != expected:
            raise ModelError(
                f"shape effect of {shape.systematic}: found log ratios of shape {shape.log_ratios.shape} where "
                f"{expected} is expected; the nuisance parameters are {', '.join(nuisances) or '(none)'}"
            )
        for place, (process, direction) in enumerate(shape.variations):
            if process not in processes or direction not in DIRECTIONS:
                raise ModelError(
                    f"shape effect of {shape.systematic}: no variation {direction} of {process}; processes are "
                    f"{', '.join(processes)}, directions up and down"
                )
            key = (list(processes).index(process), nuisances.index(shape.systematic))
            pair = groups.setdefault(key, [-1, -1])
            if pair[DIRECTIONS.index(direction)] >= 0:
                raise ModelError(f"variation {process}-{shape.systematic}-{direction} is there twice")
            pair[DIRECTIONS.index(direction)] = len(columns)
            columns.append((*key, direction, (number, place)))
    return columns, groups


def _sides(
    pair: np.ndarray, symmetrise: bool, column: Callable[[int], np.ndarray]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    up, down = (None if v < 0 else np.asarray(column(v), dtype=float) for v in pair)
    return two_sided(up, down, symmetrise)


def _require_finite(values: np.ndarray, name: str, events: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise ModelError(f"the log ratio of variation {name} is not finite on {bad} of {events}")


class EffectRule(Protocol):
    """What is asked of an effect of the configuration."""

    systematic: str
    symmetrise: bool


class VariationRule(Protocol):
    """What is asked of a variation of the configuration."""

    process: str
    systematic: str
    direction: str


def shape_effects(
    effects: Sequence[EffectRule], variations: Sequence[VariationRule], log_ratios: np.ndarray
) -> tuple[ShapeEffect, ...]:
    """The raw log ratios of all variations, by systematic.

    Args:
        effects: of the configuration.
        variations: V of them, those of one systematic side by side.
        log_ratios: (n, V) raw log ratios of the reference events.
    """
    symmetrised = {effect.systematic: effect.symmetrise for effect in effects}
    found = []
    for systematic in dict.fromkeys(variation.systematic for variation in variations):
        columns = [place for place, variation in enumerate(variations) if variation.systematic == systematic]
        of_process = tuple((variations[place].process, variations[place].direction) for place in columns)
        found.append(ShapeEffect(systematic, of_process, log_ratios[:, columns], symmetrised[systematic]))
    return tuple(found)
