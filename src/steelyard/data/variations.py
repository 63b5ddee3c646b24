"""±1σ variations: the ratios that are learnt for them, and the events or weights that are read."""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down"]


Kind = Literal["weights", "events"]


DIRECTIONS: tuple[Direction, ...] = ("up", "down")


@dataclass(frozen=True)
class Variation:
    """A density ratio p_c(x|α_k = ±1)/p_c(x|0) that is learnt.

    Attributes:
        name: ``{process}-{systematic}-{direction}``, the name of the ratio.
        process, systematic: c and k.
        direction: ``up``: α_k = +1, ``down``: α_k = −1.
        kind: ``weights``: the same events with other weights (soft labels); ``events``: other events.
    """

    name: str
    process: str
    systematic: str
    direction: Direction
    kind: Kind


@dataclass(frozen=True)
class VariedSource:
    """Varied events or weights of one sample, to be ingested.

    Attributes:
        sample: name of the sample.
        systematic, direction: the variation; of a joint variation its name, and ``joint``.
        kind: as in :class:`Variation`.
        tree: name of the tree.
        files: globs, paths or addresses; None: the files of the sample.
        weights: affected process: expression of its whole event weight [expected events].
    """

    sample: str
    systematic: str
    direction: Literal["up", "down", "joint"]
    kind: Kind
    tree: str
    files: tuple[str, ...] | None = None
    weights: dict[str, str] = field(default_factory=dict)
