"""Checks of the effects of a systematic: processes, form, and the samples that are varied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from steelyard.configuration.problems import Problem
from steelyard.configuration.systematics import effect_sources
from steelyard.data.variations import DIRECTIONS
from steelyard.errors import nearest
from steelyard.expressions import language

if TYPE_CHECKING:
    from steelyard.configuration.nuisances import Effect, Systematic
    from steelyard.configuration.schema import Configuration, Sample

_FORMS = ("factors", "weights", "trees", "files")


def problems_of(configuration: "Configuration", path: str, systematic: "Systematic") -> Iterator[Problem]:
    """Problems of the effects of one systematic, whose key is ``path``."""
    acting: dict[str, int] = {}
    for index, effect in enumerate(systematic.effects):
        where = f"{path}.effects[{index}]"
        yield from _form(where, effect)
        yield from _processes(configuration, where, effect)
        for process in dict.fromkeys(effect.processes):
            first = acting.setdefault(process, index)
            if first != index:
                what = f"process '{process}' is in effects[{first}] too"
                advice = "one effect may have a norm beside a variation: write them as one"
                yield Problem(f"{where}.processes", what, advice)
        yield from _files(configuration, where, effect)
        yield from _nothing(configuration, where, effect)
        yield from _identified(configuration, where, systematic, effect)
    yield from _conflicts(configuration, path, systematic)


def process_names(path: str, names: Sequence[str], processes: Sequence[str]) -> Iterator[Problem]:
    """Problems of a list of processes: unknown ones, and those that it has twice."""
    for name in dict.fromkeys(names):
        if name not in processes:
            yield Problem(f"{path}.processes", f"unknown process '{name}'", nearest(name, processes, "processes"))
        if names.count(name) > 1:
            yield Problem(f"{path}.processes", f"found '{name}' {names.count(name)} times", "list it once")


def _form(path: str, effect: "Effect") -> Iterator[Problem]:
    given = [key for key in _FORMS if getattr(effect, key)]
    if not given and effect.norm is None:
        advice = "give norm, factors, weights, trees or files"
        yield Problem(path, "the effect does nothing", advice)
    if len(given) > 1 and given != ["trees", "files"]:
        what = f"found {' and '.join(given)}"
        yield Problem(path, what, "keep one of them (files may have trees beside them)")
    if not given and effect.use != "norm_and_shape":
        what = f"found '{effect.use}', and there is no variation to be used like that"
        yield Problem(f"{path}.use", what, "remove it: a norm is used as it is")
    if effect.trees and effect.files and (effect.trees.down is None) != (effect.files.down is None):
        key = "trees" if effect.trees.down is None else "files"
        yield Problem(f"{path}.{key}.down", "trees and files do not have the same directions", "add it")


def _processes(configuration: "Configuration", path: str, effect: "Effect") -> Iterator[Problem]:
    processes = [process.name for process in configuration.processes]
    if not effect.processes:
        yield Problem(f"{path}.processes", "this key is required and not there", "list the processes that it acts on")
    named = {key: getattr(effect.weights, key) or {} for key in DIRECTIONS} if effect.weights else {}
    # A process that only `weights` names has its place there.
    yield from process_names(path, [name for name in effect.processes if name not in named.get("up", {})], processes)
    for direction, weights in named.items():
        for name, text in weights.items():
            where = f"{path}.weights.{direction}.{name}"
            if name not in processes:
                yield Problem(where, f"unknown process '{name}'", nearest(name, processes, "processes"))
            elif name not in effect.processes:
                advice = "add it there, or remove its weight"
                yield Problem(where, f"process '{name}' is not in {path}.processes", advice)
            elif direction == "down" and name not in named["up"]:
                yield Problem(where, f"process '{name}' has no weight up", "add it; a one-sided effect is up")
            expression = language.parse(text)
            if not expression.names and expression.evaluate({}) == 0.0:
                yield Problem(where, f"found '{text}': no event would count", "give the branch of the weight")
    for name in effect.processes if effect.weights else ():
        if name in processes and name not in named["up"]:
            advice = f"add it, or remove '{name}' from the processes of this effect"
            yield Problem(f"{path}.weights.up", f"there is no weight of process '{name}'", advice)


def files_of_samples(
    configuration: "Configuration", path: str, files: Iterable[str], processes: Sequence[str]
) -> Iterator[Problem]:
    """Whether other files, by the names of samples, are of samples that have some and carry one of the processes."""
    samples = {sample.name: sample for sample in configuration.samples}
    for name in files:
        where = f"{path}.{name}"
        if name not in samples:
            yield Problem(where, f"unknown sample '{name}'", nearest(name, samples, "samples"))
        elif samples[name].simulate:
            yield Problem(where, f"the sample '{name}' is simulated, and has no other files", "use trees")
        elif not set(processes) & set(samples[name].weights):
            what = f"the sample '{name}' has no weights for {', '.join(processes)}"
            yield Problem(where, what, f"it carries {', '.join(samples[name].weights)}: correct one of them")


def _files(configuration: "Configuration", path: str, effect: "Effect") -> Iterator[Problem]:
    """Files belong to samples, and a sample carries the processes that it varies."""
    if not effect.files:
        return
    samples = {sample.name: sample for sample in configuration.samples}
    for direction in DIRECTIONS:
        files = getattr(effect.files, direction) or {}
        yield from files_of_samples(configuration, f"{path}.files.{direction}", files, effect.processes)
    if effect.files.down is not None and set(effect.files.down) != set(effect.files.up):
        odd = sorted(set(effect.files.down) ^ set(effect.files.up))[0]
        found, absent = ("up", "down") if odd in effect.files.up else ("down", "up")
        what = f"the sample '{odd}' has files {found} and none {absent}"
        yield Problem(f"{path}.files.{absent}", what, "name the same samples in both, or leave out down altogether")
    carried = {process for name in effect.files.up if name in samples for process in samples[name].weights}
    for process in dict.fromkeys(effect.processes):
        carriers = [sample.name for sample in configuration.samples if process in sample.weights]
        if process not in carried and carriers:
            what = f"none of the samples {', '.join(effect.files.up)} has weights for the process '{process}'"
            yield Problem(f"{path}.files.up", what, f"add the files of {' or '.join(carriers)}, or remove the process")


def _nothing(configuration: "Configuration", path: str, effect: "Effect") -> Iterator[Problem]:
    """Variations that repeat what is there without them."""
    if effect.norm == (1.0, 1.0):
        yield Problem(f"{path}.norm", "found 1: it changes nothing", "give the factor at +1σ, or remove it")
    carriers = [sample for sample in configuration.samples if set(sample.weights) & set(effect.processes)]
    for direction in DIRECTIONS:
        factor = getattr(effect.factors, direction) if effect.factors else None
        if factor is not None and not language.parse(factor).names:
            what = f"found '{factor}', the same for all events"
            advice = "leave it out for a one-sided effect, or write a constant factor as norm"
            yield Problem(f"{path}.factors.{direction}", what, advice)
        for process, text in ((getattr(effect.weights, direction) if effect.weights else None) or {}).items():
            nominal = [sample.weights[process] for sample in carriers if process in sample.weights]
            if nominal and all(_same(text, each) for each in nominal):
                what = f"found '{text}', as in the sample: it changes nothing"
                yield Problem(f"{path}.weights.{direction}.{process}", what, "give the varied weight")
        tree = getattr(effect.trees, direction) if effect.trees else None
        files: Mapping[str, Sequence[str]] = (getattr(effect.files, direction) if effect.files else None) or {}
        for sample in carriers:
            if effect.files:
                if (
                    sample.files
                    and sorted(files.get(sample.name, [])) == sorted(sample.files)
                    and _nominal(tree, sample)
                ):
                    what = "the files of the sample itself: it changes nothing"
                    yield Problem(f"{path}.files.{direction}.{sample.name}", what, "give those of the varied events")
            elif tree == sample.tree:
                what = f"found '{tree}', the tree of samples[{sample.name}] itself: it changes nothing"
                yield Problem(f"{path}.trees.{direction}", what, "give the tree of the varied events")


def _nominal(tree: str | None, sample: "Sample") -> bool:
    return tree is None or tree == sample.tree


def _same(text: str, other: str) -> bool:
    return "".join(text.split()) == "".join(other.split())


def _identified(
    configuration: "Configuration", path: str, systematic: "Systematic", effect: "Effect"
) -> Iterator[Problem]:
    """Entry numbers mean nothing in another tree: an event would train as one version and be judged as the other."""
    if effect.kind != "events":
        return
    for name in dict.fromkeys(item.sample for item in effect_sources(configuration, systematic, effect)):
        if next(sample for sample in configuration.samples if sample.name == name).event_id is None:
            what = f"this key is needed, since {path} has other versions of these events"
            yield Problem(f"samples[{name}].event_id", what, "name the branches that identify an event in all of them")


def _conflicts(configuration: "Configuration", path: str, systematic: "Systematic") -> Iterator[Problem]:
    """One sample is varied in one way by one systematic: it is one folder of columns."""
    firsts: dict[tuple[str, str], tuple[int, tuple]] = {}
    for index, effect in enumerate(systematic.effects):
        for item in effect_sources(configuration, systematic, effect):
            source = (item.kind, item.tree, item.files)
            first, other = firsts.setdefault((item.sample, item.direction), (index, source))
            if other != source:
                what = f"other trees or files of the sample '{item.sample}' than in effects[{first}]"
                if item.kind != other[0]:
                    what = f"the {item.kind} of the sample '{item.sample}', and in effects[{first}] its {other[0]}"
                advice = "one systematic varies a sample in one way: use one kind, and one tree, for all its processes"
                yield Problem(f"{path}.effects[{index}]", what, advice)
                break
