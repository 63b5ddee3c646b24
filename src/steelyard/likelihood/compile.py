"""The model as the compiled code takes it: arrays in which the processes of all regions lie one behind the other."""

from typing import Any, NamedTuple

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.kernels.normalisers import prepare_joint
from steelyard.likelihood.kernels.quintic import quintic
from steelyard.model.coefficient_forms import CoefficientForm
from steelyard.model.constraints import code_of
from steelyard.model.interpolation import LINEAR, NAMES
from steelyard.model.model import Model
from steelyard.model.region import Region


class CompiledModel(NamedTuple):
    """A :class:`~steelyard.model.model.Model`.

    H regions, R processes of all of them, M parameters of the coefficients, K nuisance parameters, P = M + K; T shape
    terms of all regions; W terms of a process at most.

    Attributes:
        form: the R coefficients.
        bounds: (P, 2) of the coordinates.
        rows, terms: (H + 1,) where the processes and the shape terms of each region begin.
        binned: (H,) whether its events are bins.
        largest: (4,) the most processes, shape terms, nuisance parameters with shape terms, and nuisance parameters of
            a region.
        yields: (R,) nu_c; 0 in a binned region, whose bins add what they expect.
        kinds, constraints, scales: (K,) interpolation codes, constraints and their numbers.
        measured, nominal: (K,) whether there is a global observable, and values of the simulation.
        middle: (M,) coordinates of the nominal values of the others.
        acting, first_acting: nuisance parameters of each region, those of region h from ``first_acting[h]`` on. What
            follows counts them by their place in it, k of at most K_h, so that a region costs what acts in it.
        log_yields, yield_factors: (R, K_h, 2) logarithms of the yield factors at ±1, and these.
        touched: (R, K_h) whether the yield of the process depends on the nuisance parameter.
        nuisance, own: (T,) nuisance parameter of each term, among all and among those of the region.
        first: (R + 1,) where the terms of each process begin.
        shapes, first_shape: those of a region with shape terms, of region h from ``first_shape[h]`` on; ``shape`` (T,)
            place of the term's among these.
        width: W.
        knots: (H, 2) lowest knot of the normalisers and their distance.
        table: (T, Q, 3) log normaliser and derivatives at the knots.
        pairs: (R, 2W, 2W) symmetric, of the sides of a process's m terms, the up sides first: ln N_c has half of
            h^T pairs_c h, in the first 2m rows and columns.
        ranks: (R,) directions of the third order.
        directions: (R, 2W, D) of the same sides.
        cumulants: (R, D (D + 1) / 2, D) float32, kappa_ijl for i <= j in the order of rows.
        around: (R, W) the anchor, in the nuisance parameters of the process's terms.
        offset, linear, quadratic: (R,), (R, W) and (R, W, W), its correction; ``anchored`` (R,) where there is one.
        surfaces: (S, 2) pairs with a table, by the numbers of their terms within the process; those of process c from
            ``surface_first[c]`` on, (R + 1,).
        surface_grid: (H, 3) lowest knot of the tables, one over the distance of the knots, and the last cell.
        surface_cells: (S, Q - 1, Q - 1, 4, 4) factors of the powers of the places in a cell.
    """

    form: CoefficientForm
    bounds: np.ndarray
    rows: np.ndarray
    terms: np.ndarray
    binned: np.ndarray
    largest: np.ndarray
    yields: np.ndarray
    kinds: np.ndarray
    constraints: np.ndarray
    scales: np.ndarray
    measured: np.ndarray
    nominal: np.ndarray
    middle: np.ndarray
    acting: np.ndarray
    first_acting: np.ndarray
    log_yields: np.ndarray
    yield_factors: np.ndarray
    touched: np.ndarray
    nuisance: np.ndarray
    own: np.ndarray
    first: np.ndarray
    shape: np.ndarray
    shapes: np.ndarray
    first_shape: np.ndarray
    width: int
    knots: np.ndarray
    table: np.ndarray
    pairs: np.ndarray
    ranks: np.ndarray
    directions: np.ndarray
    cumulants: np.ndarray
    around: np.ndarray
    offset: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray
    anchored: np.ndarray
    surfaces: np.ndarray
    surface_first: np.ndarray
    surface_grid: np.ndarray
    surface_cells: np.ndarray


