"""Several members of one ratio, or of one group of processes, trained one after the other by one job."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from steelyard.ratios.training import train_member
from steelyard.ratios.training_data import JointSample, RatioSample


def member_number(path: str | os.PathLike) -> int:
    """The number m of a member's file ``.../member-{m}/network.pt``.

    Raises:
        ValueError: its folder has another name.
    """
    return int(Path(path).parent.name.removeprefix("member-"))


def train_members(
    samples: Sequence[RatioSample] | Sequence[JointSample],
    *,
    network_paths: Sequence[str | os.PathLike],
    curve_paths: Sequence[str | os.PathLike],
    checkpoint_folder: str | os.PathLike,
    seed_of: Callable[[int], int],
    **how: Any,
) -> None:
    """Train every member whose files are asked for; each has the same bytes as if a job of its own had trained it.

    Members that were trained before by the same recipe are put in place and not trained again, see
    :mod:`steelyard.ratios.kept`: when the job was interrupted, or when only some of its members are new.

    Args:
        samples: as for :func:`steelyard.ratios.training.train_member`.
        network_paths, curve_paths: one file per member, in folders called ``member-{m}``.
        checkpoint_folder: of the ratio or group.
        seed_of: seed of member m.
        how: all other arguments of :func:`steelyard.ratios.training.train_member`.

    Raises:
        InputError, ModelError: as there, for the first member that fails; those before it are kept.
    """
    for network_path, curve_path in zip(network_paths, curve_paths, strict=True):
        member = member_number(network_path)
        train_member(
            samples,
            member=member,
            seed=seed_of(member),
            network_path=network_path,
            curve_path=curve_path,
            checkpoint_path=Path(checkpoint_folder) / f"member-{member}.ckpt",
            **how,
        )
