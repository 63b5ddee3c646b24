"""Simulators by name: sources of events whose densities may be known exactly."""

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from steelyard.errors import ConfigurationError
from steelyard.problems import nearest

SIMULATORS = {"offshell4l": "steelyard.offshell4l.simulator:Offshell4l"}
"""Name in the configuration → module:class, imported when asked for."""


@runtime_checkable
class Simulator(Protocol):
    """What the workflow may ask of a simulator.

    Wrong names or values of samples, processes and parameters raise ConfigurationError with the nearest valid name.
    All seeds are integers; the same arguments give the same numbers, bit for bit.

    Attributes:
        name: its name in the configuration.
        processes: processes whose densities and yields are known.
        parameters: parameters of an experiment, all required.
        observables: names of the observables, in the order of the columns of every array of kinematics.
        samples: simulated samples → the processes for which their events carry the branch ``weight_{process}``.
        tree: name of the tree in the files.
    """

    name: str
    processes: tuple[str, ...]
    parameters: tuple[str, ...]
    observables: tuple[str, ...]
    samples: Mapping[str, tuple[str, ...]]
    tree: str

    def branches(self, sample: str | None) -> tuple[str, ...]:
        """Branches of the tree of a sample, or of observed data (None)."""

    def write_ntuple(self, path: str | os.PathLike, sample: str, events: int, part: int, parts: int, seed: int) -> int:
        """Write part ``part`` (0 … parts−1) of a sample of ``events`` events; return the number of events written.

        The weights of all parts together add up to the yields, in expected events.
        """

    def write_observed(self, path: str | os.PathLike, parameters: Mapping[str, float], seed: int) -> int:
        """Write one Poisson experiment as observed data, without weights; return the number of events."""

    def draw_experiments(self, parameters: Mapping[str, float], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """``n`` Poisson experiments: kinematics (M, K) float32 and offsets (n+1,) int64 into them."""

    def log_densities(self, observables: np.ndarray, processes: Sequence[str]) -> np.ndarray:
        """Exact log p_c(x), (N, C) float64, −inf only where the density is zero."""

    def yields(self, processes: Sequence[str]) -> np.ndarray:
        """Expected events of the processes, (C,) float64."""


def simulator(name: str) -> Simulator:
    """The simulator called ``name``.

    Raises:
        ConfigurationError: there is none; the message has the nearest name.
    """
    if name not in SIMULATORS:
        raise ConfigurationError(f"there is no simulator '{name}'; {nearest(name, SIMULATORS, 'there are')}")
    module, _, attribute = SIMULATORS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)()
