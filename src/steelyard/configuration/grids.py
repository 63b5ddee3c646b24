"""Checks of the numbers of a configuration: bounds, grids, toys, thresholds."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from steelyard.configuration.problems import Problem
from steelyard.diagnostics.thresholds import FALLING

if TYPE_CHECKING:
    from steelyard.configuration.schema import Configuration


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of the parameters, grids, toys and thresholds."""
    yield from _parameters(configuration)
    yield from _points(configuration)
    yield from _numbers(configuration)
    yield from _thresholds(configuration)


def ascending(path: str, values: Sequence[float]) -> Iterator[Problem]:
    """A problem if ``values`` do not rise strictly."""
    for low, high in pairwise(values):
        if not low < high:
            yield Problem(path, f"found {high:g} after {low:g}", "list rising values, each once")
            return


def _parameters(configuration: "Configuration") -> Iterator[Problem]:
    for parameter in configuration.parameters:
        path, (low, high) = f"parameters[{parameter.name}]", parameter.bounds
        yield from ascending(f"{path}.bounds", parameter.bounds)
        if low < high and not low <= parameter.nominal <= high:
            advice = "choose a nominal value inside, or wider bounds"
            yield Problem(
                f"{path}.nominal", f"found {parameter.nominal:g}, outside the bounds [{low:g}, {high:g}]", advice
            )
    for observable in configuration.observables:
        if observable.range:
            yield from ascending(f"observables[{observable.name}].range", observable.range)


def _points(configuration: "Configuration") -> Iterator[Problem]:
    parameter, belts = configuration.parameter, configuration.belts
    grids: dict[str, Sequence[float]] = {"belts.points": belts.points}
    if configuration.audit:
        grids["audit.points"] = configuration.audit.points
    yield from ascending("scan", [configuration.scan.start, configuration.scan.stop])
    for path, points in grids.items():
        yield from ascending(path, points)
        # The points are parts of paths, written with six digits.
        texts = [f"{point:g}" for point in sorted(set(points))]
        for text in sorted({text for text in texts if texts.count(text) > 1}):
            yield Problem(path, f"several points are {text} to six digits", "keep one of them")
    grids = {"scan": [configuration.scan.start, configuration.scan.stop]} | grids
    if configuration.diagnostics.oracle_range:
        grids["diagnostics.oracle_range"] = configuration.diagnostics.oracle_range
        yield from ascending("diagnostics.oracle_range", configuration.diagnostics.oracle_range)
    if configuration.observed and configuration.observed.simulate:
        for name, value in configuration.observed.simulate.parameters.items():
            if name == parameter.name:
                grids[f"observed.simulate.parameters.{name}"] = [value]
    (low, high), name = sorted(parameter.bounds), parameter.name
    for path, points in grids.items():
        outside = [point for point in points if not low <= point <= high]
        if outside:
            what = f"found {outside[0]:g}, outside the bounds [{low:g}, {high:g}] of {name}"
            yield Problem(path, what, f"move it inside, or widen parameters[{name}].bounds")
    if configuration.audit:
        first, last = min(belts.points), max(belts.points)
        for point in configuration.audit.points:
            if not first <= point <= last:
                what = f"found {point:g}, outside the points of the belts [{first:g}, {last:g}]"
                yield Problem("audit.points", what, "there is no critical value there: extend belts.points")


def _numbers(configuration: "Configuration") -> Iterator[Problem]:
    belts, split = configuration.belts, configuration.split
    yield from ascending("belts.levels", belts.levels)
    if belts.toys % belts.toys_per_job:
        jobs = max(1, round(belts.toys / belts.toys_per_job))
        what = f"found {belts.toys_per_job}, which does not divide toys ({belts.toys})"
        advice = f"write toys_per_job: {belts.toys}" if jobs == 1 else f"write toys: {jobs * belts.toys_per_job}"
        yield Problem("belts.toys_per_job", what, advice)
    needed = math.ceil(1.0 / (1.0 - max(belts.levels)) - 1e-9)
    if belts.toys < needed:
        what = f"found {belts.toys}: not one is expected beyond the level {max(belts.levels):g}"
        yield Problem("belts.toys", what, f"take at least {needed}, better ten times as many")
    if split.method == "cross_fit" and configuration.ensembles.members < split.folds:
        what = f"found {configuration.ensembles.members}, fewer than the {split.folds} folds"
        advice = "every fold needs a member that leaves it out: take more members or the split held_out"
        yield Problem("ensembles.members", what, advice)


def _thresholds(configuration: "Configuration") -> Iterator[Problem]:
    thresholds = configuration.diagnostics.thresholds
    levels = {f"diagnostics.thresholds.{name}": value for name, value in thresholds if hasattr(value, "warn")}
    levels |= {
        f"diagnostics.oracle_rms[{index}].threshold": item.threshold
        for index, item in enumerate(configuration.diagnostics.oracle_rms)
    }
    for path, level in levels.items():
        rising = path.rpartition(".")[2] not in FALLING
        if (level.warn > level.fail) if rising else (level.warn < level.fail):
            what = f"found warn {level.warn:g} beyond fail {level.fail:g}"
            yield Problem(path, what, "a check warns before it fails: exchange the two")
