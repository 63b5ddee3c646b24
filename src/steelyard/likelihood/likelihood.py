"""The likelihood of one data set: extended unbinned, or of Poisson counts in bins."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.likelihood.compile import compile_model
from steelyard.likelihood.evaluate import Evaluator, Expansion
from steelyard.likelihood.integration import Integration
from steelyard.likelihood.minimise.valleys import Valleys, find_valleys
from steelyard.likelihood.region_events import RegionEvents, check_events
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.parameters import Parameter, ParameterSet
from steelyard.model.region import BinnedRegion, Region, UnbinnedRegion


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
    intensities, and there is no normaliser, because a sum over bins is exact:

    .. math:: -2\ln L(\kappa,\alpha) = 2\sum_b\big[\lambda_b - n_b\ln\lambda_b\big] + \sum_k(\alpha_k-a_k)^2,
              \qquad \lambda_b = \sum_c f_c(\kappa)\,G_c(\alpha)\,T_{cb}\prod_{t\in c}g_{tb}(\alpha)

    Empty bins count, and every bin has to have :math:`\lambda_b>0`.

    Several regions add up, with the constraints once. The rows of each are events or bins of its own.

    Attributes:
        model: parameters and regions.
        events: what each region sees, in their order.
        global_observables: (K,) a_k of the nuisance parameters, nominal ones by default.
        threads: how many evaluate it; the result does not depend on their number.
        integrations: of each region the events over which its normalisers are joint expectations, or None. The
            likelihood itself uses the form that its systematics have; fits and scans correct it by them
            (:mod:`steelyard.inference.anchoring`).

    Raises:
        ModelError: shapes that do not fit together; bins without counts, with negative ones, or with a normaliser.
    """

    model: Model
    events: tuple[RegionEvents, ...]
    global_observables: Any = None
    threads: int = 1
    integrations: tuple[Integration | None, ...] = ()

    def __post_init__(self) -> None:
        if len(self.events) != len(self.model.regions):
            raise ModelError(f"events of {len(self.events)} regions for a model of {len(self.model.regions)}")
        nominal = self.model.parameters.nominal[len(self.model.theta) :]
        observed = nominal if self.global_observables is None else self.global_observables
        observed = np.asarray(observed, dtype=float)
        if observed.shape != nominal.shape:
            raise ModelError(
                f"there are {len(nominal)} nuisance parameters, and global observables of shape {observed.shape}"
            )
        object.__setattr__(self, "global_observables", observed)
        if not self.integrations:
            object.__setattr__(self, "integrations", (None,) * len(self.events))
        for region, events in zip(self.model.regions, self.events, strict=True):
            check_events(region, events)

    @classmethod
    def of(
        cls,
        mixture: Mixture,
        intensities: np.ndarray,
        weights: np.ndarray | None = None,
        systematics: Systematics | None = None,
        log_g: np.ndarray | None = None,
        global_observables: np.ndarray | None = None,
        threads: int = 1,
        binned: bool = False,
        integration: Integration | None = None,
    ) -> "Likelihood":
        """Of one region.

        Args:
            mixture: its processes.
            intensities: (n, C) products nu_c r_c(x_i), or the templates of n bins.
            weights: (n,) event weights, or ``None`` for observed events of weight one; the counts of bins.
            systematics: what the K nuisance parameters do, with T shape terms; ``None`` for none.
            log_g: (n, T, 2) ln g at ±1 of each term.
            global_observables: (K,) a_k, nominal ones by default.
            threads: how many evaluate it.
            binned: the rows are bins.
            integration: events over which the normalisers are joint expectations.
        """
        intensities = np.asarray(intensities)
        systematics = Systematics.none(len(mixture.processes)) if systematics is None else systematics
        region: Region = UnbinnedRegion("region", mixture, systematics)
        if binned:
            region = BinnedRegion("region", mixture, systematics, intensities, log_g)
        events = RegionEvents(intensities, weights, log_g)
        return cls(Model((region,)), (events,), global_observables, threads, (integration,))

    @property
    def region(self) -> Region:
        """The only region.

        Raises:
            ModelError: there are several.
        """
        if len(self.events) > 1:
            names = ", ".join(region.name for region in self.model.regions)
            raise ModelError(f"asked for the one region of a likelihood with several: {names}")
        return self.model.regions[0]

    @property
    def mixture(self) -> Mixture:
        """That of the only region."""
        return self.region.mixture

    @property
    def systematics(self) -> Systematics:
        """Those of the only region."""
        return self.region.systematics

    @property
    def intensities(self) -> np.ndarray:
        """Those of the only region's events."""
        return self.events[self.model.regions.index(self.region)].intensities

    @property
    def weights(self) -> np.ndarray | None:
        """Those of the only region's events."""
        return self.events[self.model.regions.index(self.region)].weights

    @property
    def log_g(self) -> np.ndarray | None:
        """Those of the only region's events."""
        return self.events[self.model.regions.index(self.region)].log_g

    @property
    def parameters(self) -> ParameterSet:
        """All P parameters."""
        return self.model.parameters

    @property
    def profiled(self) -> Parameter:
        """The first parameter, along which profiles go."""
        return self.model.theta[0]

    @cached_property
    def evaluator(self) -> Evaluator:
        """The events, packed once for the compiled code."""
        return Evaluator(self.model, self.events, self.global_observables, self.threads)

    @cached_property
    def valleys(self) -> Valleys:
        """Nuisance parameters with more than one valley."""
        return find_valleys(self.model, self.events)

    def with_forms(self, systematics: Sequence[Systematics]) -> "Likelihood":
        """The same data, which stay packed, with other normalisers of the regions and without integration events."""
        regions = [
            replace(region, systematics=own) for region, own in zip(self.model.regions, systematics, strict=True)
        ]
        model = self.model.with_regions(tuple(regions))
        other = replace(self, model=model, integrations=(None,) * len(self.events))
        evaluator = copy(self.evaluator)
        evaluator.model = compile_model(model)
        other.__dict__["evaluator"] = evaluator
        other.__dict__["valleys"] = self.valleys  # of the effects and the events, which are the same
        return other

    def profiling(self, parameter: str) -> "Likelihood":
        """The same likelihood with another parameter of the coefficients as the first one.

        Raises:
            ModelError: it is none of the coefficients.
        """
        model = self.model.profiling(parameter)
        return self if model is self.model else replace(self, model=model)

    def value(self, kappa: ArrayLike, rest: ArrayLike | None = None) -> np.ndarray:
        """-2 ln L at each first coordinate, (G,) to (G,), and one point (P - 1,) of the others or as many (G, P - 1).

        The others are the coordinates of further parameters of the coefficients, and the nuisance parameters; nominal
        ones by default, here and below.
        """
        kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
        rest = self._rest(rest)
        if rest.ndim == 1:
            return self.evaluator.slice(kappa, rest)
        return np.array([self.evaluator.slice(kappa[g : g + 1], rest[g])[0] for g in range(len(kappa))])

    def derivatives(self, kappa: float, rest: ArrayLike | None = None) -> tuple[float, float, float]:
        """-2 ln L with its first and second derivative in the first coordinate alone, at one point."""
        here = self.expansion(kappa, rest)
        return here.value, float(here.gradient[0]), float(here.hessian[0, 0])

    def expansion(self, kappa: float, rest: ArrayLike | None = None) -> Expansion:
        """-2 ln L with gradient and Hessian in all P coordinates, at one point."""
        return self.evaluator.expand(np.concatenate([[float(kappa)], self._rest(rest)]))

    def at(self, point: ArrayLike | Mapping[str, float] | None = None) -> Expansion:
        """The same at values of the parameters, (P,) or by name; derivatives in the coordinates."""
        return self.evaluator.expand(self.parameters.to_coordinates(self.parameters.point(point)))

    def negative_events(self, kappa: float, rest: ArrayLike | None = None) -> int:
        """Number of events with weight, or of bins, whose intensity is not positive at this point."""
        return self.evaluator.negative_events(np.concatenate([[float(kappa)], self._rest(rest)]))

    def _rest(self, rest: ArrayLike | None) -> np.ndarray:
        if rest is not None:
            return np.asarray(rest, dtype=float)
        return self.parameters.to_coordinates(self.parameters.nominal)[1:]
