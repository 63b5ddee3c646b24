"""Profile fits of many pseudo-experiments at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.compile import compile_model
from steelyard.likelihood.kernels.blocks import Source, source_of
from steelyard.likelihood.minimise import experiment_loop, fit_buffers
from steelyard.likelihood.minimise.basins import further_starts, search_grid
from steelyard.likelihood.minimise.valleys import find_valleys, valley_signs
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.parameters import Parameter
from steelyard.model.region import BinnedRegion, Region, UnbinnedRegion

# Pseudo-experiments that one thread fits before it takes the next ones.
CHUNK = 16


class Status(IntEnum):
    """How the fit of one pseudo-experiment ended. Only the first two have a usable t."""

    CONVERGED = experiment_loop.FINE
    AT_BOUND = experiment_loop.AT_BOUND  # the parameter of interest is on a bound
    NO_VALID_START = experiment_loop.NO_VALID_START  # no parameter value gives every event a positive density
    NEGATIVE_AT_TEST = experiment_loop.NEGATIVE_AT_TEST  # the tested hypothesis gives some event a negative density
    NOT_CONVERGED = experiment_loop.NOT_CONVERGED  # the global fit did not find its minimum
    TEST_NOT_CONVERGED = experiment_loop.TEST_NOT_CONVERGED  # the conditional fit at the tested value did not


@dataclass(frozen=True, eq=False)
class ToyFits:
    """Results of T pseudo-experiments with K nuisance parameters.

    Attributes:
        t: (T,) test statistic t(mu) of the tested value, ``nan`` where the fit failed.
        hat: (T,) best-fit parameter value, ``nan`` where there is none.
        events: (T,) number of events, or of counts.
        status: (T,) a :class:`Status` each.
        alpha: (T, K) nuisance parameters at the best fit.
        conditional: (T, K) nuisance parameters of the conditional fit at the tested value.
        edm: (T,) estimated vertical distance to the minimum in -2 ln L, the larger one of both fits.
        evaluations: (T,) how often the likelihood was evaluated, of any order of derivatives.
        theta, conditional_theta: (T, M - 1) further parameters of the coefficients at the best fit, and of the
            conditional fit; absent where there are none.
    """

    t: np.ndarray
    hat: np.ndarray
    events: np.ndarray
    status: np.ndarray
    alpha: np.ndarray = None  # type: ignore[assignment]  # (T, 0), set below
    conditional: np.ndarray = None  # type: ignore[assignment]  # (T, 0), set below
    edm: np.ndarray = None  # type: ignore[assignment]  # unknown, set below
    evaluations: np.ndarray = None  # type: ignore[assignment]  # unknown, set below
    theta: np.ndarray | None = None
    conditional_theta: np.ndarray | None = None

    def __post_init__(self) -> None:
        toys = len(self.t)
        for name, default in (("alpha", np.zeros((toys, 0))), ("conditional", np.zeros((toys, 0)))):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        for name in ("edm", "evaluations"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(toys, np.nan))


@dataclass(frozen=True, eq=False)
class RegionToys:
    """What T pseudo-experiments see of one region.

    Attributes:
        events: of all experiments, one behind the other; or, with ``rows``, those to choose from. Of a binned region
            its templates, and ``weights`` (T B,), the counts of all experiments.
        offsets: (T + 1,) where each experiment begins; empty experiments are allowed.
        rows: (m,): event number i is row ``rows[i]`` of the events. Saves the copy.
        auxiliary: (T, B) measurements of the factors of bins whose templates have errors; ones by default.
    """

    events: RegionEvents
    offsets: np.ndarray
    rows: np.ndarray | None = None
    auxiliary: np.ndarray | None = None


def fit_toys(
    mixture: Mixture,
    intensities: np.ndarray,
    offsets: np.ndarray,
    mu: float,
    systematics: Systematics | None = None,
    log_g: np.ndarray | None = None,
    global_observables: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    threads: int = 1,
    counts: np.ndarray | None = None,
) -> ToyFits:
    """Fit pseudo-experiments in one region (:func:`fit_experiments`).

    Args:
        mixture: the model.
        intensities: (m, C) nu_c r_c(x) of all events of all experiments, one experiment behind the other.
        offsets: (T+1,) where each experiment begins; empty experiments are allowed.
        mu: tested value of the parameter.
        systematics: K nuisance parameters with S shape terms.
        log_g: (m, S, 2) ln g at ±1; may be left out where there is no term.
        global_observables: (T, K), or (K,) for all; nominal ones by default.
        rows: (m,): where given, ``intensities`` and ``log_g`` are those of a reference sample, and event number i is
            its row ``rows[i]``. Saves the copy.
        threads: how many fit; the result does not depend on their number.
        counts: (m,): where given, the events are bins, each with this number of counts, and the likelihood is that of
            Poisson counts (:class:`~steelyard.likelihood.likelihood.Likelihood`).

    Raises:
        ModelError: shapes that do not fit together.
    """
    systematics = Systematics.none(len(mixture.processes)) if systematics is None else systematics
    intensities = np.asarray(intensities)
    region: Region = UnbinnedRegion("region", mixture, systematics)
    if counts is not None:
        region = BinnedRegion("region", mixture, systematics, intensities, log_g)
    toys = RegionToys(RegionEvents(intensities, counts, log_g), offsets, rows)
    return fit_experiments(Model((region,)), (toys,), mu, global_observables, threads)


def fit_experiments(
    model: Model,
    toys: Sequence[RegionToys],
    tested: float,
    global_observables: np.ndarray | None = None,
    threads: int = 1,
    parameter: str | None = None,
) -> ToyFits:
    r"""Fit pseudo-experiments: :math:`t(\mu) = -2\ln L(\mu,\hat{\hat\alpha}(\mu)) + 2\ln L(\hat\mu,\hat\alpha)`.

    First the other parameters are fitted at the tested value, the nuisance parameters from the global observables. From
    there the profile likelihood is followed along the coordinate
    (:mod:`steelyard.likelihood.minimise.continuation`), where there are no others a grid of it, which shows its basins;
    in those that may be the deepest Newton's method with the exact Hessian goes down within the bounds, and the deepest
    minimum wins. The conditional fit competes too, so t is not negative. Where effects leave a nuisance parameter two
    valleys (:mod:`steelyard.likelihood.minimise.valleys`), or a coefficient bends in another parameter, it happens in
    each. The result of an experiment depends on its events alone.

    Args:
        model: parameters and regions.
        toys: of each region.
        tested: value of the parameter.
        global_observables: (T, K), or (K,) for all; nominal ones by default.
        threads: how many fit; the result does not depend on their number.
        parameter: of the coefficients, that is tested; the first one by default.

    Raises:
        ModelError: shapes that do not fit together.
    """
    model = model if parameter is None else model.profiling(parameter)
    compiled, thetas = compile_model(model), len(model.theta)
    offsets = np.array([region.offsets for region in toys], dtype=np.int64)
    number, nuisances = offsets.shape[1] - 1, len(model.nuisances)
    nominal = model.parameters.nominal[thetas:]
    observed = nominal if global_observables is None else np.asarray(global_observables, dtype=float)
    if observed.shape not in ((nuisances,), (number, nuisances)):
        raise ModelError(
            f"global observables of shape {observed.shape} for {number} experiments with {nuisances} nuisance "
            "parameters"
        )
    observed = np.broadcast_to(observed, (number, nuisances)).copy()  # one that can be written to: one compiled type
    source, auxiliary, errors = _source(model, toys, offsets, number)
    grid = search_grid(compiled.bounds)
    coefficients = _along(model, grid)
    profiled = model.theta[0]
    valleys = find_valleys(model, [_seen(region) for region in toys])
    signs, places = valley_signs(valleys.entered, nuisances), _beginnings(further_starts(compiled))
    sides = np.ascontiguousarray(np.tile(signs, (len(places), 1)))
    starts = np.ascontiguousarray(np.repeat(places, len(signs), axis=0))
    outcome = fit_buffers.Outcome(
        *(np.full(number, np.nan) for _ in range(3)),
        *(np.zeros(number, dtype=np.int64) for _ in range(2)),
        *(np.full((number, len(model.parameters) - 1), np.nan) for _ in range(2)),
    )
    largest = np.diff(offsets, axis=1).max(axis=1, initial=0)
    step = CHUNK if threads > 1 else max(number, 1)
    firsts = iter(range(0, number, step))

    def fit(_: int) -> None:
        buffers = fit_buffers.allocate_fits(compiled, grid, coefficients.copy(), largest, errors)
        for first in firsts:  # of one iterator: a thread takes what no other has taken
            chosen = slice(first, min(first + step, number))
            experiment_loop.fit_experiments(
                compiled,
                source,
                np.ascontiguousarray(offsets[:, first : chosen.stop + 1]),
                observed[chosen],
                auxiliary[chosen],
                float(profiled.to_coordinate(tested)),
                sides,
                starts,
                valleys.crossed,
                valleys.weak,
                buffers,
                fit_buffers.Outcome(*(array[chosen] for array in outcome)),
            )

    if threads == 1:
        fit(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fit, range(threads)))
    others = model.theta[1:]
    theta = [_parameters(others, rest) for rest in (outcome.rest, outcome.conditional)] if others else [None, None]
    return ToyFits(
        t=outcome.t,
        # sqrt and square need not give the end back
        hat=np.clip(profiled.from_coordinate(outcome.kappa), *profiled.bounds),
        events=_events(model, toys, offsets),
        status=outcome.status,
        alpha=outcome.rest[:, thetas - 1 :],
        conditional=outcome.conditional[:, thetas - 1 :],
        edm=outcome.edm,
        evaluations=outcome.evaluations,
        theta=theta[0],
        conditional_theta=theta[1],
    )


def _source(
    model: Model, toys: Sequence[RegionToys], offsets: np.ndarray, number: int
) -> tuple[Source, np.ndarray, list[bool]]:
    """The events of all regions, measurements of the bins' factors (T, E), and which regions have template errors."""
    shapes: list[np.ndarray] = []
    rows: list[np.ndarray | None] = []
    counts: list[np.ndarray | None] = []
    errors: list[np.ndarray | None] = []
    measured: list[np.ndarray] = []
    for region, own, ends in zip(model.regions, toys, offsets, strict=True):
        shapes.append(_shapes(region, own))
        counts.append(None)
        rows.append(own.rows)
        error = region.errors if isinstance(region, BinnedRegion) else None
        if isinstance(region, BinnedRegion):
            given, bins = np.asarray(own.events.weights, dtype=float), len(region.templates)
            if given.shape != (ends[-1],) or not np.all(given >= 0.0):
                raise ModelError(f"{given.size} counts for {ends[-1]} bins; each needs one, and none may be negative")
            counts[-1] = given
            if len(own.events.intensities) != ends[-1] and own.rows is None:  # one template for all experiments
                rows[-1] = np.tile(np.arange(bins), number)
        errors.append(error)
        if error is not None:
            measured.append(_measured(region, own, ends, number))
    auxiliary = np.concatenate([np.zeros((number, 0)), *measured], axis=1)
    source = source_of([own.events.intensities for own in toys], shapes, counts, rows, errors)
    return source, auxiliary, [error is not None for error in errors]


