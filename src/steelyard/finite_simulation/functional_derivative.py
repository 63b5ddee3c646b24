r"""The functional derivative of the expected test statistic in the density of every process.

The expected data at the nominal point :math:`\theta_0` have the intensity :math:`\lambda_0(x)`, and with
:math:`\lambda_\mu(x)` that of the conditional fit :math:`(\mu,\hat{\hat\alpha}(\mu))`, both over the reference,

.. math:: t(\mu) = 2\int\Big[\lambda_\mu-\lambda_0-\lambda_0\ln\frac{\lambda_\mu}{\lambda_0}\Big]p_\mathrm{ref}\,dx
          + \text{constraints}, \qquad
          \lambda_\mu = \sum_c f_c\,G_c\,\nu_c\,\frac{g_c\,r_c}{N_c}, \quad N_c = \int r_cg_c\,p_\mathrm{ref}\,dx .

The nuisance parameters are fitted and the best fit is :math:`\theta_0` whatever the densities are, so that a change
:math:`\delta p_c=p_\mathrm{ref}\,\delta r_c` moves t by its direct effect alone (envelope theorem),
:math:`\delta t=\sum_c\int\varphi_c\,\delta p_c\,dx`,

.. math:: \varphi_c(x;\mu) = -2\,\nu_c\,f_c(\mu_0)\,\ln\frac{\lambda_\mu}{\lambda_0}
          - 2\,\Big[\frac{\lambda_0}{\lambda_\mu}\,f_c(\mu)\,G_c\,\nu_c - A_c\Big]\frac{g_c}{N_c}, \qquad
          A_c = \int\frac{\lambda_0}{\lambda_\mu}\,\lambda_{\mu c}\,p_\mathrm{ref}\,dx,

where the last term is what the normaliser does. The sum of a density is fixed, so that a constant in
:math:`\varphi_c` means nothing; it is chosen for :math:`\int\varphi_c\,p_c\,dx=0`.

*Second order.* With :math:`u=\ln(\lambda_\mu/\lambda_0)` another set of densities has

.. math:: t(\hat p) = t(p) + \sum_c\int\varphi_c[p]\,\delta p_c
          + \int\lambda_0\,(\delta u)^2\,p_\mathrm{ref}\,dx + \dots

with a square that is never negative: noise in the ratios always raises t, as if it were sensitivity.

*Data that stay as they are.* The t of given data, of intensity :math:`\lambda_0` where they fit best, moves by what the
densities do to the likelihood alone. The first term of :math:`\varphi_c`, by which the expected data follow the
densities, is not there; at the best fit :math:`\lambda_0/\lambda_\mu=1` and the bracket vanishes with :math:`A_c`, so
that the second term of t has no derivative of its own, and

.. math:: \varphi^D_c(x;\mu) = -2\,\Big[\frac{\lambda_0}{\lambda_\mu}\,f_c(\mu)\,G_c\,\nu_c - A_c\Big]\frac{g_c}{N_c}.

Near the best fit it is of first order in :math:`\mu-\hat\mu`, and :math:`\varphi_c` of second: errors of the densities
move the minimum of given data, of expected data only the curvature.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.negative_intensity import negative_weights
from steelyard.regions.unbinned import Point, UnbinnedModel
from steelyard.regions.varied_intensities import shape_products


@dataclass(frozen=True, eq=False)
class ExpectedData:
    """A model's expected data at one point, of which t is a functional of the densities.

    Attributes:
        model: with its reference events.
        mu, alpha: the point, alpha (K,).
        intensity: (n,) lambda_0 on the reference events.
        own: (n, C) f_c G_c nu_c g_c/N_c at the point, lambda_0 being the sum of r_c times it.
        normalised: (n, C) r_c g_c/N_c there.
        factors: (C,) f_c G_c nu_c there.
        theta: (M - 1,) further parameters of the coefficients.
    """

    model: UnbinnedModel
    mu: float
    alpha: np.ndarray
    intensity: np.ndarray
    own: np.ndarray
    normalised: np.ndarray
    factors: np.ndarray
    theta: np.ndarray

    @classmethod
    def at(cls, model: UnbinnedModel, mu: float, alpha: Point = None, theta: ArrayLike = ()) -> "ExpectedData":
        """The expected data at a point, with further parameters theta of the coefficients, nominal ones by default.

        Raises:
            ModelError: some event has a negative intensity.
        """
        point = model.systematics.point(alpha)
        factors = _factors(model, mu, point, theta)
        reached, shapes = _normalised(model, point)
        intensity, own = reached @ factors, np.tile(factors, (len(reached), 1))
        for c, shape in shapes.items():
            own[:, c] *= shape
        weights = model.weights * intensity
        negative = weights < 0.0
        if negative.any():
            share = -weights[negative].sum() / weights.sum()
            raise negative_weights(
                int(np.count_nonzero(negative)), len(weights), share, mu, model.systematics, point, model.deficits
            )
        return cls(model, float(mu), point, intensity, own, reached, factors, np.asarray(theta, dtype=float))

    def response(self, mu: float, alpha: np.ndarray, theta: ArrayLike = ()) -> "Response":
        """What t(mu) is and how it follows the densities, with the conditional fit alpha (K,), theta (M - 1,) at mu.

        Where an event has no positive intensity there t is infinite, and has no derivative: all of phi is NaN.
        """
        model, systematics = self.model, self.model.systematics
        alpha = np.asarray(alpha, dtype=float)
        reached, shapes = _normalised(model, alpha)
        there = _factors(model, mu, alpha, theta)
        intensity = reached @ there
        if not (intensity > 0.0).all():  # as the likelihood has it: such a hypothesis cannot have produced the data
            nothing = np.full_like(reached, np.nan)
            return Response(nothing, np.inf, np.nan, nothing, nothing, reached, there, there * np.nan)
        quotient = self.intensity / intensity
        u = -np.log(quotient)
        density = model.weights[:, None] * model.intensities / model.mixture.yields
        fixed = quotient[:, None] * there
        kernel = fixed - self.own
        shares = (model.weights * quotient) @ reached * there
        for c, shape in shapes.items():
            kernel[:, c] = fixed[:, c] * shape - self.own[:, c]
            fixed[:, c] = (fixed[:, c] - shares[c]) * shape
        fixed *= -2.0
        sums = np.einsum("ic,ic->c", density, self.own)  # zero of a process that is not in the expected data
        mean = np.einsum("ic,ic,i->c", density, self.own, u) / np.where(sums == 0.0, 1.0, sums)
        phi = fixed - 2.0 * (u[:, None] - mean) * self.own
        for values in (fixed, phi):
            values -= np.einsum("ic,ic->c", density, values)
        expected = model.weights * self.intensity
        total = expected.sum()
        penalty = float(systematics.parameters.penalty(alpha, self.alpha)[0].sum())
        t = 2.0 * (there.sum() - total - expected @ u) + penalty
        shape_part = max(float(expected @ u**2 - (expected @ u) ** 2 / total), 0.0)
        return Response(phi, float(t), shape_part, kernel, fixed, reached, there, shares)


@dataclass(frozen=True, eq=False)
class Response:
    """t(mu) as a functional of the densities.

    Attributes:
        phi: (n, C) phi_c on the reference events; its mean over each process is zero.
        t: the value.
        shape: the part of t that the densities make, the sum of lambda_0 (u - mean u)^2 with u = ln(lambda_mu/lambda_0)
            and its mean over the expected data; the rest are the yields.
        kernel: (n, C) nu_c [lambda_0/lambda_mu f_c(mu) G_c g_c/N_c - (the same at the best fit)], lambda_0 times the
            change of u with each density.
        fixed: (n, C) phi^D_c, of data that stay as they are.
        normalised: (n, C) r_c g_c/N_c.
        factors: (C,) f_c G_c nu_c.
        shares: (C,) A_c, events of each process in the expected data as this hypothesis has them.
    """

    phi: np.ndarray
    t: float
    shape: float
    kernel: np.ndarray
    fixed: np.ndarray
    normalised: np.ndarray
    factors: np.ndarray
    shares: np.ndarray


def _normalised(model: UnbinnedModel, alpha: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """r_c g_c/N_c (n, C) with mean 1 over these very events, and g_c/N_c (n,) of the processes that have shapes."""
    systematics, result = model.systematics, model.intensities / model.mixture.yields
    shapes = {}
    for c in np.unique(systematics.terms[:, 0]).astype(int):
        shape = shape_products(systematics, model.log_g, np.asarray(alpha, dtype=float)[None], c)[0]
        shapes[c] = shape / (model.weights @ (result[:, c] * shape))
        result[:, c] *= shapes[c]
    return result, shapes


def _factors(model: UnbinnedModel, mu: float, alpha: np.ndarray, theta: ArrayLike) -> np.ndarray:
    """f_c(mu, theta) G_c(alpha) nu_c, (C,)."""
    mixture = model.mixture
    further = np.asarray(theta, dtype=float)
    if len(further):
        coefficients = mixture.coefficient_values(np.array([[mu, *further]]))[0]
    else:
        coefficients = mixture.coefficients_along(mixture.to_coordinate(mu))[0]
    return coefficients * total_yield_factors(model.systematics, np.asarray(alpha, dtype=float)) * mixture.yields
