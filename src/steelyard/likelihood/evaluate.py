"""The likelihood of one data set, evaluated by several threads with a result that does not depend on their number."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from steelyard.likelihood.compile import CompiledModel, compile_model
from steelyard.likelihood.kernels.blocks import (
    FIRST,
    Events,
    allocate_events,
    allocate_packing,
    blocks_of,
    pack_events,
    source_of,
)
from steelyard.likelihood.kernels.derivatives import constraint, expected_events, fill_gradient, fill_hessian
from steelyard.likelihood.kernels.intensities import allocate_buffers, set_point
from steelyard.likelihood.kernels.line import add_slice, count_negative
from steelyard.likelihood.kernels.moments import Moments, add_moments, allocate_moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.kernels.process_factors import Factors, allocate_factors, fill_factors
from steelyard.likelihood.region_events import RegionEvents, check_events
from steelyard.model.coefficient_forms import derivatives_of, fill_coefficients_at
from steelyard.model.model import Model

# Blocks of events that are summed by one thread before they are added to the others', always in the same order.
GROUP = 32


@dataclass(frozen=True)
class Expansion:
    """-2 ln L at one point, with derivatives in the coordinates as far as they were asked for.

    Attributes:
        value: ``inf`` where an event has no positive density; the derivatives are then undefined.
        gradient: (P,).
        hessian: (P, P).
    """

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


class Evaluator:
    """Events and bins of one data set, packed for the compiled code.

    Args:
        model: the model.
        events: of each of its regions.
        observed: (K,) global observables.
        threads: how many to use.
    """

    def __init__(self, model: Model, events: Sequence[RegionEvents], observed: np.ndarray, threads: int = 1) -> None:
        self.model: CompiledModel = compile_model(model)
        self.observed = np.ascontiguousarray(observed, dtype=float)
        self.threads = threads
        # Events of weight one whose sum is as noisy.
        sizes = [len(e.rates) if e.weights is None else float(np.square(e.weights).sum()) for e in events]
        self.size = float(sum(sizes))
        self.events = self._pack(model, events)
        blocks = len(self.events.counts)
        self._groups = [(start, min(start + GROUP, blocks)) for start in range(0, blocks, GROUP)]

    def _pack(self, model: Model, events: Sequence[RegionEvents]) -> Events:
        compiled = self.model
        errors = [getattr(region, "errors", None) for region in model.regions]
        room = allocate_events(
            [blocks_of(len(part.rates)) for part in events],
            np.diff(compiled.rows),
            np.diff(compiled.terms),
            [each is not None for each in errors],
        )
        shapes = [check_events(region, part) for region, part in zip(model.regions, events, strict=True)]
        source = source_of([part.rates for part in events], shapes, [part.weights for part in events], None, errors)
        measured = [
            np.ones(len(error)) if part.auxiliary is None else np.asarray(part.auxiliary, dtype=float)
            for part, error in zip(events, errors, strict=True)
            if error is not None
        ]
        of_bins = np.concatenate([np.zeros(0), *measured])
        packing, used = allocate_packing(int(compiled.largest[1])), FIRST
        for number, (region, part) in enumerate(zip(model.regions, events, strict=True)):
            used = pack_events(
                source, of_bins, number, FIRST, len(part.rates), region.binned, compiled.rows, compiled.terms, packing,
                used, room,
            )  # fmt: skip
        of_blocks = ("weights", "counts", "plain", "bins", "region", "rows", "terms", "errors")
        return room._replace(**{name: getattr(room, name)[:used] for name in of_blocks})

    def expand(self, place: np.ndarray, order: int = HESSIAN) -> Expansion:
        """-2 ln L and its derivatives up to ``order`` (VALUE, GRADIENT or HESSIAN) at one point (P,)."""
        model, place = self.model, np.ascontiguousarray(place, dtype=float)
        alpha = place[self.thetas :]
        coefficients = self._coefficients(place)
        factors = self._factors(alpha)

        def add(group: tuple[int, int]) -> tuple[bool, Moments]:
            buffers, moments = allocate_buffers(model), allocate_moments(model)
            set_point(model, alpha, buffers)
            fine = add_moments(model, self.events, *group, coefficients[0], factors.rates, order, buffers, moments)
            return fine, moments

        total = allocate_moments(model)
        size = len(place)
        gradient, hessian = np.full(size, np.nan), np.full((size, size), np.nan)
        for fine, moments in self._map(add):
            if not fine:
                return Expansion(np.inf, gradient, hessian)
            for sums, part in zip(total, moments, strict=True):
                sums += part
        value = 2.0 * (expected_events(coefficients[0], factors) - total.logs[0])
        value += constraint(model, alpha, self.observed)
        if order >= GRADIENT:
            fill_gradient(model, coefficients, factors, alpha, self.observed, total.processes, total.terms, gradient)
        if order >= HESSIAN:
            fill_hessian(model, coefficients, factors, alpha, self.observed, total, hessian)
        return Expansion(float(value), gradient, hessian)

    def slice(self, kappa: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """-2 ln L at values (G,) of the first coordinate and one point (P - 1,) of all others: (G,)."""
        model, rest = self.model, np.ascontiguousarray(rest, dtype=float)
        alpha = rest[self.thetas - 1 :]
        places = np.column_stack([kappa, np.tile(rest, (len(kappa), 1))])
        coefficients = np.array([self._coefficients(place)[0] for place in places]).reshape(
            len(kappa), len(model.yields)
        )
        factors = self._factors(alpha)

        def add(group: tuple[int, int]) -> np.ndarray:
            buffers, logs = allocate_buffers(model), np.zeros(len(coefficients))
            set_point(model, alpha, buffers)
            add_slice(model, self.events, *group, coefficients, factors.rates, buffers, logs)
            return logs

        logs = sum(self._map(add), start=np.zeros(len(coefficients)))
        return 2.0 * (coefficients @ factors.yields - logs) + constraint(model, alpha, self.observed)

    def negative_events(self, place: np.ndarray) -> int:
        """Number of events with weight, or of bins, whose intensity is not positive at this point (P,)."""
        place = np.ascontiguousarray(place, dtype=float)
        alpha = place[self.thetas :]
        buffers = allocate_buffers(self.model)
        set_point(self.model, alpha, buffers)
        coefficients = self._coefficients(place)[0]
        return int(count_negative(self.model, self.events, coefficients, self._factors(alpha).rates, buffers))

    @property
    def thetas(self) -> int:
        """Number M of the coordinates that come before the nuisance parameters."""
        return len(self.model.bounds) - len(self.model.nominal)

    @property
    def units(self) -> np.ndarray:
        """(P,) natural sizes: a tenth of the range of a parameter of the coefficients, 1 of a nuisance parameter."""
        result = np.ones(len(self.model.bounds))
        result[: self.thetas] = 0.1 * np.diff(self.model.bounds[: self.thetas], axis=1)[:, 0]
        return result

    def _coefficients(self, place: np.ndarray) -> np.ndarray:
        numbers = np.zeros((derivatives_of(self.thetas), len(self.model.yields)))
        if self.model.form.polynomial.shape[1]:  # TEMPORARY
            from steelyard.model.coefficients import _horner

            for order in range(3):
                numbers[order] = _horner(self.model.form.polynomial, np.asarray(place[0]), order)
            return numbers
        fill_coefficients_at(self.model.form, place[: self.thetas], numbers)
        return numbers

    def _factors(self, alpha: np.ndarray) -> Factors:
        factors = allocate_factors(self.model)
        fill_factors(self.model, alpha, factors)
        return factors

    def _map(self, add: Callable) -> Iterator:
        if self.threads == 1 or len(self._groups) < 2:
            return map(add, self._groups)
        with ThreadPoolExecutor(self.threads) as pool:
            return iter(list(pool.map(add, self._groups)))
