"""Checks of a configuration that need more than one key.

Names and sources are checked here, numbers in :mod:`steelyard.configuration.grids`, coefficients in
:mod:`steelyard.configuration.coefficient_checks`, nuisance parameters in
:mod:`steelyard.configuration.systematic_checks` and :mod:`steelyard.configuration.joint_checks`, and what is asked of
the simulators in :mod:`steelyard.configuration.simulated`.
"""

import glob
import keyword
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from steelyard.configuration import coefficient_checks, grids, joint_checks, simulated, systematic_checks
from steelyard.configuration.networks import JOINT
from steelyard.configuration.problems import Problem
from steelyard.errors import nearest
from steelyard.expressions import language

if TYPE_CHECKING:
    from steelyard.configuration.schema import Baseline, Configuration, Source

# Folders of results that a sample's name must not take.
_TAKEN = ("observed", "asimov")


def problems_of(configuration: "Configuration", files: bool = True) -> list[Problem]:
    """All problems of a configuration whose keys are valid one by one.

    Args:
        files: whether to look for the input files too.
    """
    return [
        *_one_parameter(configuration),
        *_duplicates(configuration),
        *_words(configuration),
        *_order(configuration),
        *_constants(configuration),
        *_weights(configuration),
        *_references(configuration),
        *_joint(configuration),
        *_baselines(configuration),
        *_sources(configuration, files),
        *systematic_checks.problems_of(configuration),
        *joint_checks.problems_of(configuration),
        *simulated.problems_of(configuration),
        *grids.problems_of(configuration),
        *coefficient_checks.problems_of(configuration),
    ]


def _one_parameter(configuration: "Configuration") -> Iterator[Problem]:
    """Fits, scans and belts have one parameter of interest; another one would silently stay at its nominal value."""
    if len(configuration.parameters) > 1:
        first, *others = (parameter.name for parameter in configuration.parameters)
        yield Problem(
            "parameters",
            f"found {len(others) + 1}, of which only the first, {first}, would be fitted",
            f"remove {', '.join(others)}: write the value into the coefficients, or make it a nuisance parameter "
            "(systematics, norm_factors)",
        )


def _duplicates(configuration: "Configuration") -> Iterator[Problem]:
    lists: dict[str, Sequence[str]] = {
        key: [item.name for item in getattr(configuration, key)]
        for key in (
            "processes",
            "systematics",
            "joint_variations",
            "norm_factors",
            "samples",
            "variables",
            "features",
            "observables",
            "baselines",
        )
    }
    lists["reference"] = [item.process for item in configuration.reference or []]
    lists["ensembles.joint"] = configuration.ensembles.joint
    for key, names in lists.items():
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem(f"{key}[{name}]", f"found {names.count(name)} times", "rename or remove all but one")


def _words(configuration: "Configuration") -> Iterator[Problem]:
    for key in ("parameters", "variables"):
        for item in getattr(configuration, key):
            if item.name in language.RESERVED or keyword.iskeyword(item.name):
                advice = "rename it, expressions could not use it"
                yield Problem(f"{key}[{item.name}].name", f"'{item.name}' is a word of the expressions", advice)
    for sample in configuration.samples:
        if sample.name in _TAKEN:
            yield Problem(f"samples[{sample.name}].name", f"the name '{sample.name}' is taken", "rename the sample")


def _order(configuration: "Configuration") -> Iterator[Problem]:
    """Variables are evaluated in order: a name that belongs to this or a later one is not there yet."""
    names = [variable.name for variable in configuration.variables]
    for index, variable in enumerate(configuration.variables):
        path = f"variables[{variable.name}].expression"
        for name in sorted(language.parse(variable.expression).names & set(names[index:])):
            if name in names[:index]:
                continue  # a duplicate, reported as such
            if name == variable.name:
                yield Problem(path, f"'{name}' is used in its own definition", "give the variable another name")
            else:
                yield Problem(path, f"'{name}' is used before it is defined", f"move '{name}' above '{variable.name}'")


def _constants(configuration: "Configuration") -> Iterator[Problem]:
    """Expressions that have to differ from event to event."""
    texts = {"selection": configuration.selection} if configuration.selection else {}
    for key in ("features", "observables"):
        texts |= {f"{key}[{item.name}].expression": item.expression for item in getattr(configuration, key)}
    for path, source in sources(configuration):
        texts |= {f"{path}.event_id[{index}]": text for index, text in enumerate(source.event_id or [])}
    for path, text in texts.items():
        if not language.parse(text).names:
            yield Problem(path, f"found '{text}', the same for all events", "use a branch or a variable")


def _weights(configuration: "Configuration") -> Iterator[Problem]:
    processes = [process.name for process in configuration.processes]
    given = {process for sample in configuration.samples for process in sample.weights}
    for sample in configuration.samples:
        for process, text in sample.weights.items():
            path = f"samples[{sample.name}].weights.{process}"
            if process not in processes:
                yield Problem(path, f"unknown process '{process}'", nearest(process, processes, "processes"))
            expression = language.parse(text)
            if not expression.names and expression.evaluate({}) == 0.0:
                yield Problem(path, f"found '{text}': no event would count", "give the branch of the weight")
    for process in processes:
        if process not in given:
            advice = "add its weight to the sample that describes it, or remove the process"
            yield Problem(f"processes[{process}]", "no sample has weights for it", advice)