def compile_model(model: Model) -> CompiledModel:
    """The arrays of a model.

    Raises:
        ModelError: shapes that do not fit, terms out of order, or a norm factor with a shape effect.
    """
    nuisances = [nuisance.name for nuisance in model.nuisances]
    places = {name: place for place, name in enumerate(nuisances)}
    parts = [_compile_region(region, places) for region in model.regions]
    for part in parts:
        part["table"] = _continued(part["table"], part["knots"][0], max(other["table"].shape[1] for other in parts))
    joined: dict[str, Any] = {name: _join([part[name] for part in parts]) for name in _JOINED}
    for name, start in (("surface_first", "surfaces"), ("first", "nuisance")):
        joined[name] = _offsets([part[name] for part in parts], [len(part[start]) for part in parts])
    box = [parameter.to_coordinate(parameter.bounds) for parameter in model.theta]
    own = model.parameters.parameters[len(model.theta) :]
    return CompiledModel(
        form=model.coefficients.form if len(parts) == 1 else model.coefficients.form.rows(model.rows),
        bounds=np.array([*box, *(parameter.bounds for parameter in own)], dtype=float),
        rows=_ends([len(part["yields"]) for part in parts]),
        terms=_ends([len(part["nuisance"]) for part in parts]),
        binned=np.array([region.binned for region in model.regions]),
        largest=np.array([max(len(part[n]) for part in parts) for n in ("yields", "nuisance", "shapes", "acting")]),
        kinds=np.array([NAMES.index(nuisance.interpolation) for nuisance in model.nuisances], dtype=np.int64),
        constraints=np.array([code_of(parameter.constraint) for parameter in own], dtype=np.int64),
        scales=np.array([parameter.constraint.scale for parameter in own], dtype=float),
        measured=np.array([parameter.constraint.measured for parameter in own], dtype=bool),
        nominal=np.array([parameter.nominal for parameter in own], dtype=float),
        middle=np.array([parameter.to_coordinate(parameter.nominal) for parameter in model.theta], dtype=float),
        first_acting=_ends([len(part["acting"]) for part in parts]),
        first_shape=_ends([len(part["shapes"]) for part in parts]),
        width=max(part["width"] for part in parts),
        **joined,
    )


# What lies one region behind the other; where regions differ in other axes, the smaller ones are filled up with zeros.
_JOINED = (
    "yields", "acting", "log_yields", "yield_factors", "touched", "nuisance", "own", "shape", "shapes", "knots",
    "table", "ranks", "directions", "cumulants", "around", "offset", "linear", "quadratic", "anchored", "surfaces",
    "surface_grid", "surface_cells", "pairs",
)  # fmt: skip


def _compile_region(region: Region, places: dict[str, int]) -> dict[str, Any]:
    systematics, processes = region.systematics, len(region.mixture.processes)
    own = np.array([places[name] for name in systematics.names], dtype=np.int64)
    log_yields = np.ascontiguousarray(systematics.log_yields, dtype=float)
    factors = np.asarray(systematics.factors, dtype=bool)
    if log_yields.shape != (processes, len(own), 2) or factors.shape != (processes, len(own)):
        raise ModelError(
            f"the yield factors have shapes {log_yields.shape} and {factors.shape}, and there are {processes} "
            f"processes and {len(own)} nuisance parameters"
        )
    linear = np.array([NAMES.index(nuisance.interpolation) == LINEAR for nuisance in systematics.nuisances], dtype=bool)
    terms = np.asarray(systematics.terms, dtype=np.int64).reshape(-1, 2)
    if linear[terms[:, 1]].any():
        raise ModelError("a norm factor has a shape effect")
    used = np.unique(terms[:, 1])
    table = np.ascontiguousarray(systematics.normaliser.table, dtype=float)
    if len(table) != len(terms):
        table = np.zeros((len(terms), 2, 3))  # no normaliser: N_c = 1
    knots = np.asarray(systematics.normaliser.knots, dtype=float)
    return {
        "yields": np.zeros(processes) if region.binned else np.ascontiguousarray(region.mixture.yields, dtype=float),
        "acting": own,
        "log_yields": log_yields,
        "yield_factors": np.exp(log_yields),
        "touched": np.where(linear, factors, (log_yields != 0.0).any(axis=2)),
        "nuisance": own[terms[:, 1]],
        "own": np.ascontiguousarray(terms[:, 1]),
        "first": np.searchsorted(terms[:, 0], np.arange(processes + 1)),
        "shape": np.searchsorted(used, terms[:, 1]),
        "shapes": used,
        "width": int(np.bincount(terms[:, 0], minlength=1).max()),
        "knots": np.array([[knots[0], knots[1] - knots[0]]]),
        "table": table,
        **prepare_joint(systematics, terms, processes),
    }


def _continued(table: np.ndarray, knots: np.ndarray, number: int) -> np.ndarray:
    """A table (T, Q, 3) with so many knots, the further ones on the polynomial of its last interval.

    Regions lie in one array, with the knots of the one that has most. So a parameter that is held out of its range
    still has the value that a region alone would have.
    """
    by_knot = np.moveaxis(table, 0, 2)
    further = [quintic(by_knot, *knots, knots[0] + knots[1] * q) for q in range(table.shape[1], number)]
    if not further:
        return table
    return np.ascontiguousarray(np.concatenate([table, np.moveaxis(np.array(further), 2, 0)], axis=1))


def _join(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    shape = np.max([part.shape[1:] for part in parts], axis=0).astype(int)
    wide = [np.zeros((len(part), *shape), dtype=part.dtype) for part in parts]
    for part, room in zip(parts, wide, strict=True):
        room[tuple(slice(size) for size in part.shape)] = part
    return np.ascontiguousarray(np.concatenate(wide))


def _ends(sizes: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _offsets(parts: list[np.ndarray], sizes: list[int]) -> np.ndarray:
    """Ranges of each region, one behind the other, by their beginnings."""
    starts = _ends(sizes)
    ranges = [part[:-1] + start for part, start in zip(parts, starts, strict=False)]
    return np.concatenate([*ranges, starts[-1:]]).astype(np.int64)
