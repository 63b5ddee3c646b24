"""Consequences of the configured joint variations: events to ingest, and what each process is compared with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steelyard.configuration.systematics import nominal_weights, varied_sources
from steelyard.data.variations import VariedSource

if TYPE_CHECKING:
    from steelyard.configuration.joint_variations import JointEffect, JointVariation
    from steelyard.configuration.schema import Configuration


@dataclass(frozen=True)
class JointPoint:
    """What the diagnosis of a joint point has to know.

    Attributes:
        name: of the point.
        alpha: nuisance parameter: +1 or -1.
        processes: process: those of the nuisance parameters that vary it, two or more, in the configured order.
        sources: (sample, systematic, direction) of the samples varied by one of them alone.
    """

    name: str
    alpha: dict[str, float]
    processes: dict[str, tuple[str, ...]]
    sources: tuple[tuple[str, str, str], ...]


def joint_points(configuration: "Configuration") -> tuple[JointPoint, ...]:
    """The joint points, as configured."""
    alone = [(source.sample, source.systematic, source.direction) for source in varied_sources(configuration)]
    result = []
    for point in configuration.joint_variations:
        varied = {process: varied_by(configuration, point, process) for process in _processes(configuration, point)}
        used = {name for names in varied.values() for name in names}
        sides = [(name, "up" if value > 0 else "down") for name, value in point.alpha.items() if name in used]
        result.append(
            JointPoint(point.name, dict(point.alpha), varied, tuple(item for item in alone if item[1:] in sides))
        )
    return tuple(result)


def varied_by(configuration: "Configuration", point: "JointVariation", process: str) -> tuple[str, ...]:
    """The nuisance parameters of a point that have a variation of a process (a norm alone is none)."""
    return tuple(
        systematic.name
        for systematic in configuration.systematics
        if systematic.name in point.alpha
        and any(effect.kind and process in effect.processes for effect in systematic.effects)
    )


def joint_sources(configuration: "Configuration") -> tuple[VariedSource, ...]:
    """What has to be ingested for the joint points: one source per sample and point; ``direction`` is ``joint``."""
    found: dict[tuple[str, str], VariedSource] = {}
    for point in configuration.joint_variations:
        for effect in point.effects:
            for source in effect_samples(configuration, point, effect):
                key = (point.name, source.sample)
                found[key] = _merged(found[key], source) if key in found else source
    return tuple(found.values())


def effect_samples(
    configuration: "Configuration", point: "JointVariation", effect: "JointEffect"
) -> Iterator[VariedSource]:
    """What one effect of a joint point says of every sample; several may be of other processes of the same sample."""
    for sample in configuration.samples:
        carried = nominal_weights(sample, effect.processes, effect.factors, effect.weights)
        if not carried or (effect.files and sample.name not in effect.files):
            continue
        yield VariedSource(
            sample=sample.name,
            systematic=point.name,
            direction="joint",
            kind=effect.kind,
            tree=effect.trees or sample.tree,
            files=tuple(effect.files[sample.name]) if effect.files else None,
            weights=carried,
        )


def _processes(configuration: "Configuration", point: "JointVariation") -> list[str]:
    named = {process for effect in point.effects for process in effect.processes}
    return [process.name for process in configuration.processes if process.name in named]


def _merged(first: VariedSource, second: VariedSource) -> VariedSource:
    return VariedSource(**{**vars(first), "weights": {**first.weights, **second.weights}})
