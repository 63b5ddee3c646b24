"""Trained members kept beside their checkpoints, so that nothing is trained twice.

The outputs of a job belong to the workflow: it removes them before the job starts, and when the job fails. A job that
trains several members would so lose the finished ones with the unfinished, and train old ones again with a new one.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from steelyard.errors import InputError
from steelyard.io.files import link
from steelyard.ratios.members import load


@dataclass(frozen=True)
class Kept:
    """Second names of the files of a trained member, which cost no space where the file system has hard links.

    Attributes:
        network: as :func:`steelyard.ratios.members.load` reads it.
        curve: its CSV file.
    """

    network: Path
    curve: Path

    @classmethod
    def beside(cls, checkpoint: Path) -> "Kept":
        """The places that belong to a checkpoint: ``member-3.pt`` and ``member-3.csv`` for ``member-3.ckpt``."""
        return cls(checkpoint.with_suffix(".pt"), checkpoint.with_suffix(".csv"))

    def keep(self, network: Path, curve: Path) -> None:
        """Give a member that has just been trained its second names; those of an earlier one go."""
        link(curve, self.curve)
        link(network, self.network)

    def restore(self, recipe: str, network: Path, curve: Path) -> bool:
        """Put the kept member to its places, with the time of now, if it was trained by this recipe.

        Returns:
            whether it was; nothing is written if not.
        """
        try:
            if load(self.network).recipe != recipe or not self.curve.is_file():
                return False
        except InputError:  # never trained, of an older version, or damaged
            return False
        for source, target in ((self.curve, curve), (self.network, network)):
            if not (target.exists() and target.samefile(source)):
                link(source, target)
            os.utime(target)
        return True
