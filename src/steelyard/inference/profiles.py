"""Nuisance parameters along a profile: the conditional best fit between the points of a scan."""

import numpy as np

from steelyard.errors import ModelError
from steelyard.inference.fit import Scan
from steelyard.model.mixture import Mixture


def conditional_nuisances(scan: Scan, mu: float, mixture: Mixture) -> np.ndarray:
    r"""Conditional best fit :math:`\hat{\hat\alpha}(\mu)`, (K,), linear in the fit coordinate between scanned points.

    Toys thrown there are those of the hypothesis that the data like best at ``mu``. The points of a scan lie far closer
    than the profile bends.

    Raises:
        ModelError: ``mu`` lies outside the scan.
    """
    low, high = float(np.min(scan.mu)), float(np.max(scan.mu))
    if not low - 1e-12 <= mu <= high + 1e-12:
        raise ModelError(
            f"pseudo-experiments at the conditional fit need the scan at {mu:g}, and it covers [{low:g}, {high:g}]: "
            "extend the section 'scan', or throw them at nominal nuisance parameters"
        )
    place, points = float(mixture.to_coordinate(mu)), mixture.to_coordinate(scan.mu)
    return np.array([np.interp(place, points, column) for column in np.asarray(scan.alpha, dtype=float).T])
