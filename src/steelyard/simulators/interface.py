"""Simulators by name: sources of events whose densities may be known exactly."""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from steelyard.registry import Registry

SIMULATORS = Registry(
    "simulator",
    {
        "offshell4l": "simulators.offshell4l.simulator:Offshell4l",
    },
)


@runtime_checkable
class Simulator(Protocol):
    """What the workflow may ask of a simulator.

    Wrong names or values of samples, trees, processes, parameters and systematics raise ConfigurationError with the
    nearest valid name. ``alpha`` is always the value of each nuisance parameter, in units of its standard deviation;
    those left out are 0, and so are all of them by default. All seeds are integers; the same arguments give the same
    numbers, bit for bit.

    Attributes:
        name: its name in the configuration.
        processes: processes whose densities and yields are known.
        parameters: parameters of an experiment, all required.
        observables: names of the observables, in the order of the columns of every array of kinematics.
        samples: simulated samples → the processes for which their events carry the branch ``weight_{process}``.
        systematics: names of the nuisance parameters that the densities, the yields and the experiments know.
        tree: name of the nominal tree in the files, and of the only one in those of observed data.
        trees: names of all trees in the files of a sample: the nominal one, and the same events under variations.
    """

    name: str
    processes: tuple[str, ...]
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    samples: Mapping[str, tuple[str, ...]]
    systematics: tuple[str, ...]
    tree: str
    trees: tuple[str, ...]

    def branches(self, sample: str | None, tree: str | None = None) -> tuple[str, ...]:
        """Branches of a tree (default the nominal one) of a sample, or of observed data (None)."""

    def write_ntuple(self, path: str | os.PathLike, sample: str, events: int, part: int, parts: int, seed: int) -> int:
        """Write part ``part`` (0 … parts−1) of a sample of ``events`` events; return the number of events written.

        The weights of the events of all parts that lie in the region of the densities add up to the yields, in expected
        events. There may be events outside it, which a variation can move in; the analysis has to select.
        """

    def write_observed(
        self,
        path: str | os.PathLike,
        parameters: Mapping[str, float],
        seed: int,
        alpha: Mapping[str, float] | None = None,
    ) -> int:
        """Write one Poisson experiment as observed data, without weights; return the number of events."""

    def draw_experiments(
        self, parameters: Mapping[str, float], n: int, seed: int, alpha: Mapping[str, float] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """``n`` Poisson experiments: kinematics (M, K) float32 and offsets (n+1,) int64 into them."""

    def log_densities(
        self, observables: np.ndarray, processes: Sequence[str], alpha: Mapping[str, float] | None = None
    ) -> np.ndarray:
        """Exact log p_c(x|α), (N, C) float64, −inf only where the density is zero; each p_c(x|α) integrates to one."""

    def yields(self, processes: Sequence[str], alpha: Mapping[str, float] | None = None) -> np.ndarray:
        """Expected events of the processes, (C,) float64."""


def simulator(name: str) -> Simulator:
    """The simulator called ``name``.

    Raises:
        ConfigurationError: there is none; the message has the nearest name.
    """
    found: Simulator = SIMULATORS.load(name)()
    return found
