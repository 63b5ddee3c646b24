"""Checks of the joint variations: their nuisance parameters, processes and samples."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steelyard.configuration.effect_checks import files_of_samples, process_names
from steelyard.configuration.joint_points import effect_samples, varied_by
from steelyard.configuration.problems import Problem
from steelyard.data.variations import VariedSource
from steelyard.errors import nearest

if TYPE_CHECKING:
    from steelyard.configuration.joint_variations import JointEffect, JointVariation
    from steelyard.configuration.schema import Configuration


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of the joint variations that the keys one by one do not show."""
    for point in configuration.joint_variations:
        path = f"joint_variations[{point.name}]"
        yield from _alpha(configuration, path, point)
        acting: dict[str, int] = {}
        firsts: dict[str, tuple[int, VariedSource]] = {}
        for index, effect in enumerate(point.effects):
            where = f"{path}.effects[{index}]"
            yield from _form(where, effect)
            yield from _processes(configuration, where, point, effect)
            for process in dict.fromkeys(effect.processes):
                first = acting.setdefault(process, index)
                if first != index:
                    advice = "a process is given in one way: keep one of them"
                    yield Problem(f"{where}.processes", f"process '{process}' is in effects[{first}] too", advice)
            yield from files_of_samples(configuration, f"{where}.files", effect.files or (), effect.processes)
            yield from _samples(configuration, where, point, effect, index, firsts)


def _alpha(configuration: "Configuration", path: str, point: "JointVariation") -> Iterator[Problem]:
    systematics = {systematic.name: systematic for systematic in configuration.systematics}
    for name, value in point.alpha.items():
        where = f"{path}.alpha.{name}"
        if name not in systematics:
            advice = nearest(name, systematics, "systematics")
            yield Problem(where, f"unknown systematic '{name}'", advice)
        elif not any(effect.kind for effect in systematics[name].effects):
            advice = "leave it out: a norm multiplies whatever else changes"
            yield Problem(where, f"the systematic '{name}' has norms alone, which factorise by construction", advice)
        elif value not in (1.0, -1.0):
            advice = "write 1 or -1, the sides of which there are samples with this parameter alone"
            yield Problem(where, f"found {value:g}", advice)
        elif value == -1.0 and not any(
            getattr(form, "down", None) is not None
            for effect in systematics[name].effects
            for form in (effect.factors, effect.weights, effect.trees, effect.files)
        ):
            what = f"found -1, and the systematic '{name}' has no samples below 0"
            yield Problem(where, what, f"write 1, or add down to the effects of systematics[{name}]")


def _form(path: str, effect: "JointEffect") -> Iterator[Problem]:
    if effect.factors is None and not (effect.weights or effect.trees or effect.files):
        yield Problem(path, "nothing is varied", "give factors, weights, trees or files")
    if effect.factors is not None and effect.weights:
        yield Problem(path, "found factors and weights", "keep one of them (each may have trees or files beside it)")
    for name in effect.weights or ():
        if name not in effect.processes:
            yield Problem(
                f"{path}.weights.{name}", f"process '{name}' is not in {path}.processes", "add it, or remove its weight"
            )
    for name in effect.processes if effect.weights else ():
        if name not in (effect.weights or {}):
            yield Problem(f"{path}.weights", f"there is no weight of process '{name}'", "add it, or remove the process")


def _processes(
    configuration: "Configuration", path: str, point: "JointVariation", effect: "JointEffect"
) -> Iterator[Problem]:
    known = [process.name for process in configuration.processes]
    yield from process_names(path, effect.processes, known)
    for process in dict.fromkeys(effect.processes):
        if process in known and len(varied := varied_by(configuration, point, process)) < 2:
            what = f"process '{process}' is varied by {varied[0] if varied else 'none'} of {', '.join(point.alpha)}"
            advice = "remove it: with fewer than two of them there is nothing to factorise; or add it to their effects"
            yield Problem(f"{path}.processes", what, advice)


def _samples(
    configuration: "Configuration",
    path: str,
    point: "JointVariation",
    effect: "JointEffect",
    index: int,
    firsts: dict[str, tuple[int, VariedSource]],
) -> Iterator[Problem]:
    for item in effect_samples(configuration, point, effect):
        first, other = firsts.setdefault(item.sample, (index, item))
        if (other.kind, other.tree, other.files) != (item.kind, item.tree, item.files):
            what = f"other trees or files of the sample '{item.sample}' than in effects[{first}]"
            yield Problem(path, what, "a sample has one version at a point: use one tree for all its processes")
        sample = next(sample for sample in configuration.samples if sample.name == item.sample)
        if effect.kind == "events" and sample.event_id is None:
            what = f"this key is needed, since {path} has other versions of these events"
            yield Problem(
                f"samples[{sample.name}].event_id", what, "name the branches that identify an event in all of them"
            )
        if effect.kind == "events" and effect.files is None and effect.trees == sample.tree:
            what = f"found '{effect.trees}', the tree of samples[{sample.name}] itself"
            yield Problem(f"{path}.trees", what, "give that of the varied events, or leave it out")
