"""Checks of nuisance parameters: constraints and bounds, norm factors, and where pseudo-experiments are thrown.

What their effects do to processes and samples is checked in :mod:`steelyard.configuration.effect_checks`, what the
simulators know of them in :mod:`steelyard.configuration.simulated`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from steelyard.configuration import effect_checks, grids
from steelyard.configuration.constraint_choice import LOG_NORMAL, MEASURED, at_rest, kind_of, model_kind
from steelyard.configuration.problems import Problem
from steelyard.configuration.systematics import nuisances, variations

if TYPE_CHECKING:
    from steelyard.configuration.nuisances import Systematic
    from steelyard.configuration.schema import Configuration


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of the systematics, the norm factors, and of what is asked of them elsewhere."""
    yield from _names(configuration)
    for systematic in configuration.systematics:
        path = f"systematics[{systematic.name}]"
        yield from _bounds(path, systematic.bounds, 0.0, "the nominal value")
        yield from _log_normal(path, systematic)
        yield from _symmetrise(path, systematic)
        yield from effect_checks.problems_of(configuration, path, systematic)
    yield from _norm_factors(configuration)
    yield from _members(configuration)
    yield from _toys(configuration)
    yield from _points(configuration)


def _names(configuration: "Configuration") -> Iterator[Problem]:
    """Parameters, systematics and norm factors are all parameters of one fit; each list is checked elsewhere."""
    taken: dict[str, str] = {}
    for key in ("parameters", "systematics", "norm_factors"):
        names = {item.name for item in getattr(configuration, key)}
        for name in sorted(names & taken.keys()):
            what = f"the name '{name}' is that of {taken[name]}[{name}] too"
            yield Problem(f"{key}[{name}].name", what, "they are parameters of one fit: rename one of them")
        taken |= dict.fromkeys(names - taken.keys(), key)


def _bounds(path: str, bounds: tuple[float, float], nominal: float, what: str) -> Iterator[Problem]:
    low, high = bounds
    if not low < high:
        yield from grids.ascending(f"{path}.bounds", bounds)
    elif not low <= nominal <= high:
        found = f"found [{low:g}, {high:g}], which exclude {what} {nominal:g}"
        yield Problem(f"{path}.bounds", found, "widen them")


def _log_normal(path: str, systematic: "Systematic") -> Iterator[Problem]:
    if kind_of(systematic.constraint) != LOG_NORMAL:
        return
    if systematic.interpolation != "exponential":
        what = f"found '{systematic.interpolation}' for a log_normal, whose factor is f^alpha"
        yield Problem(f"{path}.interpolation", what, "remove it, or take the constraint gaussian")
    for index, effect in enumerate(systematic.effects):
        where = f"{path}.effects[{index}]"
        if effect.kind and effect.use != "norm":
            what = f"found '{effect.use}', and a log_normal has no shape"
            yield Problem(f"{where}.use", what, "write use: norm, or take the constraint gaussian")
        elif effect.kind and not systematic.symmetrise:
            what = "a log_normal has one factor f^alpha, and the yields of a variation give two"
            yield Problem(where, what, "write symmetrise: true, or take the constraint gaussian")
        if effect.norm and not systematic.symmetrise and not _reciprocal(effect.norm):
            up, down = effect.norm
            what = f"found [{up:g}, {down:g}], and a log_normal has one factor f^alpha"
            advice = f"write norm: {up:g}, or symmetrise: true, or take the constraint gaussian"
            yield Problem(f"{where}.norm", what, advice)


def _symmetrise(path: str, systematic: "Systematic") -> Iterator[Problem]:
    if not systematic.symmetrise:
        return
    alone = [effect.norm for effect in systematic.effects if not effect.kind]
    if len(alone) == len(systematic.effects) and all(norm is None or _reciprocal(norm) for norm in alone):
        what = "all its effects are norms of one number f, which are f and 1/f already"
        yield Problem(f"{path}.symmetrise", what, "remove it")
    for index, effect in enumerate(systematic.effects):
        for key in ("norm", "factors", "weights", "trees", "files"):
            if (form := getattr(effect, key)) and (form[0] == form[1] if key == "norm" else form.up == form.down):
                what = "up and down are the same, and symmetrise takes their difference: nothing is left"
                yield Problem(f"{path}.effects[{index}].{key}", what, "correct one of them, or remove symmetrise")


