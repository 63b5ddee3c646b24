"""The errors that Steelyard raises on purpose; everything else is a bug."""

import difflib
from collections.abc import Iterable


class SteelyardError(Exception):
    """Base of all deliberate errors: its message alone tells the user what to change."""


class ConfigurationError(SteelyardError):
    """The configuration is wrong; the message names the file, the key's path and the nearest valid choice."""


class InputError(SteelyardError):
    """An input file is wrong; the message names the file, the tree and the branch."""


class ModelError(SteelyardError):
    """The statistical model is not usable: a negative density, a failed normalisation, no valid start of a fit."""


class OutputError(SteelyardError):
    """A result cannot be written: the disk is full, a quota is used up, or the folder is not writable."""


def nearest(word: object, choices: Iterable[str], kind: str = "valid names") -> str:
    """Advice for a word that is none of ``choices``: the nearest choice, or the list of them."""
    choices = list(dict.fromkeys(choices))
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    close = difflib.get_close_matches(str(word).casefold(), folded, n=1, cutoff=0.5)
    listing = f"{kind}: {', '.join(choices) if choices else 'none'}"
    return f"did you mean '{folded[close[0]]}'? ({listing})" if close else listing
