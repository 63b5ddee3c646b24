"""Packs of ensemble members that share a job."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Pack:
    """Members that one job trains.

    Attributes:
        members: their numbers as parts of paths; a wildcard, if each member has a job of its own.
        label: of the pack, as part of paths: ``20-39``, or the number alone.
        text: the same in a message of the rule.
        suffix: of the rule's name; the first pack has none, so that its rule has the name of the stage.
    """

    members: tuple[str, ...]
    label: str
    text: str
    suffix: str


def packs(members: int, per_job: int) -> Iterator[Pack]:
    """The packs of all members of a ratio, by number.

    A file of a rule's output names no pack: it is the same file whichever jobs make it. So every pack is a rule of its
    own, but for packs of one, which are one rule with the wildcard ``member``. Packs begin at multiples of ``per_job``:
    more members leave the full packs as they are.

    Args:
        members: of a ratio.
        per_job: largest number of them in a pack.
    """
    if per_job == 1:
        yield Pack(("{member}",), "{member}", "{wildcards.member}", "")
        return
    for first in range(0, members, per_job):
        last = min(first + per_job, members) - 1
        label = f"{first}-{last}" if last > first else str(first)
        yield Pack(tuple(map(str, range(first, last + 1))), label, label, f"_{first}" if first else "")
