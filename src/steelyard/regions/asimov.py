r"""The Asimov data: the reference events with weights that make them what is expected at a point (docs/theory.md 9).

.. math:: w_A(x|\mu,\alpha) = \frac{\nu(\mu,\alpha)}{\nu_\mathrm{ref}}
          \frac{p(x|\mu,\alpha)}{p_\mathrm{ref}(x)} w_\mathrm{ref}(x)
          = w_\mathrm{ref}(x) \sum_c f_c(\mu)\,\frac{G_c(\alpha)}{N_c(\alpha)}\,g_c(x|\alpha)\,\nu_c\,r_c(x)

Toys are drawn from the same weights.
"""

from typing import TYPE_CHECKING

import numpy as np

from steelyard.likelihood.kernels.total_intensity import total_intensity
from steelyard.model.normaliser import log_normaliser
from steelyard.model.total_rate import check_total_rate
from steelyard.regions.negative_intensity import negative_weights

if TYPE_CHECKING:
    from steelyard.regions.unbinned import Point, UnbinnedModel


def asimov_weights(model: "UnbinnedModel", mu: float, alpha: "Point" = None) -> np.ndarray:
    """Weights (n,) that turn the reference events of a model into the expected data at ``mu`` and ``alpha``.

    The reference weights are normalised to one. The sum is nu(mu, alpha): here N_c is the expectation over these very
    events, whatever the form of the normaliser is.

    Raises:
        ModelError: some weights are negative. They are counted, never clipped: a clipped weight is a biased toy.
            Or the expected rate itself is negative; or ``alpha`` is no point of the nuisance parameters.
    """
    mixture, systematics = model.mixture, model.systematics
    point, kappa = systematics.point(alpha), float(mixture.to_coordinate(mu))
    if not mixture.total(kappa)[0] >= 0.0:
        check_total_rate(mixture.coefficients, mixture.yields, np.array([mu]))
    weights = total_intensity(
        mixture, systematics, model.intensities, model.log_g, kappa, point, _exactly_normalised(model, point)
    )
    weights *= model.weights
    negative = weights < 0.0
    if negative.any():
        share = -weights[negative].sum() / weights.sum()
        number = int(np.count_nonzero(negative))
        raise negative_weights(number, len(weights), share, mu, systematics, point, model.deficits)
    return weights


def _exactly_normalised(model: "UnbinnedModel", point: np.ndarray) -> np.ndarray | None:
    """(C,) factors from the model's normaliser to the joint expectation over the reference, at a point (K,)."""
    if model.integration is None or not point[model.systematics.terms[:, 1]].any():
        return None
    form, joint = log_normaliser(model.systematics, point), model.integration.log_normaliser(point[None])[0]
    return np.asarray(np.exp(form - joint))
