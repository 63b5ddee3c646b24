"""The embedded analysis behind the interface of :class:`steelyard.simulators.interface.Simulator`.

The compiled code is imported on first use: looking at names, as a check of a configuration does, stays instant.
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from steelyard.simulators.offshell4l import constants


class Offshell4l:
    """gg→(H*→)ZZ→4l and qq→ZZ→4l; see :class:`steelyard.simulators.interface.Simulator` for every method."""

    name = "offshell4l"
    processes = constants.PROCESSES
    parameters = constants.PARAMETERS
    observables = constants.OBSERVABLES
    samples = constants.SAMPLES
    systematics = constants.SYSTEMATICS
    tree = constants.TREE
    trees = tuple(constants.TREES)

    def branches(self, sample: str | None, tree: str | None = None) -> tuple[str, ...]:
        """Observables, ``event``, ``weight_{process}`` and ``factor_{systematic}_{up,down}``."""
        from steelyard.simulators.offshell4l.branches import branches

        return tuple(branches(sample, self.tree if tree is None else tree))

    def write_ntuple(self, path: str | os.PathLike, sample: str, events: int, part: int, parts: int, seed: int) -> int:
        """See :func:`steelyard.simulators.offshell4l.ntuples.write_ntuple`."""
        from steelyard.simulators.offshell4l import ntuples

        return ntuples.write_ntuple(path, sample, events, part, parts, seed)

    def write_observed(
        self,
        path: str | os.PathLike,
        parameters: Mapping[str, float],
        seed: int,
        alpha: Mapping[str, float] | None = None,
    ) -> int:
        """See :func:`steelyard.simulators.offshell4l.ntuples.write_observed`."""
        from steelyard.simulators.offshell4l import ntuples

        return ntuples.write_observed(path, parameters, seed, alpha)

    def draw_experiments(
        self, parameters: Mapping[str, float], n: int, seed: int, alpha: Mapping[str, float] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :func:`steelyard.simulators.offshell4l.draw.draw_experiments`."""
        from steelyard.simulators.offshell4l import draw

        return draw.draw_experiments(parameters, n, np.random.default_rng(seed), alpha)

    def log_densities(
        self, observables: np.ndarray, processes: Sequence[str], alpha: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """See :func:`steelyard.simulators.offshell4l.densities.log_densities`."""
        from steelyard.simulators.offshell4l import densities

        return densities.log_densities(observables, processes, alpha)

    def yields(self, processes: Sequence[str], alpha: Mapping[str, float] | None = None) -> np.ndarray:
        """See :func:`steelyard.simulators.offshell4l.densities.yields`."""
        from steelyard.simulators.offshell4l import densities

        return densities.yields(processes, alpha)
