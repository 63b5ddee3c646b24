"""Checks of simulated samples: trees, branches, processes and systematics that a simulator must have."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from steelyard.configuration.joint_points import effect_samples
from steelyard.configuration.problems import Problem
from steelyard.configuration.systematics import effect_sources
from steelyard.errors import nearest
from steelyard.expressions import language
from steelyard.simulators.interface import Simulator, simulator

if TYPE_CHECKING:
    from steelyard.configuration.schema import Configuration, Sample, Source


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of simulated samples and their variations, of the exact likelihood and of the audit.

    A simulator knows its trees and branches, so that an unknown one is found before the first event exists.
    """
    reported: set[tuple[str, str]] = set()  # an expression is wrong once, not once for every sample
    for sample in configuration.samples:
        if sample.simulate and not sample.files:
            path = f"samples[{sample.name}]"
            model = simulator(sample.simulate.model)
            if sample.simulate.events is None:
                yield Problem(f"{path}.simulate.events", "this key is required in a sample and not there", "add it")
            if sample.simulate.parameters:
                advice = "remove it: the weights of the events tell the parameters"
                yield Problem(f"{path}.simulate.parameters", "a sample has no parameters", advice)
            if sample.simulate.nuisances:
                advice = "remove it: variations of a sample are configured as systematics"
                yield Problem(f"{path}.simulate.nuisances", "a sample has no nuisance parameters", advice)
            if sample.name not in model.samples:
                advice = nearest(sample.name, model.samples, "its samples")
                yield Problem(f"{path}.name", f"{model.name} has no sample '{sample.name}'", advice)
                continue
            weights = {f"{path}.weights.{process}": text for process, text in sample.weights.items()}
            yield from _source(configuration, path, sample, model, model.branches(sample.name), weights, reported)
            yield from _varied(configuration, path, sample, model, reported)
            yield from _joint(configuration, path, sample, model, reported)
    observed = configuration.observed
    if observed and observed.simulate and not observed.files:
        model = simulator(observed.simulate.model)
        for key, default in (("events", None), ("parts", 1)):
            if getattr(observed.simulate, key) != default:
                advice = "remove it: the experiment is one Poisson draw of the expected events"
                yield Problem(f"observed.simulate.{key}", "observed data have no such key", advice)
        for name in observed.simulate.parameters:
            if name not in model.parameters:
                advice = nearest(name, model.parameters, "its parameters")
                yield Problem(f"observed.simulate.parameters.{name}", f"{model.name} has no such parameter", advice)
        for name in model.parameters:
            if name not in observed.simulate.parameters:
                advice = f"add it, or call a parameter of the configuration '{name}'"
                yield Problem("observed.simulate.parameters", f"{model.name} needs the parameter '{name}'", advice)
        yield from _nuisances("observed.simulate.nuisances", observed.simulate.nuisances, model)
        yield from _source(configuration, "observed", observed, model, model.branches(None), {}, reported)
    yield from _oracle(configuration)


def _source(
    configuration: "Configuration",
    path: str,
    source: "Source",
    model: Simulator,
    branches: tuple[str, ...],
    weights: dict[str, str],
    reported: set[tuple[str, str]],
) -> Iterator[Problem]:
    if source.tree != model.tree:
        yield Problem(f"{path}.tree", f"found '{source.tree}'", f"{model.name} writes the tree '{model.tree}'")
    yield from _branches({**_columns(configuration, path, source), **weights}, configuration, branches, path, reported)


def _columns(configuration: "Configuration", path: str, source: "Source") -> dict[str, str]:
    """Key: expression of all that is evaluated for every source of events."""
    used = {f"{path}.event_id[{index}]": text for index, text in enumerate(source.event_id or [])}
    if configuration.selection:
        used["selection"] = configuration.selection
    for key in ("variables", "features", "observables"):
        used |= {f"{key}[{item.name}].expression": item.expression for item in getattr(configuration, key)}
    return used


def _branches(
    used: dict[str, str],
    configuration: "Configuration",
    branches: Sequence[str],
    place: str,
    reported: set[tuple[str, str]],
) -> Iterator[Problem]:
    """Names in expressions that are neither branches of a place (a sample, or one of its trees) nor variables."""
    known = [*branches, *(variable.name for variable in configuration.variables)]
    for where, text in used.items():
        for name in sorted(language.parse(text).names - set(known)):
            if (where, name) in reported:
                continue
            reported.add((where, name))
            whose = "" if where.startswith(place) else f" of {place}"
            yield Problem(where, f"unknown branch '{name}' in '{text}'", nearest(name, known, "branches" + whose))


