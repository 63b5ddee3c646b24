"""What a caller may ask of the embedded analysis by name; anything else is a clear error."""

import math
from collections.abc import Iterable, Mapping, Sequence

from steelyard.errors import ConfigurationError, nearest
from steelyard.simulators.offshell4l.constants import PARAMETERS, PROCESSES, SAMPLES, TREE, TREES


def unknown(kind: str, found: object, valid: Iterable[str]) -> ConfigurationError:
    """The error about a name that does not exist: what was found, the nearest valid name, all valid names."""
    return ConfigurationError(f"offshell4l has no {kind} '{found}'; {nearest(found, valid, 'there are')}")


def checked_processes(processes: Sequence[str]) -> Sequence[str]:
    """``processes`` unchanged, if each is one of ``PROCESSES``."""
    for name in processes:
        if name not in PROCESSES:
            raise unknown("process", name, PROCESSES)
    return processes


def checked_sample(sample: str) -> tuple[str, ...]:
    """The processes whose weights the events of ``sample`` carry, if there is such a sample."""
    if sample not in SAMPLES:
        raise unknown("sample", sample, SAMPLES)
    return SAMPLES[sample]


def checked_tree(tree: str, sample: str | None) -> float:
    """The lepton_scale at which ``tree`` shows the events of ``sample``; observed data (None) have the nominal tree."""
    trees = TREES if sample is not None else {TREE: 0.0}
    if tree not in trees:
        raise unknown("tree" if sample is not None else "tree of observed data", tree, trees)
    return trees[tree]


def checked_parameters(parameters: Mapping[str, float]) -> dict[str, float]:
    """The parameters as floats, if all of ``PARAMETERS`` are given, finite and not negative, and no other."""
    for name in parameters:
        if name not in PARAMETERS:
            raise unknown("parameter", name, PARAMETERS)
    values = {}
    for name in PARAMETERS:
        if name not in parameters:
            raise ConfigurationError(f"offshell4l: the parameter '{name}' needs a value, for example {{{name}: 1.0}}")
        value = float(parameters[name])
        if not math.isfinite(value) or value < 0.0:
            raise ConfigurationError(f"offshell4l: the parameter '{name}' must be finite and ≥ 0; found {value}")
        values[name] = value
    return values
