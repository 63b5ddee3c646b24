"""Simulated events as ROOT files, read back by the code that reads a user's ntuples."""

import hashlib
import os
import uuid
from collections.abc import Mapping

import numpy as np
import uproot

from steelyard.errors import ConfigurationError
from steelyard.offshell4l.constants import OBSERVABLES
from steelyard.offshell4l.events import draw_experiments, draw_sample
from steelyard.offshell4l.names import checked_parameters, checked_sample
from steelyard.outputs import whole
from steelyard.seeds import seed_for

TREE = "events"
BASKET = 50_000
"""Events a basket: a partition of a reader is a number of whole baskets."""


def branches(sample: str | None) -> dict[str, np.dtype]:
    """Branches and types of the tree of a sample, or of observed data (None): these carry no weights.

    Raises:
        ConfigurationError: an unknown sample.
    """
    weights = () if sample is None else checked_sample(sample)
    return (
        {name: np.dtype(np.float32) for name in OBSERVABLES}
        | {"event": np.dtype(np.uint64)}
        | {f"weight_{name}": np.dtype(np.float64) for name in weights}
    )


def write_ntuple(path: str | os.PathLike, sample: str, events: int, part: int, parts: int, seed: int) -> int:
    """Write one part of a simulated sample; returns the number of its events.

    The parts share the ``events`` of the sample evenly; the weights of all parts together add up to the yields.
    ``event`` is unique within the sample over all parts. The events depend on (sample, seed, part, parts, events) and
    on nothing else; the same arguments give the same entries bit for bit (ROOT puts the time of writing into a file).

    Args:
        part: 0 … parts − 1.
        seed: any integer; one for all parts will do, since each part has its own stream.

    Raises:
        ConfigurationError: an unknown sample, or numbers of events and parts that make no sense.
        OSError: the file cannot be written.
    """
    checked_sample(sample)
    if not (parts >= 1 and 0 <= part < parts and events >= parts):
        raise ConfigurationError(
            f"offshell4l: sample '{sample}': part {part} of {parts} with {events} events; "
            "parts count from 0 and each needs at least one event"
        )
    first, last = events * part // parts, events * (part + 1) // parts
    rng = np.random.default_rng(seed_for(seed, "offshell4l", sample=sample, part=part))
    kinematics, weights = draw_sample(sample, last - first, rng, total=events)
    _write(path, sample, kinematics, np.arange(first, last, dtype=np.uint64), weights, f"{sample}/{part}/{seed}")
    return last - first


def write_observed(path: str | os.PathLike, parameters: Mapping[str, float], seed: int) -> int:
    """Write one Poisson experiment at ``parameters`` as observed data; returns the number of its events.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``.
        OSError: the file cannot be written.
    """
    values = checked_parameters(parameters)
    rng = np.random.default_rng(seed_for(seed, "offshell4l", observed=sorted(values.items())))
    kinematics, _ = draw_experiments(values, 1, rng)
    numbers = np.arange(len(kinematics), dtype=np.uint64)
    _write(path, None, kinematics, numbers, np.empty((len(kinematics), 0)), f"observed/{values}/{seed}")
    return len(kinematics)


def _write(path, sample: str | None, kinematics, events, weights, origin: str) -> None:
    types = branches(sample)
    columns = dict(zip(types, [*kinematics.T, events, *weights.T], strict=True))
    identity = uuid.UUID(bytes=hashlib.sha256(origin.encode()).digest()[:16])
    with (
        whole(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(3), uuid_function=lambda: identity) as file,
    ):
        tree = file.mktree(TREE, types)
        for start in range(0, len(events), BASKET):
            tree.extend({name: column[start : start + BASKET] for name, column in columns.items()})