def _measured(region: Region, own: RegionToys, ends: np.ndarray, number: int) -> np.ndarray:
    """Measurements (T, B) of the factors of bins whose templates have errors."""
    bins = len(region.templates) if isinstance(region, BinnedRegion) else 0
    if len(own.events.intensities) != bins or not np.array_equal(ends, bins * np.arange(number + 1)):
        raise ModelError(
            f"region {region.name} has template errors: its events are its {bins} bins once, found "
            f"{len(own.events.intensities)}, and an experiment has a count for each of them"
        )
    found = np.ones((number, bins)) if own.auxiliary is None else np.asarray(own.auxiliary, dtype=float)
    if found.shape != (number, bins):
        raise ModelError(
            f"measurements of shape {found.shape} for {number} experiments in the {bins} bins of region {region.name}"
        )
    return found


def _shapes(region: Region, own: RegionToys) -> np.ndarray:
    terms, number = len(region.systematics.terms), len(own.events.intensities)
    log_g = np.zeros((number if not terms else 0, terms, 2)) if own.events.log_g is None else own.events.log_g
    if log_g.shape != (number, terms, 2):
        raise ModelError(f"the shape effects have shape {log_g.shape}, and there are {number} events and {terms} terms")
    return log_g


def _seen(toys: RegionToys) -> RegionEvents:
    """The events as often as the experiments have them."""
    if toys.rows is None or not len(toys.rows):
        return replace(toys.events, weights=None)
    number = np.bincount(toys.rows, minlength=len(toys.events.intensities)).astype(float)
    return replace(toys.events, weights=number)


