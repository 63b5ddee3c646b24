"""What a configuration asks of the simulators, and whether they have it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steelyard import expressions
from steelyard.problems import Problem, nearest
from steelyard.simulators import Simulator, simulator

if TYPE_CHECKING:
    from steelyard.configuration import Configuration, Source


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of simulated samples, of the exact likelihood and of the audit.

    A simulator knows its branches, so that an unknown one is found before the first event exists.
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
            if sample.name not in model.samples:
                advice = nearest(sample.name, model.samples, "its samples")
                yield Problem(f"{path}.name", f"{model.name} has no sample '{sample.name}'", advice)
                continue
            weights = {f"{path}.weights.{process}": text for process, text in sample.weights.items()}
            yield from _source(configuration, path, sample, model, model.branches(sample.name), weights, reported)
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
        yield from _source(configuration, "observed", observed, model, model.branches(None), {}, reported)
    yield from _exact(configuration)


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
    used = {f"{path}.event_id[{index}]": text for index, text in enumerate(source.event_id or [])}
    used |= weights
    if configuration.selection:
        used["selection"] = configuration.selection
    for key in ("variables", "features", "observables"):
        used |= {f"{key}[{item.name}].expression": item.expression for item in getattr(configuration, key)}
    known = [*branches, *(variable.name for variable in configuration.variables)]
    for where, text in used.items():
        for name in sorted(expressions.parse(text).names - set(known)):
            if (where, name) in reported:
                continue
            reported.add((where, name))
            whose = "" if where.startswith(path) else f" of {path}"
            yield Problem(where, f"unknown branch '{name}' in '{text}'", nearest(name, known, "branches" + whose))


def _exact(configuration: "Configuration") -> Iterator[Problem]:
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
