"""The expected rate nu(mu) = sum of f_c(mu) nu_c, which must not be negative anywhere it is used."""

from collections.abc import Sequence

import numpy as np

from steelyard.errors import ModelError
from steelyard.model.coefficients import Coefficients

# Of the sum of absolute terms: a rate of exactly zero may come out as a small negative number.
ROUNDING = 1e-9


def check_total_rate(coefficients: Coefficients, yields: Sequence[float] | np.ndarray, grid: np.ndarray) -> np.ndarray:
    r"""The expected rate :math:`\nu(\mu)=\sum_c f_c(\mu)\,\nu_c` on a grid of the parameter of interest.

    Args:
        coefficients: of the C processes.
        yields: (C,) expected events of the processes.
        grid: (G,) values of the parameter of interest.

    Returns:
        (G,) expected events.

    Raises:
        ModelError: the rate is negative or undefined somewhere on the grid; the message names the worst place.
    """
    grid = np.atleast_1d(np.asarray(grid, dtype=float))
    terms = coefficients.value(grid) * np.asarray(yields, dtype=float)
    total, size = terms.sum(axis=1), np.abs(terms).sum(axis=1)
    bad = ~(total >= -ROUNDING * size)
    if np.any(bad):
        worst = int(np.argmin(np.where(np.isnan(total), -np.inf, total)))
        parts = ", ".join(
            f"({text}) * {value:.4g}" for text, value in zip(coefficients.expressions, np.ravel(yields), strict=True)
        )
        raise ModelError(
            f"the expected rate is {total[worst]:.4g} events at {coefficients.parameters[0]} = {grid[worst]:g}, and "
            f"negative or undefined at {np.count_nonzero(bad)} of {len(grid)} points: it is the sum of {parts}. "
            "Check the yields (the sums of weights) and the coefficients of these processes"
        )
    return np.where(np.abs(total) <= ROUNDING * size, np.maximum(total, 0.0), total)
