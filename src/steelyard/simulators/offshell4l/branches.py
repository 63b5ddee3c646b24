"""Branches of the trees that the embedded analysis writes."""

import numpy as np

from steelyard.simulators.offshell4l.constants import FACTORS, OBSERVABLES, TREE
from steelyard.simulators.offshell4l.names import checked_sample, checked_tree


def branches(sample: str | None, tree: str = TREE) -> dict[str, np.dtype]:
    """Branches and types of a tree of a sample, or of observed data (None): these carry no weights and no factors.

    Factors on the event weight are those of the true kinematics in every tree: a tree with other masses and a factor
    are two systematics at once.

    Raises:
        ConfigurationError: an unknown sample or tree.
    """
    weights = () if sample is None else checked_sample(sample)
    checked_tree(tree, sample)
    factors = [f"factor_{FACTORS[sample]}_{side}" for side in ("up", "down")] if sample else []
    return (
        {name: np.dtype(np.float32) for name in OBSERVABLES}
        | {"event": np.dtype(np.uint64)}
        | {f"weight_{name}": np.dtype(np.float64) for name in weights}
        | {name: np.dtype(np.float64) for name in factors}
    )
