"""Binned models of the same mixture: templates and their likelihood."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from steelyard.errors import ModelError
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.effects import Systematics
from steelyard.model.mixture import Mixture
from steelyard.model.model import Model
from steelyard.model.region import BinnedRegion
from steelyard.regions.binned_shapes import bin_systematics
from steelyard.regions.binning import effective_entries, histogram
from steelyard.regions.varied_intensities import varied_intensities

# Standard deviations below zero at which the content of a bin is no fluctuation of events with negative weights.
SIGNIFICANT = 5.0
# Points of the fit coordinate at which the expectation of every bin has to be positive.
POSITIVE_POINTS = 64


@dataclass(frozen=True)
class Templates:
    """Histograms of every process, scaled to its yield.

    Where events have negative weights, a bin of a process with few of them may be negative. It stays as it is: the sum
    over the processes is what has to be positive, and to cut it off at zero would be a bias.

    Attributes:
        processes: C names.
        counts: (C, B) expected events of each process at unit coefficient.
        covariance: (B, C, C) covariance of the processes' counts in a bin from the finite simulation. Processes that
            share events (soft labels) are correlated.
        shapes: (B, T, 2) what nuisance parameters do to the bins, see :mod:`steelyard.regions.binned_shapes`; None
            without.
        systematics: with the yield factors of what is in the bins.
    """

    processes: tuple[str, ...]
    counts: np.ndarray
    covariance: np.ndarray
    shapes: np.ndarray | None = None
    systematics: Systematics | None = None

    def expected(self, coefficients: np.ndarray) -> np.ndarray:
        """Expected events (G, B) for coefficients (G, C)."""
        return np.asarray(coefficients) @ self.counts

    def variance(self, coefficients: np.ndarray) -> np.ndarray:
        """Variance (B,) of the expected events from the finite simulation, for coefficients (C,)."""
        return np.einsum("c,bcd,d->b", coefficients, self.covariance, coefficients)

    def effective_entries(self, coefficients: np.ndarray) -> np.ndarray:
        """Effective simulated events (B,) behind the expectation at coefficients (C,): expected^2 / variance."""
        return effective_entries(self.expected(np.asarray(coefficients)), self.variance(np.asarray(coefficients)))


def fill_templates(
    index: np.ndarray, densities: np.ndarray, mixture: Mixture, bins: int, varied: "Varied | None" = None
) -> Templates:
    """Histogram the simulated events of every process.

    Args:
        index: (n,) bin of each event; ``bins`` is outside.
        densities: (n, C) event weights of each process of sum one over all bins and outside.
        mixture: gives processes and yields.
        bins: number of bins B.
        varied: what nuisance parameters do to the events; None: nothing.

    Raises:
        ModelError: a varied template is not positive in a bin.
    """
    columns = [np.ascontiguousarray(densities[:, c]) * mixture.yields[c] for c in range(len(mixture.processes))]
    counts = np.stack([histogram(index, column, bins) for column in columns])
    covariance = np.empty((bins, len(columns), len(columns)))
    for first, column in enumerate(columns):
        for second in range(first, len(columns)):
            covariance[:, first, second] = histogram(index, column * columns[second], bins)
            covariance[:, second, first] = covariance[:, first, second]
    templates = Templates(tuple(mixture.processes), counts, covariance)
    return templates if varied is None else with_shapes(templates, index, densities, varied)


@dataclass(frozen=True, eq=False)
class Varied:
    """What nuisance parameters do to the simulated events: ``systematics``, and ``log_g`` (n, T, 2)."""

    systematics: Systematics
    log_g: np.ndarray
    _formed: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, init=False, repr=False)

    def columns(self, densities: np.ndarray) -> np.ndarray:
        """Event weights of the varied templates, (T, 2, n): p_c g±, of densities (n, C).

        Formed once, since a parameterised observable asks for them at every value; float32, as the effects are.
        """
        if not self._formed or self._formed[0][0] is not densities:
            columns = np.empty((len(self.systematics.terms), 2, len(densities)), dtype=np.float32)
            for term, (process, _) in enumerate(self.systematics.terms):
                for side in range(2):
                    columns[term, side] = densities[:, process] * np.exp(self.log_g[:, term, side], dtype=float)
            self._formed[:] = [(densities, columns)]
        return self._formed[0][1]


def with_shapes(templates: Templates, index: np.ndarray, densities: np.ndarray, varied: Varied) -> Templates:
    """The same templates with what nuisance parameters do to them; arguments as of :func:`fill_templates`."""
    bins = templates.counts.shape[1]
    systematics, shapes = bin_systematics(index, densities, varied.columns(densities), varied.systematics, bins)
    return replace(templates, shapes=shapes, systematics=systematics)


@dataclass(frozen=True)
class BinnedModel:
    r"""Poisson counts in bins with the mixture's coefficients as norm factors.

    .. math:: -2\ln L(\kappa,\alpha) = 2\sum_b\big[\lambda_b - n_b\ln\lambda_b\big] + \sum_k(\alpha_k-a_k)^2, \qquad
              \lambda_b = \sum_c f_c(\kappa)\,G'_c(\alpha)\,T_{cb}\prod_{t\in c}g'_{tb}(\alpha)

    The bins take the place of events in the same compiled likelihood, so fits, scans and pseudo-experiments are those
    of the unbinned analysis; :mod:`steelyard.regions.pyhf_model` holds its values against pyhf's. G' holds the yield
    effects that do not go with a shape, g' all others (:mod:`steelyard.regions.binned_shapes`).

    Attributes:
        mixture: processes and coefficients, with the templates' sums for yields.
        templates: the histograms.
    """

    mixture: Mixture
    templates: Templates

    @classmethod
    def of(cls, mixture: Mixture, templates: Templates, name: str) -> "BinnedModel":
        """The model of some templates.

        Args:
            mixture: the analysis's mixture.
            templates: histograms of its processes.
            name: for messages.

        Raises:
            ModelError: a bin expects no or a negative number of events somewhere within the parameter's bounds, or a
                process in it a number that is negative beyond all fluctuation.
        """
        _require_no_deficit(templates, name)
        kappa = np.linspace(*mixture.coordinate_bounds, POSITIVE_POINTS)
        expected = templates.expected(mixture.coefficients_along(kappa))
        point, at = np.unravel_index(int(np.argmin(expected)), expected.shape)
        if not expected[point, at] > 0.0:
            below = [
                f"{process} {content:.3g}"
                for process, content in zip(templates.processes, templates.counts[:, at], strict=True)
                if content < 0.0
            ]
            of = f" (negative weights prevail in it: {', '.join(below)} at unit coefficient)" if below else ""
            raise ModelError(
                f"baseline {name}: bin {at + 1} of {expected.shape[1]} expects {expected[point, at]:.3g} events at "
                f"parameter {float(mixture.to_parameter(kappa[point])):.3g}{of}, and a Poisson mean must be positive: "
                "use fewer or wider bins, more simulated events, or narrower bounds"
            )
        binned = Mixture(mixture.processes, mixture.coefficients, templates.counts.sum(axis=1), mixture.bounds)
        return cls(binned, templates)

    @cached_property
    def region(self) -> BinnedRegion:
        """The templates as a region of a likelihood."""
        systematics = self.templates.systematics
        if systematics is None:
            systematics = Systematics.none(len(self.mixture.processes))
        templates = np.ascontiguousarray(self.templates.counts.T)
        return BinnedRegion("histogram", self.mixture, systematics, templates, self.templates.shapes)

    def likelihood(self, counts: np.ndarray) -> Likelihood:
        """The likelihood of counts (B,), whole numbers or expectations."""
        return Likelihood(Model((self.region,)), (RegionEvents.of_counts(self.region, counts),))

    def asimov(self, mu: float) -> np.ndarray:
        """Expected counts (B,) at a parameter value."""
        return self.templates.expected(self.mixture.coefficients_along(self.mixture.to_coordinate(mu)))[0]

    def expected(self, mu: float, alpha: np.ndarray | None = None) -> np.ndarray:
        """Expected counts (B,) at a parameter value and nuisance parameters (K,)."""
        systematics = self.templates.systematics
        if systematics is None or alpha is None:
            return self.asimov(mu)
        intensities = varied_intensities(systematics, self.templates.counts.T, self.templates.shapes, alpha)
        return intensities @ self.mixture.coefficients_along(self.mixture.to_coordinate(mu))[0]


def _require_no_deficit(templates: Templates, name: str) -> None:
    if not templates.covariance.size:
        return
    errors = np.sqrt(np.einsum("bcc->cb", templates.covariance))
    c, at = np.unravel_index(int(np.argmin(templates.counts + SIGNIFICANT * errors)), errors.shape)
    if templates.counts[c, at] < -SIGNIFICANT * errors[c, at]:
        raise ModelError(
            f"baseline {name}: process {templates.processes[c]} has {templates.counts[c, at]:.3g} ± "
            f"{errors[c, at]:.2g} events in bin {at + 1} of {errors.shape[1]}, a density that is negative: take an "
            "interference together with what it interferes with as one process, or correct the signs of the weights"
        )
