"""Effects of the nuisance parameters, as declared before any event is read and as measured on the events."""

from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from steelyard.data.variations import DIRECTIONS, Direction, Kind, Variation
from steelyard.model.effects import Nuisance
from steelyard.options import Options


@dataclass(frozen=True)
class ProcessEffect:
    r"""The effect of a systematic k on one process c, before any event is read.

    .. math:: \ln G_{ck}^\pm = [\ln n^\pm] + [\ln V_{ck}^\pm/\nu_c], \qquad
              \ln g_{ck}^\pm(x) = \left[\ln p_c(x|\alpha_k=\pm1)/p_c(x|0)\right]

    with the factors n of ``norm`` and the varied yields V where ``use_norm``, and the shape where ``use_shape``. A side
    that is not among ``directions`` is 0 in the second and third logarithm. With ``symmetrise`` each of the three goes
    through :func:`~steelyard.regions.symmetrise.two_sided`.

    Attributes:
        process, systematic: c and k.
        norm: yield factors n at α_k = +1 and −1, as configured; None: (1, 1).
        kind: of the variation; None if the effect is a norm alone.
        directions: the sides of the variation that there are: none, ``up``, or ``up`` and ``down``.
        use_norm, use_shape: whether the variation acts on the yield, and on the shape.
        symmetrise: of the systematic.
    """

    process: str
    systematic: str
    norm: tuple[float, float] | None = None
    kind: Kind | None = None
    directions: tuple[Direction, ...] = ()
    use_norm: bool = False
    use_shape: bool = False
    symmetrise: bool = False


@dataclass(frozen=True)
class DeclaredEffects:
    """All that a model must know of its nuisance parameters; :func:`~steelyard.io.serialisation.to_data` makes it JSON.

    Attributes:
        processes: C of them, as configured.
        nuisances: K of them: the systematics, then the norm factors, as configured.
        effects: as configured: by systematic, then by process; at most one of each pair.
        norm_factors: name: the processes whose yields it multiplies.
    """

    processes: tuple[str, ...]
    nuisances: tuple[Nuisance, ...] = ()
    effects: tuple[ProcessEffect, ...] = ()
    norm_factors: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nuisance parameters, (K,)."""
        return tuple(nuisance.name for nuisance in self.nuisances)

    @property
    def variations(self) -> tuple[Variation, ...]:
        """The V ratios to learn, by systematic, then by process, up before down: the order of all raw log g."""
        return tuple(
            Variation(f"{effect.process}-{effect.systematic}-{side}", effect.process, effect.systematic, side, kind)
            for effect in self.effects
            if effect.use_shape and (kind := effect.kind)
            for side in effect.directions
        )

    @property
    def factors(self) -> np.ndarray:
        """(C, K) bool: processes whose yield a norm factor multiplies, ``Systematics.factors``."""
        table = np.zeros((len(self.processes), len(self.nuisances)), dtype=bool)
        for name, processes in self.norm_factors.items():
            table[[self.processes.index(process) for process in processes], self.names.index(name)] = True
        return table

    @property
    def terms(self) -> np.ndarray:
        """(T, 2) int64 process and nuisance of each shape effect, sorted, before pruning: ``Systematics.terms``."""
        pairs = [
            (self.processes.index(effect.process), self.names.index(effect.systematic)) for effect in self._of_term
        ]
        return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)

    @property
    def columns(self) -> np.ndarray:
        """(T, 2) int64: which of ``variations`` is the up and the down side of each term; −1 where there is none."""
        place = {variation.name: column for column, variation in enumerate(self.variations)}
        columns = [
            [place.get(f"{effect.process}-{effect.systematic}-{side}", -1) for side in DIRECTIONS]
            for effect in self._of_term
        ]
        return np.array(columns, dtype=np.int64).reshape(len(columns), 2)

    @property
    def symmetrised(self) -> np.ndarray:
        """(T,) bool, of the systematic of each term."""
        return np.array([effect.symmetrise for effect in self._of_term], dtype=bool)

    @property
    def _of_term(self) -> list[ProcessEffect]:
        """The effects on shapes, by process, then by nuisance parameter."""
        shapes = [effect for effect in self.effects if effect.use_shape and effect.directions]
        return sorted(shapes, key=lambda of: (self.processes.index(of.process), self.names.index(of.systematic)))


class Prune(Options):
    """Effects of a systematic on a process that are too small to keep; 0 keeps all."""

    norm: float = Field(0.0, ge=0, description="A yield factor is dropped if |G − 1| is below this at +1σ and −1σ.")
    shape: float = Field(0.0, ge=0, description="A shape is dropped if the rms of log g is below this at +1σ and −1σ.")


@dataclass(frozen=True, eq=False)
class MeasuredEffects:
    """The declared effects with what events say of them: all that a model is built of.

    Attributes:
        declared: the nuisance parameters, and what acts on which process.
        log_yields: (C, K, 2) logarithms of the yield factors at ±1, of :mod:`steelyard.regions.measured_yields`.
        log_ratios: (n, V) raw log ratios of ``declared.variations`` on the n reference events, by networks that did not
            train on them.
        prune: sizes below which effects are left out.
    """

    declared: DeclaredEffects
    log_yields: np.ndarray
    log_ratios: np.ndarray
    prune: Prune = field(default_factory=Prune)
