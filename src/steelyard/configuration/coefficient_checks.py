"""Checks of the configured coefficients: their parameters, and their values on all grids of the configuration."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from steelyard.configuration.problems import Problem
from steelyard.errors import nearest
from steelyard.expressions import language
from steelyard.model.total_rate import ROUNDING

if TYPE_CHECKING:
    from steelyard.configuration.schema import Configuration


def problems_of(configuration: "Configuration") -> Iterator[Problem]:
    """Problems of the coefficients: unknown parameters, undefined values, a rate that can only be negative."""
    names = [parameter.name for parameter in configuration.parameters]
    used: set[str] = set()
    for process in configuration.processes:
        found = language.parse(process.coefficient).names
        used |= found
        for name in sorted(found - set(names)):
            what = f"unknown parameter '{name}' in '{process.coefficient}'"
            yield Problem(f"processes[{process.name}].coefficient", what, nearest(name, names, "parameters"))
    if not used <= set(names):
        return
    if names[0] not in used:
        what = "no coefficient depends on the parameter of interest"
        yield Problem(f"parameters[{names[0]}]", what, "use it in a coefficient")
    yield from _values(configuration)


def _values(configuration: "Configuration") -> Iterator[Problem]:
    """Coefficients are finite on the grids and over the bounds, and the total is not negative on the grids."""
    parameter, audit = configuration.parameter, configuration.audit
    low, high = parameter.bounds
    grid = np.unique([*configuration.scan.grid, *configuration.belts.points, *(audit.points if audit else [])])
    grid = grid[(grid >= low) & (grid <= high)]  # points outside are a problem of their own
    points = np.concatenate([grid, np.linspace(low, high, 101)])
    rows = []
    for process in configuration.processes:
        values = configuration.nominal | {parameter.name: points}
        row = np.broadcast_to(language.parse(process.coefficient).evaluate(values), points.shape).astype(float)
        if not np.all(np.isfinite(row)):
            what = f"'{process.coefficient}' is not finite at {parameter.name} = {points[~np.isfinite(row)][0]:g}"
            advice = f"change it, or parameters[{parameter.name}].bounds"
            yield Problem(f"processes[{process.name}].coefficient", what, advice)
        rows.append(row)
    table = np.array(rows).T[: len(grid)]
    if not len(grid) or not np.all(np.isfinite(table)):
        return
    yields = [process.yield_ for process in configuration.processes]
    if None not in yields:
        terms = table * np.array(yields, dtype=float)
        total = terms.sum(axis=1)
        bad = total < -ROUNDING * np.abs(terms).sum(axis=1)
        what = "the expected rate, the sum of coefficient * yield, is {:.4g} at {} = {:g}"
    else:  # whatever the yields are, a sum of negative terms is negative
        total = table.max(axis=1)
        bad = (total <= 0.0) & (table.min(axis=1) < 0.0)
        what = "no coefficient is positive, the largest is {:.4g} at {} = {:g}"
    if np.any(bad):
        worst = int(np.argmin(np.where(bad, total, np.inf)))
        advice = "a rate cannot be negative: check the signs of the coefficients, or move the grids away"
        yield Problem("processes", what.format(total[worst], parameter.name, grid[worst]), advice)
