"""What nuisance parameters do to whole processes: yield factors and normalisers, with derivatives."""

from typing import NamedTuple

import numpy as np

from steelyard.likelihood.kernels.interpolation import LINEAR, TINY, WEIGHTS, interpolate, interpolation_weights
from steelyard.likelihood.kernels.normalisers import Joint, add_joint, allocate_joint
from steelyard.likelihood.kernels.quintic import quintic
from steelyard.numerics.compilation import internal
from steelyard.numerics.elementary import exp


class Factors(NamedTuple):
    """What multiplies each process at one point, with logarithmic derivatives.

    Attributes:
        yields: (R,) G_c nu_c.
        yields_first, yields_second: (R, K_h) dG_c/dalpha_k and d2G_c/dalpha_k^2 over G_c.
        events: (R,) G_c/N_c, what multiplies the intensity of every event.
        events_first: (R, K_h) its logarithmic derivative.
        events_second: (R, K_h) its second derivative over itself, without that of the normaliser's joint part.
        joint: :class:`~steelyard.likelihood.kernels.normalisers.Joint`, work space for the normaliser's joint part.
        curvatures: (R, W, W) the joint part's second derivatives in the nuisance parameters of the process's terms,
            upper triangle, filled by :func:`~steelyard.likelihood.kernels.normalisers.fill_curvatures`.
        weights: (3, 8) work space for interpolation weights.
        mixed, folded, crossed, own: (R, K_h), (R, K_h), (K_h, K_h) and (K_h, K_h) room for
            :func:`~steelyard.likelihood.kernels.derivatives.fill_hessian`.
    """

    yields: np.ndarray
    yields_first: np.ndarray
    yields_second: np.ndarray
    events: np.ndarray
    events_first: np.ndarray
    events_second: np.ndarray
    joint: Joint
    curvatures: np.ndarray
    weights: np.ndarray
    mixed: np.ndarray
    folded: np.ndarray
    crossed: np.ndarray
    own: np.ndarray


def allocate_factors(model):
    """Buffers for :func:`fill_factors`."""
    processes, nuisances = model.touched.shape
    return Factors(
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        np.zeros(processes),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        allocate_joint(model),
        np.zeros((processes, model.width, model.width)),
        np.zeros((3, WEIGHTS)),
        np.zeros((processes, nuisances)),
        np.zeros((processes, nuisances)),
        np.zeros((nuisances, nuisances)),
        np.zeros((nuisances, nuisances)),
    )


@internal
def fill_factors(model, alpha, factors):
    """Evaluate yield factors and normalisers at ``alpha`` (K,)."""
    weights = factors.weights
    for c in range(len(model.yields)):
        factors.yields[c] = 1.0
        factors.events[c] = 0.0  # log N_c until the end
    for region in range(len(model.binned)):
        begin, end, acting = model.rows[region], model.rows[region + 1], model.first_acting[region]
        nuisances = model.first_acting[region + 1] - acting
        for k in range(nuisances):
            value = alpha[model.acting[acting + k]]
            kind = model.kinds[model.acting[acting + k]]
            linear = kind == LINEAR
            polynomial = not linear and interpolation_weights(kind, value, weights)
            for c in range(begin, end):
                factors.yields_first[c, k] = factors.yields_second[c, k] = 0.0
                factors.events_first[c, k] = factors.events_second[c, k] = 0.0
                if model.touched[c, k]:
                    if linear:
                        g = value if abs(value) > TINY else TINY
                        first, second = 1.0 / g, 0.0
                    else:
                        logs, both = model.log_yields[c, k], model.yield_factors[c, k]
                        g, first, second = interpolate(logs, both, polynomial, weights)
                    factors.yields[c] *= g
                    factors.yields_first[c, k], factors.yields_second[c, k] = first, second
        # events_first and events_second hold the derivatives of log N_c until the end.
        for c in range(begin, end):
            for t in range(model.first[c], model.first[c + 1]):
                at, k = alpha[model.nuisance[t]], model.own[t]
                value, first, second = quintic(model.table[t], model.knots[region, 0], model.knots[region, 1], at)
                factors.events[c] += value
                factors.events_first[c, k] += first
                factors.events_second[c, k] += second
            if model.first[c + 1] - model.first[c] > 1 or model.anchored[c]:
                factors.events[c] += add_joint(
                    model, region, c, alpha, weights, factors.joint, factors.events_first[c], factors.events_second[c]
                )
        for c in range(begin, end):
            factors.events[c] = factors.yields[c] * exp(-factors.events[c])
            factors.yields[c] *= model.yields[c]
            for k in range(nuisances):
                first, second = factors.events_first[c, k], factors.events_second[c, k]
                of_yield = factors.yields_first[c, k]
                factors.events_first[c, k] = of_yield - first
                factors.events_second[c, k] = (
                    factors.yields_second[c, k] - 2.0 * of_yield * first + first * first - second
                )