def _beginnings(places: np.ndarray) -> np.ndarray:
    """Values of the further coordinates (V, M - 1) with a last column: 0 to begin at the tested value, 1 elsewhere.

    A value that is given may belong to a basin that ends before the tested value is reached, or only begins there: from
    it the profile is followed from both.
    """
    at_test = np.column_stack([places, np.zeros(len(places))])
    elsewhere = np.column_stack([places[1:], np.ones(len(places) - 1)])
    return np.concatenate([at_test, elsewhere])


def _along(model: Model, grid: np.ndarray) -> np.ndarray:
    """Coefficients (G, R) along the first coordinate, the others nominal."""
    return np.ascontiguousarray(model.coefficients.at(grid)[:, model.rows])


def _parameters(others: Sequence[Parameter], rest: np.ndarray) -> np.ndarray:
    return np.stack([parameter.from_coordinate(rest[:, p]) for p, parameter in enumerate(others)], axis=1)


def _events(model: Model, toys: Sequence[RegionToys], offsets: np.ndarray) -> np.ndarray:
    """(T,) events of each experiment in all regions, and counts."""
    total = np.zeros(offsets.shape[1] - 1)
    for region, own, ends in zip(model.regions, toys, offsets, strict=True):
        if region.binned:
            total = total + np.diff(np.concatenate([[0.0], np.cumsum(np.asarray(own.events.weights))])[ends])
        else:
            total = total + np.diff(ends)
    return total if any(region.binned for region in model.regions) else total.astype(np.int64)