def _varied(
    configuration: "Configuration", path: str, sample: "Sample", model: Simulator, reported: set[tuple[str, str]]
) -> Iterator[Problem]:
    """Trees and branches of the variations of one sample."""
    for systematic in configuration.systematics:
        for index, effect in enumerate(systematic.effects):
            where = f"systematics[{systematic.name}].effects[{index}]"
            for item in effect_sources(configuration, systematic, effect):
                if item.sample != sample.name:
                    continue
                branches, place = model.branches(sample.name), path
                if effect.factors:
                    used = {f"{where}.factors.{item.direction}": getattr(effect.factors, item.direction)}
                elif effect.weights:
                    keys = {process: f"{where}.weights.{item.direction}.{process}" for process in item.weights}
                    used = {key: item.weights[process] for process, key in keys.items()}
                elif item.tree in model.trees:
                    used = _columns(configuration, path, sample)
                    used |= {f"{path}.weights.{process}": text for process, text in item.weights.items()}
                    branches, place = model.branches(sample.name, item.tree), f"{path}, tree {item.tree}"
                else:
                    used, key = {}, f"{where}.trees.{item.direction}"
                    if (key, item.tree) not in reported:
                        reported.add((key, item.tree))
                        advice = nearest(item.tree, model.trees, "its trees")
                        yield Problem(key, f"{model.name} writes no tree '{item.tree}'", advice)
                yield from _branches(used, configuration, branches, place, reported)


def _joint(
    configuration: "Configuration", path: str, sample: "Sample", model: Simulator, reported: set[tuple[str, str]]
) -> Iterator[Problem]:
    """Trees and branches of one sample at the joint points."""
    for point in configuration.joint_variations:
        for index, effect in enumerate(point.effects):
            where = f"joint_variations[{point.name}].effects[{index}]"
            for item in effect_samples(configuration, point, effect):
                if item.sample != sample.name:
                    continue
                if item.tree not in model.trees:
                    if (where, item.tree) not in reported:
                        reported.add((where, item.tree))
                        advice = nearest(item.tree, model.trees, "its trees")
                        yield Problem(f"{where}.trees", f"{model.name} writes no tree '{item.tree}'", advice)
                    continue
                used = {f"{where}.factors": effect.factors} if effect.factors is not None else {}
                used |= {f"{where}.weights.{process}": text for process, text in (effect.weights or {}).items()}
                if effect.kind == "events":
                    used |= _columns(configuration, path, sample)
                if effect.weights is None:
                    used |= {f"{path}.weights.{process}": sample.weights[process] for process in item.weights}
                branches, place = model.branches(sample.name, item.tree), f"{path}, tree {item.tree}"
                yield from _branches(used, configuration, branches, place, reported)


def _nuisances(path: str, names: Iterable[str], model: Simulator) -> Iterator[Problem]:
    for name in names:
        if name not in model.systematics:
            advice = nearest(name, model.systematics, "its systematics")
            yield Problem(f"{path}.{name}", f"{model.name} has no systematic '{name}'", advice)


def _oracle(configuration: "Configuration") -> Iterator[Problem]:
    """The exact likelihood and the audit describe simulated events only."""
    for key in ("oracle", "audit"):
        if getattr(configuration, key) and configuration.simulator is None:
            files = [sample.name for sample in configuration.samples if not sample.simulate]
            found = f"these come from files: {', '.join(files)}" if files else "they have several"
            yield Problem(key, f"it needs one simulator for all samples, and {found}", f"remove the key '{key}'")
    if configuration.simulator is None:
        return
    model = simulator(configuration.simulator)
    if configuration.oracle and configuration.oracle.model != configuration.simulator:
        advice = f"choose '{configuration.simulator}', from which the samples come"
        yield Problem("oracle.model", f"found '{configuration.oracle.model}'", advice)
    if not (configuration.oracle or configuration.audit):
        return
    reason = "the exact likelihood" if configuration.oracle else "the audit"
    for process in configuration.processes:
        if process.name not in model.processes:
            what = f"{model.name} has no process '{process.name}', which {reason} needs"
            advice = nearest(process.name, model.processes, "its processes")
            yield Problem(f"processes[{process.name}]", what, advice)
    names = [observable.name for observable in configuration.observables]
    for name in model.observables:
        if configuration.oracle and name not in names:
            advice = f"add {{ name: {name}, expression: {name} }}"
            yield Problem("observables", f"'{name}' is missing, which the exact likelihood needs", advice)
    for name in model.parameters:
        known = [parameter.name for parameter in configuration.parameters]
        if name not in known:
            yield Problem("parameters", f"{model.name} needs '{name}'", nearest(name, known, "parameters"))
    for systematic in configuration.systematics:
        if systematic.name not in model.systematics:
            what = f"{model.name} has no systematic '{systematic.name}', which {reason} needs"
            advice = nearest(systematic.name, model.systematics, "its systematics")
            yield Problem(f"systematics[{systematic.name}].name", what, advice)
    for index, point in enumerate(configuration.audit.nuisances if configuration.audit else []):
        yield from _nuisances(f"audit.nuisances[{index}]", point, model)
    for item in configuration.norm_factors if configuration.audit else []:
        if item.nominal != 1.0:
            what = f"found {item.nominal:g}, and the audit simulates the yields as they are"
            yield Problem(f"norm_factors[{item.name}].nominal", what, "write 1, or remove the key 'audit'")
