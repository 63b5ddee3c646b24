"""Consequences of the configured systematics: ratios to learn, events to ingest, effects of the model.

Plain functions of a resolved configuration. Besides it they need NumPy only, so that the planning of jobs stays quick.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steelyard.configuration.constraint_choice import model_kind, number_of
from steelyard.data.variations import DIRECTIONS, Direction, Kind
from steelyard.expressions import language
from steelyard.model.effects import Nuisance

if TYPE_CHECKING:
    from steelyard.configuration.nuisances import Effect, Systematic
    from steelyard.configuration.schema import Configuration, Sample

from steelyard.data.variations import Variation, VariedSource
from steelyard.regions.declared_effects import DeclaredEffects, ProcessEffect


@dataclass(frozen=True)
class NullVariation:
    """A systematic whose networks' noise is measured, by the variation of one of its processes.

    Attributes:
        systematic: its name.
        kind, direction: of the variations that are trained again with other labels.
        coefficients: by process that it varies in this way, f_c at the nominal parameters; one of them is trained.
        two_sided: there are variations of both directions.
        symmetrised: a side that is missing is mirrored.
        alike: names of the systematics with variations of the same origin, which its noise stands for.
    """

    systematic: str
    kind: Kind
    direction: Direction
    coefficients: dict[str, float]
    two_sided: bool
    symmetrised: bool
    alike: tuple[str, ...]


def nuisances(configuration: "Configuration") -> tuple[Nuisance, ...]:
    """The nuisance parameters: systematics, then norm factors, as configured."""
    systematics = [
        Nuisance(
            name=item.name,
            constraint=model_kind(item.constraint),
            interpolation=item.interpolation,
            bounds=item.bounds,
            scale=number_of(item.constraint),
        )
        for item in configuration.systematics
    ]
    norm_factors = [
        Nuisance(
            item.name, model_kind(item.constraint), "linear", item.nominal, item.bounds, number_of(item.constraint)
        )
        for item in configuration.norm_factors
    ]
    return (*systematics, *norm_factors)


def groups(configuration: "Configuration") -> dict[str, str]:
    """Name: group of every nuisance parameter."""
    return {item.name: item.group for item in (*configuration.systematics, *configuration.norm_factors)}


def declared_effects(configuration: "Configuration") -> DeclaredEffects:
    """The nuisance parameters and effects of a configuration, as the builder of the model needs them."""
    processes = tuple(process.name for process in configuration.processes)
    effects = []
    for systematic in configuration.systematics:
        of_process = {process: effect for effect in systematic.effects for process in effect.processes}
        effects += [
            _process_effect(process, systematic.name, of_process[process], systematic.symmetrise)
            for process in processes
            if process in of_process
        ]
    factors = {item.name: tuple(item.processes) for item in configuration.norm_factors}
    return DeclaredEffects(processes, nuisances(configuration), tuple(effects), factors)


def variations(configuration: "Configuration") -> tuple[Variation, ...]:
    """The ratios of varied to nominal densities to learn, by systematic, then by process, up before down."""
    return declared_effects(configuration).variations


def null_variations(configuration: "Configuration") -> tuple[NullVariation, ...]:
    """The null variations to train: of every systematic that changes shapes, of one, or of none.

    A systematic has variations by events or, without any, by weights. The one that stands for all is the first whose
    events are in files of their own, as they may be other events; without any, the first with other trees of the same
    files, where most events are the nominal ones and the noise of what they share cancels; and at last the first with
    other weights, whose labels have noise only where weights scatter at a given event.
    """
    chosen = configuration.diagnostics.null_variations
    nominal = _nominal_coefficients(configuration)
    found: dict[str, list[ProcessEffect]] = {}
    for effect in declared_effects(configuration).effects if chosen != "none" else ():
        if effect.use_shape and effect.directions:
            found.setdefault(effect.systematic, []).append(effect)
    kinds: dict[str, Kind] = {
        name: "events" if any(effect.kind == "events" for effect in effects) else "weights"
        for name, effects in found.items()
    }
    own_files = {source.systematic for source in varied_sources(configuration) if source.files is not None}
    ranks = {
        name: ("weights", "events").index(kind) + (kind == "events" and name in own_files)
        for name, kind in kinds.items()
    }
    result = []
    for name, effects in found.items():
        mine = [effect for effect in effects if effect.kind == kinds[name]]
        sides = {side for effect in mine for side in effect.directions}
        direction = next(side for side in DIRECTIONS if side in sides)
        result.append(
            NullVariation(
                systematic=name,
                kind=kinds[name],
                direction=direction,
                coefficients={
                    effect.process: nominal[effect.process] for effect in mine if direction in effect.directions
                },
                two_sided=len(sides) == 2,
                symmetrised=mine[0].symmetrise,
                alike=tuple(other for other in found if ranks[other] == ranks[name]) if chosen == "one" else (name,),
            )
        )
    if chosen == "one":
        result = sorted(result, key=lambda null: -ranks[null.systematic])[:1]
    return tuple(result)


def varied_sources(configuration: "Configuration") -> tuple[VariedSource, ...]:
    """What has to be ingested besides the samples: one source per sample, systematic and direction, in this order.

    One systematic varies a sample in one way, which :mod:`steelyard.configuration.effect_checks` sees to.
    """
    found: dict[tuple[str, str, str], VariedSource] = {}
    for systematic in configuration.systematics:
        touched = [item for effect in systematic.effects for item in effect_sources(configuration, systematic, effect)]
        for sample in configuration.samples:
            for direction in DIRECTIONS:
                mine = [item for item in touched if (item.sample, item.direction) == (sample.name, direction)]
                if not mine:
                    continue
                weights = {process: text for item in mine for process, text in item.weights.items()}
                found[sample.name, systematic.name, direction] = replace(
                    mine[0], weights={process: weights[process] for process in sample.weights if process in weights}
                )
    return tuple(found.values())


def effect_sources(
    configuration: "Configuration", systematic: "Systematic", effect: "Effect"
) -> Iterator[VariedSource]:
    """What one effect varies, by direction and sample; nothing if it is a norm alone.

    Several effects of a systematic may vary other processes of the same sample: see :func:`varied_sources`.
    """
    if effect.kind is None:
        return
    for direction in DIRECTIONS:
        factor, weights, tree, files = (
            getattr(form, direction) if form else None
            for form in (effect.factors, effect.weights, effect.trees, effect.files)
        )
        if (factor, weights, tree, files) == (None, None, None, None):
            continue
        for sample in configuration.samples:
            carried = nominal_weights(sample, effect.processes, factor, weights)
            if not carried or (effect.files and sample.name not in (files or {})):
                continue
            yield VariedSource(
                sample=sample.name,
                systematic=systematic.name,
                direction=direction,
                kind=effect.kind,
                tree=tree or sample.tree,
                files=tuple(files[sample.name]) if files else None,
                weights=carried,
            )


def nominal_weights(
    sample: "Sample", processes: Sequence[str], factor: str | None, weights: Mapping[str, str] | None
) -> dict[str, str]:
    """Expressions of the event weights of the processes that a sample carries: times a factor, or others in full."""
    carried = {process: sample.weights[process] for process in processes if process in sample.weights}
    if factor is not None:
        return {process: f"({text})*({factor})" for process, text in carried.items()}
    if weights is not None:
        return {process: weights[process] for process in carried if process in weights}
    return carried


def _nominal_coefficients(configuration: "Configuration") -> dict[str, float]:
    """f_c of every process at the nominal parameters."""
    values = {parameter.name: parameter.nominal for parameter in configuration.parameters}
    return {
        process.name: float(language.parse(process.coefficient).evaluate(values)) for process in configuration.processes
    }


def _process_effect(process: str, systematic: str, effect: "Effect", symmetrise: bool) -> ProcessEffect:
    return ProcessEffect(
        process=process,
        systematic=systematic,
        norm=effect.norm,
        kind=effect.kind,
        directions=tuple(_directions(process, effect)),
        use_norm=effect.kind is not None and effect.use != "shape",
        use_shape=effect.kind is not None and effect.use != "norm",
        symmetrise=symmetrise,
    )


def _directions(process: str, effect: "Effect") -> Sequence[Direction]:
    forms = [form for form in (effect.factors, effect.weights, effect.trees, effect.files) if form]
    sides = [direction for direction in DIRECTIONS if any(getattr(form, direction) is not None for form in forms)]
    if effect.weights:
        sides = [direction for direction in sides if process in (getattr(effect.weights, direction) or {})]
    return sides
