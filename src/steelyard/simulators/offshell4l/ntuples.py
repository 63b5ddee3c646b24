"""Simulated events as ROOT files, read back by the code that reads a user's ntuples."""

import hashlib
import os
import uuid
from collections.abc import Mapping

import numpy as np
import uproot

from steelyard.errors import ConfigurationError
from steelyard.io.files import whole
from steelyard.seeds import seed_for
from steelyard.simulators.offshell4l.branches import branches
from steelyard.simulators.offshell4l.constants import OBSERVABLES, TREE, TREES
from steelyard.simulators.offshell4l.draw import draw_experiments, draw_sample, seen
from steelyard.simulators.offshell4l.names import checked_parameters, checked_sample
from steelyard.simulators.offshell4l.spaces import GENERATED, scale_of
from steelyard.simulators.offshell4l.variation_factors import checked_alpha, weight_factors

BASKET = 50_000
"""Events a basket: a partition of a reader is a number of whole baskets."""


def write_ntuple(path: str | os.PathLike, sample: str, events: int, part: int, parts: int, seed: int) -> int:
    """Write one part of a simulated sample; returns the number of its events.

    Events are generated in a region wider than the selected one
    (:data:`steelyard.simulators.offshell4l.spaces.GENERATED`), since a lepton scale moves some in and some out. The
    tree ``events`` has the nominal masses, and the factors that one systematic at ±1σ puts on the event weights,
    exp(±h) in ``gg`` and exp(±q) in ``qqZZ``, at the float32 kinematics. The trees ``events_lepton_scale_up`` and
    ``_down`` have the same events with the masses multiplied by 1 ± 0.005, and the same factors, those of the true
    kinematics: with one of them an event has both systematics at once.

    The parts share the ``events`` of the sample evenly; the weights of the selected events of all parts of one tree add
    up to the yields there, in expectation. ``event`` is unique within the sample over all parts. The events depend on
    (sample, seed, part, parts, events) and on nothing else; the same arguments give the same entries bit for bit (ROOT
    puts the time of writing into a file).

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
    kinematics, weights = draw_sample(sample, last - first, rng, total=events, space=GENERATED)
    numbers, factors, trees = np.arange(first, last, dtype=np.uint64), _factors(sample, kinematics), {}
    for tree, alpha in TREES.items():
        columns = [*seen(kinematics, scale_of(alpha)).T, numbers, *weights.T, *factors]
        trees[tree] = dict(zip(branches(sample, tree), columns, strict=True))
    _write(path, sample, trees, f"{sample}/{part}/{seed}")
    return last - first


def _factors(sample: str, kinematics: np.ndarray) -> list[np.ndarray]:
    """Factors on the event weight at +1σ and −1σ: of gg_scale from m4l, or of qqZZ_angle from cosθ*."""
    column = "m4l" if sample == "gg" else "cosThetaStar"
    values = kinematics[:, OBSERVABLES.index(column)].astype(np.float64)
    return [weight_factors(values, sample == "gg", alpha) for alpha in (1.0, -1.0)]


def write_observed(
    path: str | os.PathLike, parameters: Mapping[str, float], seed: int, alpha: Mapping[str, float] | None = None
) -> int:
    """Write one Poisson experiment at ``parameters`` and ``alpha`` as observed data; returns the number of its events.

    All its events are selected ones. Nuisance parameters at 0 change no bit.

    Raises:
        ConfigurationError: ``parameters`` is not exactly ``{"mu": value ≥ 0}``, a nuisance parameter that does not
            exist, or a value of one beyond ±10.
        OSError: the file cannot be written.
    """
    values = checked_parameters(parameters)
    point = sorted(values.items()) + sorted(checked_alpha(alpha).shifted.items())
    rng = np.random.default_rng(seed_for(seed, "offshell4l", observed=point))
    kinematics, _ = draw_experiments(values, 1, rng, alpha)
    columns = [*kinematics.T, np.arange(len(kinematics), dtype=np.uint64)]
    _write(path, None, {TREE: dict(zip(branches(None), columns, strict=True))}, f"observed/{point}/{seed}")
    return len(kinematics)


def _write(
    path: str | os.PathLike, sample: str | None, trees: Mapping[str, Mapping[str, np.ndarray]], origin: str
) -> None:
    """Write whole trees one after the other; the file's identity is a digest of ``origin``."""
    identity = uuid.UUID(bytes=hashlib.sha256(origin.encode()).digest()[:16])
    with (
        whole(path) as temporary,
        uproot.recreate(temporary, compression=uproot.ZSTD(3), uuid_function=lambda: identity) as file,
    ):
        for name, columns in trees.items():
            tree = file.mktree(name, branches(sample, name))
            for start in range(0, len(columns["event"]), BASKET):
                tree.extend({branch: column[start : start + BASKET] for branch, column in columns.items()})
