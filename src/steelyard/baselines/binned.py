"""Binned models of the same mixture: templates, their likelihood, and pyhf's opinion on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from steelyard.baselines.binning import effective_entries, histogram
from steelyard.errors import ModelError
from steelyard.statistics.likelihood import Likelihood
from steelyard.statistics.mixture import Mixture

# Points of the fit coordinate at which the expectation of every bin has to be positive.
POSITIVE_POINTS = 64


@dataclass(frozen=True)
class Templates:
    """Histograms of every process, scaled to its yield.

    Attributes:
        processes: C names.
        counts: (C, B) expected events of each process at unit coefficient.
        covariance: (B, C, C) covariance of the processes' counts in a bin from the finite simulation. Processes that
            share events (soft labels) are correlated.
    """

    processes: tuple[str, ...]
    counts: np.ndarray
    covariance: np.ndarray

    def expected(self, fractions: np.ndarray) -> np.ndarray:
        """Expected events (G, B) for coefficients (G, C)."""
        return np.asarray(fractions) @ self.counts

    def variance(self, fractions: np.ndarray) -> np.ndarray:
        """Variance (B,) of the expected events from the finite simulation, for coefficients (C,)."""
        return np.einsum("c,bcd,d->b", fractions, self.covariance, fractions)

    def effective_entries(self, fractions: np.ndarray) -> np.ndarray:
        """Effective simulated events (B,) behind the expectation at coefficients (C,): expected^2 / variance."""
        return effective_entries(self.expected(np.asarray(fractions)), self.variance(np.asarray(fractions)))


def fill_templates(index: np.ndarray, densities: np.ndarray, mixture: Mixture, bins: int) -> Templates:
    """Histogram the simulated events of every process.

    Args:
        index: (n,) bin of each event; ``bins`` is outside.
        densities: (n, C) event weights of each process of sum one over all bins and outside.
        mixture: gives processes and yields.
        bins: number of bins B.
    """
    columns = [np.ascontiguousarray(densities[:, c]) * mixture.yields[c] for c in range(len(mixture.processes))]
    counts = np.stack([histogram(index, column, bins) for column in columns])
    covariance = np.empty((bins, len(columns), len(columns)))
    for first, column in enumerate(columns):
        for second in range(first, len(columns)):
            covariance[:, first, second] = histogram(index, column * columns[second], bins)
            covariance[:, second, first] = covariance[:, first, second]
    return Templates(tuple(mixture.processes), counts, covariance)


@dataclass(frozen=True)
class BinnedModel:
    r"""Poisson counts in bins with the mixture's coefficients as norm factors.

    .. math:: -2\ln L(\kappa) = 2\sum_b\big[\lambda_b(\kappa) - n_b\ln\lambda_b(\kappa)\big] + \mathrm{const}, \qquad
              \lambda_b(\kappa) = \sum_c f_c(\kappa)\,T_{cb}

    This is the unbinned likelihood with the bins for events, T_cb for their rates and n_b for their weights, so fits
    and scans are those of the unbinned analysis; :func:`pyhf_difference` holds its values against pyhf's.

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
            ModelError: a bin expects no or a negative number of events somewhere within the parameter's bounds.
        """
        kappa = np.linspace(*mixture.coordinate_bounds, POSITIVE_POINTS)
        expected = templates.expected(mixture.fractions(kappa))
        point, at = np.unravel_index(int(np.argmin(expected)), expected.shape)
        if not expected[point, at] > 0.0:
            raise ModelError(
                f"baseline {name}: bin {at + 1} of {expected.shape[1]} expects {expected[point, at]:.3g} events at "
                f"parameter {float(mixture.to_parameter(kappa[point])):.3g}, and a Poisson mean must be positive: use "
                "fewer or wider bins, more simulated events, or narrower bounds"
            )
        binned = Mixture(mixture.processes, mixture.coefficients, templates.counts.sum(axis=1), mixture.bounds)
        return cls(binned, templates)

    def likelihood(self, counts: np.ndarray) -> Likelihood:
        """The likelihood of counts (B,), whole numbers or expectations."""
        return Likelihood(self.mixture, self.templates.counts.T, np.asarray(counts, dtype=float))

    def asimov(self, mu: float) -> np.ndarray:
        """Expected counts (B,) at a parameter value."""
        return self.templates.expected(self.mixture.fractions(self.mixture.to_coordinate(mu)))[0]


class PyhfModel:
    """The same model in pyhf: one channel, one sample and one norm factor a process, whose value is f_c.

    The norm factors are bound to nothing: pyhf evaluates, it does not fit, since one parameter moves them all.
    """

    def __init__(self, templates: Templates) -> None:
        import pyhf

        samples = [
            {
                "name": process,
                "data": counts.tolist(),
                "modifiers": [{"name": f"coefficient_{process}", "type": "normfactor", "data": None}],
            }
            for process, counts in zip(templates.processes, templates.counts, strict=True)
        ]
        # Coefficients may be negative and large; pyhf's default bounds are 0 to 10.
        parameters = [
            {"name": f"coefficient_{process}", "bounds": [[-1e6, 1e6]], "inits": [1.0]}
            for process in templates.processes
        ]
        specification = {"channels": [{"name": "region", "samples": samples}], "parameters": parameters}
        self._model = pyhf.Model(specification, poi_name=None, validate=False)
        order = [name.removeprefix("coefficient_") for name in self._model.config.par_order]
        self._columns = [templates.processes.index(process) for process in order]

    def minus_two_log_likelihood(self, fractions: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """-2 ln L (G,) of counts (B,) at coefficients (G, C), the factorials of the counts included."""
        counts = np.asarray(counts, dtype=float)
        points = np.asarray(fractions, dtype=float)[:, self._columns]
        return np.array([-2.0 * float(self._model.logpdf(point, counts)[0]) for point in points])


def pyhf_difference(model: BinnedModel, counts: np.ndarray, kappa: Sequence[float] | np.ndarray) -> float:
    """Largest difference between pyhf's -2 ln L and this model's at coordinates (G,), the constant included."""
    kappa = np.atleast_1d(np.asarray(kappa, dtype=float))
    constant = 2.0 * gammaln(np.asarray(counts, dtype=float) + 1.0).sum()
    ours = model.likelihood(counts).value(kappa) + constant
    theirs = PyhfModel(model.templates).minus_two_log_likelihood(model.mixture.fractions(kappa), counts)
    return float(np.abs(ours - theirs).max())
