"""The likelihood of one data set, evaluated by several threads with a result that does not depend on their number."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.kernels.blocks import Events, allocate_events, allocate_packing, blocks_of, pack_events
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import allocate_buffers, set_point
from steelyard.likelihood.kernels.line import add_slice, count_negative
from steelyard.likelihood.kernels.moments import Moments, add_moments, allocate_moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.process_factors import (
    Effects,
    Factors,
    allocate_factors,
    fill_factors,
    prepare_effects,
)
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture

# Blocks of events that are summed by one thread before they are added to the others', always in the same order.
GROUP = 32


@dataclass(frozen=True)
class Expansion:
    """-2 ln L at one point, with derivatives in (kappa, alpha_1 .. alpha_K) as far as they were asked for.

    Attributes:
        value: ``inf`` where an event has no positive density; the derivatives are then undefined.
        gradient: (1 + K,).
        hessian: (1 + K, 1 + K).
    """

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


def check_shapes(systematics: Systematics, rates: np.ndarray, log_g: np.ndarray | None) -> np.ndarray:
    """The shape effects (n, T, 2) as float32, empty ones if there are none.

    Raises:
        ModelError: their number is not that of the events and terms.
    """
    terms = len(systematics.terms)
    if log_g is None:
        log_g = np.zeros((len(rates) if not terms else 0, terms, 2), dtype=np.float32)
    if log_g.shape != (len(rates), terms, 2):
        raise ModelError(
            f"the shape effects have shape {log_g.shape}, and there are {len(rates)} events and {terms} terms"
        )
    return np.ascontiguousarray(log_g, dtype=np.float32)


def prepare_data_effects(mixture: Mixture, systematics: Systematics, binned: bool) -> Effects:
    """The model of events or of bins; the bins themselves add what they expect, so that processes have nothing to add.

    Raises:
        ModelError: shapes that do not fit, or a normaliser for bins.
    """
    effects = prepare_effects(mixture, systematics)
    if not binned:
        return effects
    if len(systematics.normaliser.table):
        raise ModelError("bins are summed as they are: their systematics cannot have a normaliser")
    return effects._replace(yields=np.zeros_like(effects.yields))


class Evaluator:
    """Events or bins of one data set, packed for the compiled code.

    Args:
        mixture, systematics: the model.
        rates: (n, C) nu_c r_c(x_i), or what n bins expect.
        weights: (n,) or None; the counts of bins.
        log_g: (n, T, 2).
        observed: (K,) global observables.
        threads: how many to use.
        binned: the rows are bins.
    """

    def __init__(
        self,
        mixture: Mixture,
        systematics: Systematics,
        rates: np.ndarray,
        weights: np.ndarray | None,
        log_g: np.ndarray | None,
        observed: np.ndarray,
        threads: int = 1,
        binned: bool = False,
    ) -> None:
        self.effects: Effects = prepare_data_effects(mixture, systematics, binned)
        self.observed = np.ascontiguousarray(observed, dtype=float)
        self.threads = threads
        # Events of weight one whose sum is as noisy.
        self.size = float(len(rates)) if weights is None else float(np.square(weights).sum())
        self._mixture = mixture
        log_g = check_shapes(systematics, rates, log_g)
        events = allocate_events(blocks_of(len(rates)), len(mixture.processes), log_g.shape[1])
        weights = np.zeros(0) if weights is None else np.ascontiguousarray(weights, dtype=float)
        rates = np.ascontiguousarray(rates, dtype=float)
        all_rows, packing = np.zeros(0, dtype=np.int64), allocate_packing(log_g.shape[1])
        used = pack_events(rates, log_g, weights, all_rows, 0, len(rates), binned, packing, events)
        self.events = Events(*(array[:used] for array in events))
        self._groups = [(start, min(start + GROUP, used)) for start in range(0, used, GROUP)]

    def expand(self, kappa: float, alpha: np.ndarray, order: int = HESSIAN) -> Expansion:
        """-2 ln L and its derivatives up to ``order`` (VALUE, GRADIENT or HESSIAN) at one point."""
        effects = self.effects
        alpha = np.ascontiguousarray(alpha, dtype=float)
        fractions = np.concatenate([self._mixture.fractions(kappa, derivative) for derivative in range(3)])
        factors = self._factors(alpha)

        def add(group: tuple[int, int]) -> tuple[bool, Moments]:
            buffers, moments = allocate_buffers(effects), allocate_moments(effects)
            set_point(effects, alpha, buffers)
            return add_moments(
                effects, self.events, *group, fractions[0], factors.rates, order, buffers, moments
            ), moments

        total = allocate_moments(effects)
        size = 1 + len(alpha)
        gradient, hessian = np.full(size, np.nan), np.full((size, size), np.nan)
        for fine, moments in self._map(add):
            if not fine:
                return Expansion(np.inf, gradient, hessian)
            for sums, part in zip(total, moments, strict=True):
                sums += part
        value = 2.0 * (expected_events(fractions[0], factors) - total.logs[0])
        value += constraint(effects, alpha, self.observed)
        if order >= GRADIENT:
            fill_gradient(effects, fractions, factors, alpha, self.observed, total.processes, total.terms, gradient)
        if order >= HESSIAN:
            fill_hessian(effects, fractions, factors, total, hessian)
        return Expansion(float(value), gradient, hessian)

    def slice(self, kappa: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """-2 ln L at coordinates (G,) and one point of the nuisance parameters: (G,)."""
        effects = self.effects
        alpha = np.ascontiguousarray(alpha, dtype=float)
        fractions = self._mixture.fractions(kappa)
        factors = self._factors(alpha)

        def add(group: tuple[int, int]) -> np.ndarray:
            buffers, logs = allocate_buffers(effects), np.zeros(len(fractions))
            set_point(effects, alpha, buffers)
            add_slice(effects, self.events, *group, fractions, factors.rates, buffers, logs)
            return logs

        logs = sum(self._map(add), start=np.zeros(len(fractions)))
        return 2.0 * (fractions @ factors.yields - logs) + constraint(effects, alpha, self.observed)

    def negative_events(self, kappa: float, alpha: np.ndarray) -> int:
        """Number of events with weight, or of bins, whose intensity is not positive at this point."""
        alpha = np.ascontiguousarray(alpha, dtype=float)
        buffers = allocate_buffers(self.effects)
        set_point(self.effects, alpha, buffers)
        fractions = self._mixture.fractions(kappa)[0]
        return int(count_negative(self.effects, self.events, fractions, self._factors(alpha).rates, buffers))

    def _factors(self, alpha: np.ndarray) -> Factors:
        factors = allocate_factors(self.effects)
        fill_factors(self.effects, alpha, factors)
        return factors

    def _map(self, add: Callable) -> Iterator:
        if self.threads == 1 or len(self._groups) < 2:
            return map(add, self._groups)
        with ThreadPoolExecutor(self.threads) as pool:
            return iter(list(pool.map(add, self._groups)))
