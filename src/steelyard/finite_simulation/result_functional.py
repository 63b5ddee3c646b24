r"""A result of given data, t at one point or mu_hat, as a functional of all that is simulated, to first order.

Data that stay as they are and fit best at :math:`\hat\theta`. With the A_c events of each process that a hypothesis
makes of the data, :math:`\delta(-2\ln L)` follows

- the learned densities by :math:`\varphi^D_c` (:mod:`steelyard.finite_simulation.functional_derivative`);
- the reference sample, on which each density is normalised, by :math:`\sum_j\delta w_j\,q_j` with
  :math:`q_j=2\sum_cA_c\,\rho_{jc}` (:mod:`steelyard.finite_simulation.reference_error`);
- the yields by :math:`2\sum_c(f_cG_c\nu_c-A_c)\,\delta\ln\nu_c`,

and t by the difference between the hypothesis and the best fit. By the envelope theorem the nuisance parameters may be
held. Within its basin the minimum moves by

.. math:: \delta\hat\mu = -\tfrac12\,\frac{\mathrm d}{\mathrm ds}\,
          \delta(-2\ln L)\big(\hat\theta+s\,\mathrm{cov}(\mu,\theta)\big),

the covariance of the fit being twice the inverse of the Hessian of :math:`-2\ln L`: the same functionals, of half of
the difference of two points on both sides of the best fit.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.finite_simulation.functional_derivative import ExpectedData, Response
from steelyard.inference.fit import Fit
from steelyard.likelihood.likelihood import Likelihood
from steelyard.regions.varied_intensities import varied_intensities

# Length of the step along cov(mu, theta), in errors of mu, over which the derivative of mu_hat is taken.
STEP = 0.05


@dataclass(frozen=True, eq=False)
class ResultFunctional:
    """How one result follows what is simulated.

    Attributes:
        fixed: (n, C) phi^D_c, of the learned densities.
        sums: (n,) q_j, of the reference weights.
        yields: (C,) derivatives by ln nu_c.
        terms: factors and parts lambda_jc (n, C) of the logarithms of intensities that an event adds to the result.
        responses: t along which the second order is known, each with the square of its part in the result.
        of_t: the result is a t, not mu_hat.
    """

    fixed: np.ndarray
    sums: np.ndarray
    yields: np.ndarray
    terms: tuple[tuple[float, np.ndarray], ...]
    responses: tuple[tuple[Response, float], ...]
    of_t: bool = True


@dataclass(frozen=True, eq=False)
class GivenData:
    """Data that stay as they are, with the model's expectation where they fit best.

    Attributes:
        best: the model's expected data there.
        likelihood: of the data, whose own A_c are taken; None: the expected ones.
    """

    best: ExpectedData
    likelihood: Likelihood | None = None

    def of_t(self, mu: float, alpha: np.ndarray, theta: np.ndarray) -> ResultFunctional | None:
        """t at a point (mu, alpha (K,), theta (M - 1,)); None where some event has a negative intensity there."""
        response = self.best.response(mu, alpha, theta)
        if not np.isfinite(response.t):
            return None
        return self._of(response, mu, alpha, theta)

    def of_hat(self, fit: Fit) -> ResultFunctional | None:
        """mu_hat within its basin; None on a bound, without a covariance, or next to a negative intensity.

        The direction is that of the profile at its minimum. A step that leads out of the range of mu is a shorter one.
        """
        if fit.covariance is None or not fit.uncertainty or fit.at_bound:
            return None
        model, error = self.best.model, fit.uncertainty
        direction = np.asarray(fit.covariance, dtype=float)[0]
        room = min(abs(bound - fit.hat) for bound in model.mixture.bounds)
        step = min(STEP / error, 0.5 * room / error**2)
        place, others = np.array([fit.hat, *fit.theta, *fit.alpha]), 1 + len(fit.theta)
        sides = []
        for side in (step, -step):
            moved = place + side * direction
            sides.append(self.of_t(float(moved[0]), _inside(self.best, moved[others:]), moved[1:others]))
        after, before = sides
        if after is None or before is None:
            return None
        scale = -0.5 / (2.0 * step)
        return ResultFunctional(
            fixed=scale * (after.fixed - before.fixed),
            sums=scale * (after.sums - before.sums),
            yields=scale * (after.yields - before.yields),
            terms=((scale, after.terms[0][1]), (-scale, before.terms[0][1])),
            responses=tuple((own.responses[0][0], 0.125 / step**2) for own in (after, before)),
            of_t=False,
        )

    def _of(self, response: Response, mu: float, alpha: np.ndarray, theta: np.ndarray) -> ResultFunctional:
        best = self.best
        here, there = best.factors, response.shares
        if self.likelihood is not None:
            here = _shares(self.likelihood, best.mu, best.alpha, best.theta)
            there = _shares(self.likelihood, mu, alpha, theta)
        return ResultFunctional(
            fixed=response.fixed,
            sums=2.0 * (response.normalised @ there - best.normalised @ here),
            yields=2.0 * (response.factors - there - best.factors + here),
            terms=(
                (1.0, response.normalised * response.factors),
                (-1.0, best.normalised * best.factors),
            ),
            responses=((response, 1.0),),
        )


def _inside(best: ExpectedData, alpha: np.ndarray) -> np.ndarray:
    return np.clip(alpha, *best.model.systematics.bounds.T) if len(alpha) else alpha


def _shares(data: Likelihood, mu: float, alpha: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """A_c (C,) of observed events."""
    mixture = data.mixture
    coefficients = mixture.coefficient_values(np.array([[mu, *theta]]))[0]
    terms = coefficients * varied_intensities(data.systematics, data.intensities, np.asarray(data.log_g), alpha)
    weights = np.ones(len(terms)) if data.weights is None else data.weights
    return np.asarray((weights / terms.sum(axis=1)) @ terms)
