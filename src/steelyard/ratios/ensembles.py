"""Ensembles: all members of one density ratio as one file, and the mean that makes one ratio of them."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from steelyard.data.identifiers import Split, SplitRule
from steelyard.errors import InputError
from steelyard.ratios.joint import JointNetwork
from steelyard.ratios.members import Member, from_plain, load, read_torch, to_plain, write_torch

log = logging.getLogger(__name__)

FORMAT = 2
Combination = Literal["ratio", "log_ratio"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The members of one ratio.

    Attributes:
        ratio: name of the density ratio.
        combination: ``ratio``: r = (1/M) Σ_m r_m; ``log_ratio``: log r = (1/M) Σ_m log r_m.
        members: in the order of their numbers.
    """

    ratio: str
    combination: Combination
    members: tuple[Member, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs, in order; the same for all members."""
        return self.members[0].features

    @property
    def split(self) -> Split:
        """Which events trained; the same rule for all members."""
        return self.members[0].split

    @property
    def networks(self) -> tuple[str, ...]:
        """The processes of whose ratios the members are one network each; only its own for networks of their own."""
        return tuple(self.members[0].joint.get("processes", (self.ratio,)))

    def shares(self, other: "Ensemble") -> bool:
        """Whether its members are networks of several processes, and the same ones as those of another ratio."""
        mine, others = ([member.recipe for member in one.members] for one in (self, other))
        return len(self.networks) > 1 and self.networks == other.networks and mine == others


def of_process(member: Member, process: str, mixture: Mapping[str, float]) -> Member:
    """A member that was trained for a group of processes as a member of the ratio of one of them.

    Args:
        member: of the group, as :func:`steelyard.ratios.training.train_member` has trained it.
        process: the numerator, one of the group.
        mixture: w_k of every process in the reference mixture, of sum 1.

    Raises:
        InputError: the member is of one ratio only.
        ModelError: the process is not in the group, or one of the mixture is not.
    """
    if "processes" not in member.joint:
        raise InputError(
            f"member {member.member} of ratio {member.ratio} is a network of this ratio alone, and not of a group with "
            f"the process {process}; train it with one configuration"
        )
    network = member.network()
    assert isinstance(network, JointNetwork)
    return replace(member, ratio=process, architecture=network.of_process(process, mixture).architecture())


def combine(members: Sequence[Member], combination: Combination, split: SplitRule) -> Ensemble:
    """Put the members of one ratio together.

    Args:
        members: in any order; with cross-fitting they need not cover all folds, but an event whose fold no member left
            out gets no unseen ratio then.
        combination: mean of ratios, or of log ratios.
        split: the configuration's, which the members must have been trained with.

    Raises:
        InputError: no members, two with one number, or members of different ratios, features, splits, mixtures or
            settings of the training: networks of two configurations never make one ensemble.
    """
    if combination not in get_args(Combination):
        raise ValueError(f"unknown combination {combination!r}, choose one of {', '.join(get_args(Combination))}")
    if not members:
        raise InputError("an ensemble needs at least one trained member")
    first = members[0]
    for member in members:
        for name in ("ratio", "features", "split", "training", "bootstrap", "training_version", "joint"):
            mine, others = getattr(member, name), getattr(first, name)
            if mine != others:
                raise InputError(
                    f"member {member.member} of ratio {member.ratio} does not belong with member {first.member} of "
                    f"ratio {first.ratio}: {name} {mine} against {others}; train them with one configuration"
                )
    if first.split != Split.of(split):
        raise InputError(
            f"ratio {first.ratio}: its members were trained with {first.split}, the configuration has "
            f"{Split.of(split)}; train them again"
        )
    numbers = sorted(member.member for member in members)
    if len(set(numbers)) != len(numbers):
        raise InputError(f"ratio {first.ratio}: members {numbers} are not all different")
    return Ensemble(first.ratio, combination, tuple(sorted(members, key=lambda member: member.member)))


def combine_files(
    network_paths: Sequence[str | os.PathLike],
    combination: Combination,
    split: SplitRule,
    path: str | os.PathLike,
    process: str | None = None,
    mixture: Mapping[str, float] | None = None,
) -> Ensemble:
    """Read trained members, :func:`combine` them and write the ensemble to ``path``.

    Args:
        network_paths, combination, split: as of :func:`combine`.
        path: of the file.
        process, mixture: where the networks are those of a group, the process whose ratio this is, and the reference
            mixture, see :func:`of_process`.

    Raises:
        InputError: a file that is not a trained member, or members that do not belong together.
        ModelError: as of :func:`of_process`.
    """
    members = [load(network_path) for network_path in network_paths]
    if process is not None:
        members = [of_process(member, process, mixture or {}) for member in members]
    ensemble = combine(members, combination, split)
    save(ensemble, path)
    log.info("ratio %s: %d members, combination %s", ensemble.ratio, len(ensemble.members), combination)
    return ensemble


def save(ensemble: Ensemble, path: str | os.PathLike) -> None:
    """Write an ensemble, whole: a mapping of plain containers and tensors.

    ``torch.load(path, weights_only=True)`` reads it without this package: ``ratio``, ``combination``, and ``members``,
    each with ``member``, ``features``, ``architecture``, ``state``, ``split``, ``seen``, ``training``, ``bootstrap``,
    ``seed``, ``versions`` and ``recipe``, see :class:`steelyard.ratios.members.Member`.
    """
    members = [to_plain(member) for member in ensemble.members]
    write_torch(
        {"format": FORMAT, "ratio": ensemble.ratio, "combination": ensemble.combination, "members": members}, path
    )


def open_ensemble(path: str | os.PathLike) -> Ensemble:
    """Read an ensemble.

    Raises:
        InputError: the file is not an ensemble, or one of another format.
    """
    data = read_torch(path, "an ensemble", FORMAT)
    try:
        return Ensemble(data["ratio"], data["combination"], tuple(from_plain(member) for member in data["members"]))
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not an ensemble ({error!r}); combine its members again") from None


def mean_log_ratio(log_ratios: np.ndarray, judges: np.ndarray, combination: Combination) -> np.ndarray:
    """The ensemble's log ratio of each event from the members that may judge it.

    ``ratio``: log[Σ_m exp(l_m)/n], with the largest l_m taken out of the sum; ``log_ratio``: Σ_m l_m/n; both over the n
    members with ``judges``.

    Args:
        log_ratios: (M, N), summed in float64.
        judges: bool, broadcast to (M, N).
        combination: which mean.

    Returns:
        float64 (N,); NaN where no member may judge.
    """
    log_ratios = np.asarray(log_ratios, dtype=np.float64)
    judges = np.broadcast_to(judges, log_ratios.shape)
    count = judges.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if combination == "log_ratio":
            return np.where(judges, log_ratios, 0.0).sum(axis=0) / count
        chosen = np.where(judges, log_ratios, -np.inf)
        highest = np.where(count > 0, chosen.max(axis=0), 0.0)
        total = np.exp(chosen - highest).sum(axis=0)
        return np.where(count > 0, highest + np.log(total / count), np.nan)