def _references(configuration: "Configuration") -> Iterator[Problem]:
    """Names of processes outside the samples."""
    used = [
        *((f"reference[{item.process}].process", item.process) for item in configuration.reference or []),
        *((f"ensembles.joint[{index}]", name) for index, name in enumerate(configuration.ensembles.joint)),
        *(
            (f"diagnostics.oracle_rms[{index}].{key}", getattr(item, key))
            for index, item in enumerate(configuration.diagnostics.oracle_rms)
            for key in ("numerator", "denominator")
        ),
        *(
            (f"baselines[{item.name}].{key}", getattr(item, key))
            for item in configuration.baselines
            for key in ("numerator", "denominator")
        ),
    ]
    processes = [process.name for process in configuration.processes]
    for path, name in used:
        if name is not None and name not in processes:
            yield Problem(path, f"unknown process '{name}'", nearest(name, processes, "processes"))


def _joint(configuration: "Configuration") -> Iterator[Problem]:
    """Processes that share networks: the ratios are to the mixture, whose densities the network has to know."""
    group, path = configuration.ensembles.joint, "ensembles.joint"
    if not group:
        return
    processes = [process.name for process in configuration.processes]
    if len(group) == 1:
        yield Problem(path, f"found {group[0]} alone", "name two processes at least, or none")
    if JOINT in processes:
        advice = "rename the process: files of networks that processes share have this name"
        yield Problem(f"processes[{JOINT}].name", f"the name '{JOINT}' is taken", advice)
    mixture = processes if configuration.reference is None else [item.process for item in configuration.reference]
    missing = [name for name in mixture if name in processes and name not in group]
    if missing and set(group) <= set(processes):
        advice = "add what is missing, or leave it out of `reference`: a ratio is one to all processes of the reference"
        yield Problem(path, f"found {', '.join(group)} without {', '.join(missing)} of the reference", advice)


def _baselines(configuration: "Configuration") -> Iterator[Problem]:
    observables = [observable.name for observable in configuration.observables]
    for baseline in configuration.baselines:
        yield from _kind(baseline)
        path = f"baselines[{baseline.name}]"
        if baseline.observable is not None and baseline.observable not in observables:
            advice = nearest(baseline.observable, observables, "observables")
            yield Problem(f"{path}.observable", f"unknown observable '{baseline.observable}'", advice)
        if baseline.numerator is not None and baseline.numerator == baseline.denominator:
            advice = "take two different processes"
            yield Problem(f"{path}.denominator", f"found '{baseline.denominator}', as in the numerator", advice)
        if isinstance(baseline.bins, list):
            yield from grids.ascending(f"{path}.bins", baseline.bins)


def _kind(baseline: "Baseline") -> Iterator[Problem]:
    keys = {"observable": ["observable"], "discriminant": ["numerator", "denominator"], "parameterised": []}
    for key in ("observable", "numerator", "denominator"):
        given, needed = getattr(baseline, key) is not None, key in keys[baseline.kind]
        path = f"baselines[{baseline.name}].{key}"
        if needed and not given:
            yield Problem(path, f"a baseline of kind '{baseline.kind}' needs this key", "add it")
        if given and not needed:
            yield Problem(
                path, f"a baseline of kind '{baseline.kind}' has no such key", "remove it, or change the kind"
            )


def _sources(configuration: "Configuration", files: bool) -> Iterator[Problem]:
    for path, source in sources(configuration):
        if (source.files is None) == (source.simulate is None):
            found = "neither files nor simulate" if source.files is None else "both files and simulate"
            yield Problem(path, f"found {found}", "give exactly one of them")
        if files and source.files and source.simulate is None:
            yield from _globs(f"{path}.files", source.files)
    for systematic in configuration.systematics if files else ():
        for index, effect in enumerate(systematic.effects):
            for direction, samples in effect.files or ():
                for name, patterns in (samples or {}).items():
                    yield from _globs(
                        f"systematics[{systematic.name}].effects[{index}].files.{direction}.{name}", patterns
                    )
    for point in configuration.joint_variations if files else ():
        for index, joint in enumerate(point.effects):
            for name, patterns in (joint.files or {}).items():
                yield from _globs(f"joint_variations[{point.name}].effects[{index}].files.{name}", patterns)


def sources(configuration: "Configuration") -> "Iterable[tuple[str, Source]]":
    """Path and source of all events, simulated and observed."""
    observed = [("observed", configuration.observed)] if configuration.observed else []
    return [*((f"samples[{sample.name}]", sample) for sample in configuration.samples), *observed]


def _globs(path: str, patterns: Sequence[str]) -> Iterator[Problem]:
    for index, pattern in enumerate(patterns):
        if "://" in pattern:
            continue  # a remote file, which only its server knows
        if not glob.glob(pattern, recursive=True):
            advice = "paths are relative to the working folder; check folder and name"
            yield Problem(f"{path}[{index}]", f"nothing matches '{pattern}'", advice)