def _reciprocal(norm: tuple[float, float]) -> bool:
    return math.isclose(norm[0] * norm[1], 1.0, rel_tol=1e-9)


def _norm_factors(configuration: "Configuration") -> Iterator[Problem]:
    processes = [process.name for process in configuration.processes]
    acting: dict[frozenset[str], str] = {}
    for item in configuration.norm_factors:
        path = f"norm_factors[{item.name}]"
        yield from _bounds(path, item.bounds, item.nominal, "the nominal value")
        if min(item.bounds) < 0:
            what = f"found {min(item.bounds):g}: a factor below 0 makes a negative number of events"
            yield Problem(f"{path}.bounds", what, "start them at 0 or above")
        yield from effect_checks.process_names(path, item.processes, processes)
        if not at_rest(item.constraint, item.nominal):
            what = f"found {kind_of(item.constraint)}, which has no minimum at the nominal value {item.nominal:g}"
            yield Problem(f"{path}.constraint", what, "correct the nominal value, or choose another constraint")
        if model_kind(item.constraint) in MEASURED:
            continue  # which tells it from others
        first = acting.setdefault(frozenset(item.processes), item.name)
        if first != item.name:
            what = f"it acts on the same processes as norm_factors[{first}]"
            yield Problem(f"{path}.processes", what, "no data can tell the two apart: remove one")


def _members(configuration: "Configuration") -> Iterator[Problem]:
    split, members = configuration.split, configuration.variations.members
    if split.method == "cross_fit" and members < split.folds and variations(configuration):
        what = f"found {members}, fewer than the {split.folds} folds"
        advice = "every fold needs a member that leaves it out: take more members or the split held_out"
        yield Problem("variations.members", what, advice)


def _toys(configuration: "Configuration") -> Iterator[Problem]:
    chosen = configuration.belts.nuisances
    found = nuisances(configuration)
    scan, points = configuration.scan, configuration.belts.points
    outside = [mu for mu in points if not min(scan.grid) - 1e-12 <= mu <= max(scan.grid) + 1e-12]
    if chosen == "conditional" and found and outside:
        what = f"found {outside[0]:g}, outside the scan [{min(scan.grid):g}, {max(scan.grid):g}]"
        advice = "pseudo-experiments are thrown at the fit to the data there: extend scan, or choose belts.nuisances"
        yield Problem("belts.points", what, f"{advice}: nominal")
    elif chosen == "constraint" and not found:
        what = f"found '{chosen}', and there is no nuisance parameter"
        yield Problem("belts.nuisances", what, "remove it, or add systematics or norm_factors")
    elif chosen == "constraint" and all(nuisance.constraint == "free" for nuisance in found):
        what = "found 'constraint', and every nuisance parameter is free"
        yield Problem("belts.nuisances", what, "choose nominal or conditional")


def _points(configuration: "Configuration") -> Iterator[Problem]:
    """Values of nuisance parameters at which data are simulated."""
    points: dict[str, Mapping[str, float]] = {}
    if configuration.observed and configuration.observed.simulate:
        points["observed.simulate.nuisances"] = configuration.observed.simulate.nuisances
    audit = configuration.audit.nuisances if configuration.audit else []
    points |= {f"audit.nuisances[{index}]": point for index, point in enumerate(audit)}
    bounds = {systematic.name: systematic.bounds for systematic in configuration.systematics}
    for path, point in points.items():
        for name, value in point.items():
            low, high = sorted(bounds.get(name, (-math.inf, math.inf)))
            if not low <= value <= high:
                what = f"found {value:g}, outside the bounds [{low:g}, {high:g}] of {name}"
                yield Problem(f"{path}.{name}", what, f"move it inside, or widen systematics[{name}].bounds")
    seen: dict[frozenset, int] = {}
    for index, point in enumerate(audit):
        first = seen.setdefault(frozenset((name, value) for name, value in point.items() if value), index)
        if first != index:
            yield Problem(f"audit.nuisances[{index}]", f"the same point as audit.nuisances[{first}]", "remove it")
