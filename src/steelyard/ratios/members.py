"""One trained ensemble member as a file: a network and all that is needed to use it safely."""

import dataclasses
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steelyard.data.identifiers import Split
from steelyard.errors import InputError
from steelyard.io.files import whole
from steelyard.ratios.architectures.architecture import DEFAULT, Design
from steelyard.ratios.joint import JointNetwork
from steelyard.ratios.network import Network
from steelyard.ratios.signed import SignedNetwork

FORMAT = 2


@dataclass(frozen=True, eq=False)
class Member:
    """One network of an ensemble.

    Attributes:
        ratio: name of the density ratio that it learned, or of the group of processes.
        member: its number in the ensemble.
        features: names of its inputs, in order.
        architecture: see :meth:`steelyard.ratios.network.Network.architecture`.
        state: its weights and input scaling.
        split: which events it trained on, see :func:`steelyard.data.identifiers.trains`.
        seen: per sample the :func:`fingerprint` of the events that it trained on.
        training: the section ``training`` of the configuration.
        bootstrap: whether its training events were weighted by Poisson counts.
        seed: of its initial weights and of the order of its training events, by :func:`steelyard.seeds.seed_for`.
        versions: of the packages that trained it.
        recipe: digest of its data and settings, see :func:`steelyard.ratios.training.recipe`; two members with one
            recipe are the same network, up to rounding on other machines and with other versions.
    """

    ratio: str
    member: int
    features: tuple[str, ...]
    architecture: dict[str, Any]
    state: dict[str, Tensor]
    split: Split
    seen: dict[str, dict[str, int]]
    training: dict[str, Any]
    bootstrap: bool
    seed: int
    versions: dict[str, str]
    recipe: str

    @property
    def training_version(self) -> str | None:
        """The version of the training code, see :data:`steelyard.ratios.version.TRAINING_VERSION`."""
        return self.versions.get("training")

    @property
    def joint(self) -> dict[str, Any]:
        """Of a :class:`~steelyard.ratios.joint.JointNetwork` its processes, and mixture and target once there is one.

        Empty for a network of a ratio of its own.
        """
        keys = ("processes", "families", "mixture", "target")
        return {key: self.architecture[key] for key in keys if key in self.architecture}

    def network(self) -> Network:
        """The network, ready to evaluate."""
        return build(self.architecture, self.state)


def build(architecture: Mapping[str, Any], state: Mapping[str, Tensor] | None = None) -> Network:
    """The network of :meth:`~steelyard.ratios.network.Network.architecture`, with weights and scaling if given.

    Files of before there was a choice name no architecture, and have the options of a perceptron beside the inputs.

    Raises:
        ConfigurationError: an architecture that this version does not have.
        KeyError, ValueError: a description that is not one.
        RuntimeError: a state of another architecture.
    """
    if "name" in architecture:
        design = Design(architecture["name"], architecture["options"])
    else:
        design = Design(DEFAULT, {name: architecture[name] for name in ("hidden", "activation")})
    net, processes = architecture.get("net"), architecture.get("processes")
    inputs = architecture["inputs"]
    if processes is not None:
        options = {name: architecture[name] for name in ("families", "mixture", "target") if name in architecture}
        network: Network = JointNetwork(inputs, design, processes=processes, **options)
    else:
        network = Network(inputs, design) if net is None else SignedNetwork(inputs, design, net=tuple(net))
    if state is not None:
        network.load_state_dict(dict(state))
    return network.eval()


def fingerprint(ids: np.ndarray) -> dict[str, int]:
    """Number and wrapped 64-bit sum of event identifiers: what a member saw of a sample, independent of the order."""
    ids = np.asarray(ids, dtype=np.uint64)
    return {"events": len(ids), "sum": int(np.sum(ids, dtype=np.uint64))}


def to_plain(member: Member) -> dict[str, Any]:
    """The member as plain containers, numbers, strings and tensors: what ``torch.load(weights_only=True)`` takes."""
    plain = {field.name: getattr(member, field.name) for field in dataclasses.fields(member)}
    return plain | {
        "features": list(member.features),
        "split": dataclasses.asdict(member.split),
        "state": {name: tensor.detach().cpu().clone() for name, tensor in member.state.items()},
        # 64-bit words do not fit every reader's integers
        "seen": {name: {key: str(value) for key, value in mark.items()} for name, mark in member.seen.items()},
        "seed": str(member.seed),
    }


def from_plain(plain: dict[str, Any]) -> Member:
    """The inverse of :func:`to_plain`.

    Raises:
        KeyError, TypeError: ``plain`` is not a member.
    """
    return Member(
        **plain
        | {
            "features": tuple(plain["features"]),
            "split": Split(**plain["split"]),
            "seen": {name: {key: int(value) for key, value in mark.items()} for name, mark in plain["seen"].items()},
            "seed": int(plain["seed"]),
        }
    )


def save(member: Member, path: str | os.PathLike) -> None:
    """Write a member, whole; the same member gives the same bytes."""
    write_torch({"format": FORMAT, "member": to_plain(member)}, path)


def load(path: str | os.PathLike) -> Member:
    """Read a member.

    Raises:
        InputError: the file is not a member's network, or one of another format.
    """
    data = read_torch(path, "a trained network", FORMAT)
    try:
        return from_plain(data["member"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not a trained network ({error!r}); train it again") from None


def write_torch(data: dict[str, Any], path: str | os.PathLike) -> None:
    """``torch.save``, whole and through memory: it would write the name of the (temporary) file into the file."""
    buffer = io.BytesIO()
    torch.save(data, buffer)
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_torch(path: str | os.PathLike, what: str, version: int) -> dict[str, Any]:
    """``torch.load`` of plain data only, with the errors of this package.

    Raises:
        InputError: the file is missing, damaged, not plain data, or of another format than ``version``.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; it should hold {what}")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        found = data["format"]
    except Exception as error:  # torch raises anything on damaged files
        raise InputError(f"{path}: does not hold {what} ({type(error).__name__}); make it again") from error
    if found != version:
        raise InputError(f"{path}: {what} of format {found}, this version reads {version}; make it again")
    return data
