r"""The normaliser as the joint expectation over all reference events, by the compiled code.

Exact to float32 of what a shape changes, at some ten nanoseconds an event and term: a single fit can afford it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.kernels.expectation import fill_expectations
from steelyard.likelihood.kernels.intensities import allocate_buffers
from steelyard.likelihood.kernels.moments import Moments, allocate_moments
from steelyard.likelihood.kernels.orders import HESSIAN, VALUE
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.anchor import Anchor
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.normaliser import log_normaliser, log_normaliser_derivatives
from steelyard.model.region import UnbinnedRegion


@dataclass(frozen=True, eq=False)
class Integration:
    """Events over which N_c(α) is an expectation.

    Attributes:
        mixture, systematics: the model; an anchor of its normaliser is not used.
        intensities: (n, C) ν_c r_c of the events.
        log_g: (n, T, 2) of their shapes.
        weights: (n,) of the reference density.
    """

    mixture: Mixture
    systematics: Systematics
    intensities: np.ndarray
    log_g: np.ndarray
    weights: np.ndarray

    @cached_property
    def form(self) -> Systematics:
        """The systematics without an anchor."""
        return self.systematics.with_effects(normaliser=replace(self.systematics.normaliser, anchor=None))

    @cached_property
    def joint(self) -> np.ndarray:
        """(C,) bool: processes with two shapes or more. That of a single one is exact in its table."""
        terms = np.bincount(self.systematics.terms[:, 0], minlength=self.intensities.shape[1])
        return (terms > 1) & (self._total > 0.0)

    def log_normaliser(self, alpha: np.ndarray) -> np.ndarray:
        """ln N_c at points (P, K): (P, C); of processes that are not ``joint``, that of the form."""
        alpha = np.asarray(alpha, dtype=float)
        result = log_normaliser(self.form, alpha)
        if self.joint.any():
            for point, place in zip(result, alpha, strict=True):
                sums = self._sums(place, VALUE)
                point[self.joint] = np.log(sums.processes[self.joint] / self._total[self.joint])
        return result

    def derivatives(self, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ln N_c at one point (K,), (C,), with its gradient (C, K) and its Hessian (C, K, K)."""
        alpha = np.asarray(alpha, dtype=float)
        value, gradient, hessian = log_normaliser_derivatives(self.form, alpha)
        if not self.joint.any():
            return value, gradient, hessian
        sums, terms = self._sums(alpha, HESSIAN), self.systematics.terms
        for c in np.flatnonzero(self.joint):
            own = np.flatnonzero(terms[:, 0] == c)
            total, k, number = sums.processes[c], terms[own, 1], len(own)
            slope = sums.terms[own] / total
            second = np.triu(sums.term_pairs[own, :number], 1) / total
            second += second.T + np.diag(sums.term_seconds[own] / total)
            value[c] = np.log(total / self._total[c])
            gradient[c, k] = slope
            hessian[c][np.ix_(k, k)] = second - np.outer(slope, slope)
        return value, gradient, hessian

    def anchored(self, alpha: np.ndarray) -> Systematics:
        """The systematics with the form corrected to the joint expectation about one point (K,)."""
        alpha = np.array(alpha, dtype=float)
        pairs = zip(self.derivatives(alpha), log_normaliser_derivatives(self.form, alpha), strict=True)
        anchor = Anchor(alpha, *(joint - form for joint, form in pairs))
        return self.form.with_effects(normaliser=replace(self.form.normaliser, anchor=anchor))

    @cached_property
    def _total(self) -> np.ndarray:
        return self.weights @ self.intensities

    @cached_property
    def _evaluator(self) -> Evaluator:
        model = Model((UnbinnedRegion("region", self.mixture, self.form),))
        return Evaluator(model, [RegionEvents(self.intensities, self.weights, self.log_g)], self.form.nominal)

    def _sums(self, alpha: np.ndarray, order: int) -> Moments:
        evaluator = self._evaluator
        model, ones = evaluator.model, np.ones(len(evaluator.model.yields))
        buffers, sums = allocate_buffers(model), allocate_moments(model)
        events, alpha = evaluator.events, np.ascontiguousarray(alpha, dtype=float)
        fill_expectations(model, events, np.int64(len(events.counts)), alpha, ones, np.int64(order), buffers, sums)
        return sums
