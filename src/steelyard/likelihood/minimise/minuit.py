"""Minuit on the compiled likelihood."""

import numpy as np

from steelyard.likelihood.evaluate import Evaluator
from steelyard.likelihood.kernels.orders import GRADIENT, HESSIAN, VALUE
from steelyard.likelihood.minimise.search import Minimum


def minimise_with_minuit(
    evaluator: Evaluator,
    start: np.ndarray,
    fixed: np.ndarray,
    limits: tuple[float, float],
    hessian: np.ndarray | None = None,
) -> Minimum:
    """Migrad with the exact gradient from ``start`` (P,), with kappa inside ``limits`` and alpha inside its bounds.

    ``converged`` is Minuit's own verdict. With a ``hessian`` (P, P) the start is a minimum, to be confirmed:
    Minuit takes its steps from it, and does not form second derivatives of its own by differences (strategy 0).
    """
    from iminuit import Minuit

    if fixed.all():
        here = evaluator.expand(start, HESSIAN)
        return Minimum(start, here.value, here.gradient, here.hessian, 0.0, bool(np.isfinite(here.value)))
    bounds = evaluator.model.bounds.copy()
    bounds[0] = limits
    # Minuit cannot leave a limit on which it starts.
    width = bounds[:, 1] - bounds[:, 0]
    inside = np.clip(start, bounds[:, 0] + 1e-3 * width, bounds[:, 1] - 1e-3 * width)
    if len(start) == 1 and not limits[0] < start[0] < limits[1]:
        inside[0] = 0.5 * (limits[0] + limits[1])
    minuit = Minuit(
        lambda place: evaluator.expand(place, VALUE).value,
        np.where(fixed, start, inside),
        grad=lambda place: evaluator.expand(place, GRADIENT).gradient,
    )
    minuit.limits = [None if held else tuple(pair) for held, pair in zip(fixed, bounds, strict=True)]
    minuit.fixed = list(fixed)
    minuit.errordef = Minuit.LIKELIHOOD * 2  # the function is -2 ln L
    minuit.strategy = 1 if hessian is None else 0
    if hessian is not None:
        minuit.errors = np.sqrt(2.0 / np.maximum(np.diag(hessian), 1e-3))
    # An estimated distance of 2e-7 without nuisance parameters; with them, above what float32 shapes resolve.
    minuit.tol = 1e-4 if len(start) == 1 else 1e-2
    minuit.migrad()
    place = np.array(minuit.values)
    here = evaluator.expand(place, HESSIAN)
    return Minimum(place, float(minuit.fval), here.gradient, here.hessian, float(minuit.fmin.edm), bool(minuit.valid))
