"""The likelihood of one data set, evaluated by several threads with a result that does not depend on their number."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import Any

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
from steelyard.likelihood.kernels.moments import Moments
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN
from steelyard.likelihood.objective import (
    FINISH,
    GROUP,
    SUMS,
    WHOLE,
    Data,
    EvaluationBuffers,
    allocate_evaluation,
    evaluate_data,
    evaluate_slice,
    negative_at,
)
from steelyard.likelihood.region_events import RegionEvents, check_events
from steelyard.model.model import Model


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
        sizes = [len(e.intensities) if e.weights is None else float(np.square(e.weights).sum()) for e in events]
        self.size = float(sum(sizes))
        self.events = self._pack(model, events)
        blocks = len(self.events.counts)
        # Without events there is one group still: what does not depend on events.
        ends = range(0, max(blocks, 1), GROUP)
        self._groups = [(np.int64(start), np.int64(min(start + GROUP, blocks))) for start in ends]
        self._local = local()

    def _pack(self, model: Model, events: Sequence[RegionEvents]) -> Events:
        compiled = self.model
        errors = [getattr(region, "errors", None) for region in model.regions]
        room = allocate_events(
            [blocks_of(len(part.intensities)) for part in events],
            np.diff(compiled.rows),
            np.diff(compiled.terms),
            [each is not None for each in errors],
        )
        shapes = [check_events(region, part) for region, part in zip(model.regions, events, strict=True)]
        source = source_of(
            [part.intensities for part in events], shapes, [part.weights for part in events], None, errors
        )
        measured = [
            np.ones(len(error)) if part.auxiliary is None else np.asarray(part.auxiliary, dtype=float)
            for part, error in zip(events, errors, strict=True)
            if error is not None
        ]
        of_bins = np.concatenate([np.zeros(0), *measured])
        packing = allocate_packing(int(compiled.largest[1]))
        used: Any = FIRST
        for number, (region, part) in enumerate(zip(model.regions, events, strict=True)):
            used = pack_events(
                source, of_bins, number, FIRST, len(part.intensities), region.binned, compiled.rows, compiled.terms,
                packing, used, room,
            )  # fmt: skip
        of_blocks = ("weights", "counts", "plain", "bins", "region", "rows", "terms", "errors")
        return room._replace(**{name: getattr(room, name)[:used] for name in of_blocks})

    def expand(self, place: np.ndarray, order: int = HESSIAN) -> Expansion:
        """-2 ln L and its derivatives up to ``order`` (VALUE, GRADIENT or HESSIAN) at one point (P,)."""
        data, place = self._data(), np.ascontiguousarray(place, dtype=float)
        evaluation, asked = self._buffers(), np.int64(order)
        if self._alone:
            blocks = np.int64(len(self.events.counts))
            value = evaluate_data(data, FIRST, blocks, place, asked, evaluation, WHOLE)
        else:

            def add(group: tuple[int, int]) -> tuple[bool, Moments]:
                own = allocate_evaluation(self.model)
                return evaluate_data(data, *group, place, asked, own, SUMS) < np.inf, own.group

            parts, fine = list(self._map(add)), True
            for sums in evaluation.moments:
                sums[...] = 0.0
            for valid, moments in parts:
                fine = fine and valid
                for sums, part in zip(evaluation.moments, moments, strict=True):
                    sums += part
            value = np.inf
            if fine:
                value = evaluate_data(data, FIRST, FIRST, place, asked, evaluation, FINISH)
        size = len(place)
        gradient, hessian = np.full(size, np.nan), np.full((size, size), np.nan)
        if value < np.inf and order >= GRADIENT:
            gradient[:] = evaluation.gradient
        if value < np.inf and order >= HESSIAN:
            hessian[:] = evaluation.hessian
        return Expansion(float(value), gradient, hessian)

    def slice(self, kappa: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """-2 ln L at values (G,) of the first coordinate and one point (P - 1,) of all others: (G,)."""
        data, kappa = self._data(), np.ascontiguousarray(kappa, dtype=float)

        def add(group: tuple[int, int]) -> np.ndarray:
            values, coefficients = np.zeros(len(kappa)), np.zeros((len(kappa), len(self.model.yields)))
            place = np.concatenate([kappa[:1], rest])
            own = self._buffers() if self._alone else allocate_evaluation(self.model)
            evaluate_slice(data, *group, kappa, place, own, coefficients, values)
            return values

        if not len(kappa):
            return np.zeros(0)
        total = np.zeros(len(kappa))
        for values in self._map(add):
            total += values
        return total

    def negative_events(self, place: np.ndarray) -> int:
        """Number of events with weight, or of bins, whose intensity is not positive at this point (P,)."""
        return int(negative_at(self._data(), np.ascontiguousarray(place, dtype=float), self._buffers()))

    def _data(self) -> Data:
        return Data(self.model, self.events, self.observed)

    def _buffers(self) -> EvaluationBuffers:
        """Those of this thread: what is returned to a caller is a copy."""
        known = getattr(self._local, "buffers", None)
        if known is None or known.factors.yields.shape != self.model.yields.shape:
            known = self._local.buffers = allocate_evaluation(self.model)
        return known

    @property
    def _alone(self) -> bool:
        return self.threads == 1 or len(self._groups) < 2

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

    def _map(self, add: Callable) -> Iterator:
        if self._alone:
            return map(add, self._groups)
        with ThreadPoolExecutor(self.threads) as pool:
            return iter(list(pool.map(add, self._groups)))
