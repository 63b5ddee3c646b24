"""Profile fits of many pseudo-experiments at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.evaluate import check_shapes, prepare_data_effects
from steelyard.likelihood.kernels.coefficient_values import prepare_coefficients
from steelyard.likelihood.minimise import experiment_loop
from steelyard.likelihood.minimise.basins import search_grid
from steelyard.likelihood.minimise.valleys import find_valleys, valley_signs
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture

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
    """

    t: np.ndarray
    hat: np.ndarray
    events: np.ndarray
    status: np.ndarray
    alpha: np.ndarray = None  # type: ignore[assignment]  # (T, 0), set below
    conditional: np.ndarray = None  # type: ignore[assignment]  # (T, 0), set below
    edm: np.ndarray = None  # type: ignore[assignment]  # unknown, set below
    evaluations: np.ndarray = None  # type: ignore[assignment]  # unknown, set below

    def __post_init__(self) -> None:
        toys = len(self.t)
        for name, default in (("alpha", np.zeros((toys, 0))), ("conditional", np.zeros((toys, 0)))):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        for name in ("edm", "evaluations"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(toys, np.nan))


def fit_toys(
    mixture: Mixture,
    rates: np.ndarray,
    offsets: np.ndarray,
    mu: float,
    systematics: Systematics | None = None,
    log_g: np.ndarray | None = None,
    global_observables: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    threads: int = 1,
    counts: np.ndarray | None = None,
) -> ToyFits:
    r"""Fit pseudo-experiments: :math:`t(\mu) = -2\ln L(\mu,\hat{\hat\alpha}(\mu)) + 2\ln L(\hat\mu,\hat\alpha)`.

    First the nuisance parameters are fitted at the tested value, from the global observables. From there the profile
    likelihood is followed along the coordinate (:mod:`steelyard.likelihood.minimise.continuation`), without nuisance
    parameters a grid of it, which shows its basins; in those that may be the deepest Newton's method with the exact
    Hessian goes down within the bounds, and the deepest minimum wins. The conditional fit competes too, so t is not
    negative. Where effects leave a nuisance parameter two valleys (:mod:`steelyard.likelihood.minimise.valleys`), it
    happens in each. The result of an experiment depends on its events alone.

    Args:
        mixture: the model.
        rates: (M, C) nu_c r_c(x) of all events of all experiments, one experiment behind the other.
        offsets: (T+1,) where each experiment begins; empty experiments are allowed.
        mu: tested value of the parameter.
        systematics: K nuisance parameters with S shape terms.
        log_g: (M, S, 2) ln g at ±1; may be left out where there is no term.
        global_observables: (T, K), or (K,) for all; nominal ones by default.
        rows: (M,): where given, ``rates`` and ``log_g`` are those of a reference sample, and event number i is its
            row ``rows[i]``. Saves the copy.
        threads: how many fit; the result does not depend on their number.
        counts: (M,): where given, the events are bins, each with this number of counts, and the likelihood is that of
            Poisson counts (:class:`~steelyard.likelihood.likelihood.Likelihood`).

    Raises:
        ModelError: shapes that do not fit together.
    """
    systematics = Systematics.none(len(mixture.processes)) if systematics is None else systematics
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    toys, nuisances = len(offsets) - 1, len(systematics)
    observed = systematics.nominal if global_observables is None else np.asarray(global_observables, dtype=float)
    if observed.shape not in ((nuisances,), (toys, nuisances)):
        raise ModelError(
            f"global observables of shape {observed.shape} for {toys} experiments with {nuisances} nuisance parameters"
        )
    observed = np.broadcast_to(observed, (toys, nuisances)).copy()  # one that can be written to: one compiled type
    binned = counts is not None
    counts = np.ascontiguousarray(counts, dtype=float) if binned else np.zeros(0)
    if binned and (len(counts) != offsets[-1] or not np.all(counts >= 0.0)):
        raise ModelError(f"{len(counts)} counts for {offsets[-1]} bins; each needs one, and none may be negative")
    effects, curves = prepare_data_effects(mixture, systematics, binned), prepare_coefficients(mixture)
    rates = np.ascontiguousarray(rates, dtype=float)
    log_g = check_shapes(systematics, rates, log_g)
    rows = np.zeros(0, dtype=np.int64) if rows is None else np.ascontiguousarray(rows, dtype=np.int64)
    grid = search_grid(mixture, nuisances)
    fractions = mixture.fractions(grid)
    tested = float(mixture.to_coordinate(mu))
    multiplicity = np.bincount(rows, minlength=len(rates)).astype(float) if len(rows) else None
    valleys = find_valleys(mixture, systematics, rates, log_g, multiplicity)
    sides = valley_signs(valleys.entered, nuisances)
    outcome = experiment_loop.Outcome(
        *(np.full(toys, np.nan) for _ in range(3)),
        *(np.zeros(toys, dtype=np.int64) for _ in range(2)),
        *(np.full((toys, nuisances), np.nan) for _ in range(2)),
    )

    largest, step = int(np.diff(offsets).max(initial=0)), CHUNK if threads > 1 else max(toys, 1)
    starts = iter(range(0, toys, step))

    def fit(_: int) -> None:
        fits = experiment_loop.allocate_fits(effects, grid, fractions, largest)
        for first in starts:  # of one iterator: a thread takes what no other has taken
            chosen = slice(first, min(first + step, toys))
            experiment_loop.fit_experiments(
                effects,
                curves,
                rates,
                log_g,
                counts,
                rows,
                offsets[first : chosen.stop + 1],
                binned,
                observed[chosen],
                tested,
                sides,
                valleys.crossed,
                valleys.weak,
                fits,
                experiment_loop.Outcome(*(array[chosen] for array in outcome)),
            )

    if threads == 1:
        fit(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fit, range(threads)))
    return ToyFits(
        t=outcome.t,
        hat=np.clip(mixture.to_parameter(outcome.kappa), *mixture.bounds),  # sqrt and square need not give the end back
        events=np.diff(np.concatenate([[0.0], np.cumsum(counts)])[offsets]) if binned else np.diff(offsets),
        status=outcome.status,
        alpha=outcome.alpha,
        conditional=outcome.conditional,
        edm=outcome.edm,
        evaluations=outcome.evaluations,
    )
