"""The likelihood of one data set: extended unbinned, or of Poisson counts in bins."""

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.likelihood.evaluate import Evaluator, Expansion
from steelyard.likelihood.integration import Integration
from steelyard.likelihood.kernels.process_factors import prepare_effects
from steelyard.likelihood.minimise.valleys import Valleys, find_valleys
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture


@dataclass(frozen=True, eq=False)
class Likelihood:
    r"""Minus two log-likelihood of weighted events under a mixture with nuisance parameters (docs/theory.md 7).

    .. math:: -2\ln L(\kappa,\alpha) = 2\sum_c f_c G_c\nu_c - 2\sum_i w_i\ln\lambda_i + \sum_k(\alpha_k-a_k)^2,
              \qquad \lambda_i = \sum_c f_c(\kappa)\,\frac{G_c(\alpha)}{N_c(\alpha)}\,\nu_cr_c(x_i)
              \prod_{t\in c}g_t(x_i|\alpha)

    The last sum of the value is over the constrained nuisance parameters. The reference density in
    :math:`r_c=p_c/p_\mathrm{ref}` only shifts it by a constant.
    Where any event with weight has :math:`\lambda_i\le0` the value is ``inf``: such a hypothesis cannot have
    produced the data, and no minimiser may walk through it.

    *Binned*, the rows are bins with :math:`n_b` counts (whole numbers or expectations), T_cb takes the place of the
    rates, and there is no normaliser, because a sum over bins is exact:

    .. math:: -2\ln L(\kappa,\alpha) = 2\sum_b\big[\lambda_b - n_b\ln\lambda_b\big] + \sum_k(\alpha_k-a_k)^2,
              \qquad \lambda_b = \sum_c f_c(\kappa)\,G_c(\alpha)\,T_{cb}\prod_{t\in c}g_{tb}(\alpha)

    Empty bins count, and every bin has to have :math:`\lambda_b>0`.

    All methods take the nuisance parameters at their nominal values where they are not given.

    Attributes:
        mixture: the model.
        rates: (n, C) products nu_c r_c(x_i).
        weights: (n,) event weights, or ``None`` for observed events of weight one; the counts of bins.
        systematics: what the K nuisance parameters do, with T shape terms; ``None`` for none.
        log_g: (n, T, 2) ln g at ±1 of each term, E_{p_c}[g] = 1; may be left out where there is no term.
        global_observables: (K,) a_k, nominal ones by default.
        threads: how many evaluate it; the result does not depend on their number.
        integration: events over which the normalisers are joint expectations. The likelihood itself uses the form
            that ``systematics`` has; fits and scans correct it by them (:mod:`steelyard.inference.anchoring`).

        binned: the rows are bins.

    Raises:
        ModelError: shapes that do not fit together; bins without counts, with negative ones, or with a normaliser.
    """

    mixture: Mixture
    rates: np.ndarray
    weights: np.ndarray | None = None
    systematics: Systematics = None  # type: ignore[assignment]  # none of them, set below
    log_g: np.ndarray | None = None
    global_observables: np.ndarray = None  # type: ignore[assignment]  # nominal ones, set below
    threads: int = 1
    binned: bool = False
    integration: Integration | None = None

    def __post_init__(self) -> None:
        if self.systematics is None:
            object.__setattr__(self, "systematics", Systematics.none(len(self.mixture.processes)))
        observed = self.systematics.nominal if self.global_observables is None else self.global_observables
        observed = np.asarray(observed, dtype=float)
        if observed.shape != (len(self.systematics),):
            raise ModelError(
                f"there are {len(self.systematics)} nuisance parameters, and global observables of shape "
                f"{observed.shape}"
            )
        object.__setattr__(self, "global_observables", observed)
        if self.binned and (self.weights is None or not np.all(np.asarray(self.weights) >= 0.0)):
            raise ModelError("a likelihood of bins needs their counts, none of them negative")

    @cached_property
    def evaluator(self) -> Evaluator:
        """The events, packed once for the compiled code."""
        return Evaluator(
            self.mixture,
            self.systematics,
            np.asarray(self.rates),
            self.weights,
            self.log_g,
            self.global_observables,
            self.threads,
            self.binned,
        )

    @cached_property
    def valleys(self) -> Valleys:
        """Nuisance parameters with more than one valley."""
        return find_valleys(self.mixture, self.systematics, np.asarray(self.rates), self.log_g, self.weights)

    def with_form(self, systematics: Systematics) -> "Likelihood":
        """The same data, which stay packed, with another normaliser and without integration events."""
        other = replace(self, systematics=systematics, integration=None)
        evaluator = copy(self.evaluator)
        evaluator.effects = prepare_effects(self.mixture, systematics)
        other.__dict__["evaluator"] = evaluator
        other.__dict__["valleys"] = self.valleys  # of the effects and the events, which are the same
        return other

    def value(self, kappa: ArrayLike, alpha: ArrayLike | None = None) -> np.ndarray:
        """-2 ln L at each of the coordinates, (G,) to (G,), and one point (K,) or as many points (G, K)."""
        kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
        alpha = self._point(alpha)
        if alpha.ndim == 1:
            return self.evaluator.slice(kappa, alpha)
        return np.array([self.evaluator.slice(kappa[g : g + 1], alpha[g])[0] for g in range(len(kappa))])

    def derivatives(self, kappa: float, alpha: ArrayLike | None = None) -> tuple[float, float, float]:
        """-2 ln L with its first and second derivative in the coordinate alone, at one point."""
        here = self.expansion(kappa, alpha)
        return here.value, float(here.gradient[0]), float(here.hessian[0, 0])

    def expansion(self, kappa: float, alpha: ArrayLike | None = None) -> Expansion:
        """-2 ln L with gradient and Hessian in (kappa, alpha_1 .. alpha_K), at one point."""
        return self.evaluator.expand(float(kappa), self._point(alpha))

    def negative_events(self, kappa: float, alpha: ArrayLike | None = None) -> int:
        """Number of events with weight, or of bins, whose intensity is not positive at this point."""
        return self.evaluator.negative_events(float(kappa), self._point(alpha))

    def _point(self, alpha: ArrayLike | None) -> np.ndarray:
        return self.systematics.nominal if alpha is None else np.asarray(alpha, dtype=float)
