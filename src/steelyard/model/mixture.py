"""The mixture model: how the processes add up to one rate, as a function of the parameter of interest."""

from dataclasses import dataclass

import numpy as np

from steelyard.model.coefficients import Coefficients


@dataclass(frozen=True)
class Mixture:
    r"""The rate of events as a sum over processes (docs/theory.md 1, the search-oriented mixture model).

    .. math:: \nu(\mu)\,p(x|\mu) = \sum_c f_c(\mu)\,\nu_c\,p_c(x)

    Everything downstream works in the fit coordinate :math:`\kappa` (:math:`\kappa=\sqrt\mu` where a coefficient
    has a square root, otherwise :math:`\kappa=\mu`), in which the :math:`f_c` are smooth up to the bound.

    Attributes:
        processes: the C names, in the order of every array's last axis.
        coefficients: :math:`f_c` and derivatives in the fit coordinate.
        yields: (C,) expected events :math:`\nu_c` at unit coefficient.
        bounds: physical range of the parameter.

    Source: Rep. Prog. Phys. 88 067801, the probability model.
    """

    processes: tuple[str, ...]
    coefficients: Coefficients
    yields: np.ndarray
    bounds: tuple[float, float]

    @property
    def coordinate_bounds(self) -> tuple[float, float]:
        """The physical range in the fit coordinate."""
        low, high = self.to_coordinate(np.asarray(self.bounds))
        return float(low), float(high)

    def to_coordinate(self, mu: np.ndarray | float) -> np.ndarray:
        """Fit coordinate of a parameter value, any shape."""
        return np.asarray(self.coefficients.coordinate.from_parameter(np.asarray(mu, dtype=float)))

    def to_parameter(self, kappa: np.ndarray | float) -> np.ndarray:
        """Parameter value of a fit coordinate, any shape."""
        return np.asarray(self.coefficients.coordinate.to_parameter(np.asarray(kappa, dtype=float)))

    def fractions(self, kappa: np.ndarray | float, order: int = 0) -> np.ndarray:
        """The coefficients f_c, or their first or second derivative in the fit coordinate: (G,) to (G, C)."""
        function = (self.coefficients.at, self.coefficients.first, self.coefficients.second)[order]
        return np.asarray(function(np.atleast_1d(np.asarray(kappa, dtype=float))), dtype=float)

    def total(self, kappa: np.ndarray | float, order: int = 0) -> np.ndarray:
        """Expected number of events, or its derivatives in the fit coordinate: (G,) to (G,)."""
        return self.fractions(kappa, order) @ self.yields
