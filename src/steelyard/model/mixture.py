"""The mixture model: how the processes add up to one intensity, as a function of the parameters of interest."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients
from steelyard.model.parameters import Parameter, role_of

# Points of each parameter at which the largest and the usual size of the coefficients are looked at.
_REACH = 17


@dataclass(frozen=True)
class Mixture:
    r"""The intensity of events as a sum over processes (docs/theory.md 1, the search-oriented mixture model).

    .. math:: \nu(\theta)\,p(x|\theta) = \sum_c f_c(\theta)\,\nu_c\,p_c(x)

    Everything downstream works in fit coordinates :math:`\kappa` (:math:`\kappa=\sqrt\mu` where a coefficient has a
    square root, otherwise :math:`\kappa=\mu`), in which the :math:`f_c` are smooth up to the bound. Methods of one
    coordinate are about the first parameter, the parameter of interest, with the others at their nominal values.

    Attributes:
        processes: the C names, in the order of every array's last axis.
        coefficients: :math:`f_c` and derivatives in the fit coordinates.
        yields: (C,) expected events :math:`\nu_c` at unit coefficient.
        bounds: physical range of the parameter of interest.
        others: ranges of the other parameters that are fitted, M - 1 of them.
        free: how many of these, the last ones, are free rather than of interest.

    Source: Rep. Prog. Phys. 88 067801, the probability model.
    """

    processes: tuple[str, ...]
    coefficients: Coefficients
    yields: np.ndarray
    bounds: tuple[float, float]
    others: tuple[tuple[float, float], ...] = ()
    free: int = 0

    def __post_init__(self) -> None:
        if len(self.coefficients.lower) != 1 + len(self.others):
            raise ModelError(
                f"the coefficients have {len(self.coefficients.lower)} fitted parameters, and there are bounds of "
                f"{1 + len(self.others)}"
            )

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The M parameters of the coefficients, with their coordinates."""
        coefficients, ranges = self.coefficients, (self.bounds, *self.others)
        last = len(ranges) - self.free
        return tuple(
            Parameter(
                name,
                role_of(of_interest=number < last, known=False),
                float(np.clip(coefficients.nominal.get(name, bounds[0]), *bounds)),
                (float(bounds[0]), float(bounds[1])),
                coordinate=coordinate,
            )
            for number, (name, bounds, coordinate) in enumerate(
                zip(coefficients.fitted, ranges, coefficients.coordinates, strict=True)
            )
        )

    @property
    def coordinate_bounds(self) -> tuple[float, float]:
        """The physical range of the parameter of interest in the fit coordinate."""
        low, high = self.to_coordinate(np.asarray(self.bounds))
        return float(low), float(high)

    @property
    def box(self) -> np.ndarray:
        """(M, 2) ranges of all coordinates."""
        return np.array([parameter.to_coordinate(parameter.bounds) for parameter in self.parameters], dtype=float)

    def to_coordinate(self, mu: np.ndarray | float) -> np.ndarray:
        """Fit coordinate of a value of the parameter of interest, any shape."""
        return np.asarray(self.coefficients.coordinate.from_parameter(np.asarray(mu, dtype=float)))

    def to_parameter(self, kappa: np.ndarray | float) -> np.ndarray:
        """Parameter of interest of a fit coordinate, any shape."""
        return np.asarray(self.coefficients.coordinate.to_parameter(np.asarray(kappa, dtype=float)))

    def coefficients_along(self, kappa: np.ndarray | float, order: int = 0) -> np.ndarray:
        """The coefficients f_c, or their first or second derivative in the fit coordinate: (G,) to (G, C)."""
        function = (self.coefficients.at, self.coefficients.first, self.coefficients.second)[order]
        return np.asarray(function(np.atleast_1d(np.asarray(kappa, dtype=float))), dtype=float)

    def coefficient_values(self, theta: np.ndarray) -> np.ndarray:
        """The coefficients at values of all M parameters: (G, M) to (G, C)."""
        theta = np.asarray(theta, dtype=float)
        kappa = np.stack([p.to_coordinate(column) for p, column in zip(self.parameters, theta.T, strict=True)], axis=1)
        return self.coefficients_along(kappa[:, 0]) if len(self.parameters) == 1 else self.coefficients.expand(kappa)[0]

    def reach(self) -> np.ndarray:
        """Coefficients (G, C) over the ranges of the parameters: along each of them, and at all corners."""
        if not self.others:
            return self.coefficients_along(np.linspace(*self.coordinate_bounds, _REACH))
        box, nominal = self.box, self.coefficients.nominal_coordinates
        places = [np.array(list(product(*box)))]
        for p, (low, high) in enumerate(box):
            line = np.tile(nominal, (_REACH, 1))
            line[:, p] = np.linspace(low, high, _REACH)
            places.append(line)
        return self.coefficients.expand(np.concatenate(places))[0]

    def total(self, kappa: np.ndarray | float, order: int = 0) -> np.ndarray:
        """Expected number of events, or its derivatives in the fit coordinate: (G,) to (G,)."""
        return self.coefficients_along(kappa, order) @ self.yields
