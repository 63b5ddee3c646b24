"""The errors that Steelyard raises on purpose; everything else is a bug."""


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
