r"""The uncertainty of a result from the finite reference sample: its component in t(mu) and in mu_hat.

The reference sample enters the likelihood of given data through the normalisation of each process,

.. math:: D_c(\alpha) = \sum_j w_j\,r_c(x_j)\,g_c(x_j|\alpha), \qquad
          \lambda_i = \sum_c f_c\,G_c\,\nu_c\,\frac{r_c(x_i)\,g_c(x_i|\alpha)}{D_c(\alpha)},

which is N_c and the normalisation of r_c in one. Pseudo-experiments are drawn from this one sample and normalised on
it, so they do not contain its fluctuation, however small it is. The yields are taken as known: their errors are
systematic uncertainties of the simulation, not of the densities.

*Given data* (observed). With the shares :math:`a_{ic}` of the processes in the data events and
:math:`A_c(\theta)=\sum_i a_{ic}`, :math:`\theta=(\mu,\alpha)`, another reference sample changes the likelihood by

.. math:: \delta(-2\ln L)(\theta) = 2\sum_c A_c(\theta)\,\delta\ln D_c(\alpha).

Refitting does not matter to first order where a minimum was, so that

.. math:: \delta t(\mu) = \delta(-2\ln L)(\mu,\hat{\hat\alpha}) - \delta(-2\ln L)(\hat\mu,\hat\alpha), \qquad
          \delta\hat\mu = -\tfrac12\,\frac{\mathrm d}{\mathrm ds}\,
          \delta(-2\ln L)\big(\hat\theta + s\,\mathrm{cov}(\mu,\theta)\big)

with the covariance of the fit, which is twice the inverse of the Hessian of :math:`-2\ln L`.

*Reference events.* Each density is normalised by itself, :math:`w_j=\sum_k\omega_k p_{kj}` with
:math:`\sum_j p_{kj}=1`, so that the number of events of a process fluctuates in no density: an event changes a sum
:math:`\sum_j w_jq_j` by :math:`\sum_k\omega_kp_{kj}(q_j-\bar q_k)` with :math:`\bar q_k=\sum_j p_{kj}q_j`. The variance
is the sum of the squares over *independent* events: an event with weights of several processes, or the rows that share
an id, are summed up first. Here :math:`q_j` is linear in :math:`\rho_{jc}=r_cg_c/D_c`, as :math:`\delta\ln D_c` has
:math:`q_j=\rho_{jc}`.

*Expected (Asimov) data* are the reference sample itself, with weights :math:`w_j\lambda_j(\theta_0)`. Another sample
has its best fit at :math:`\theta_0` again, since :math:`\sum_jw_j\lambda_{jc}=f_cG_c\nu_c` holds on every sample: no
scatter of mu_hat at all. The expected curve has some: t(mu) has the direct term of the data too, and

.. math:: q_j = -2\lambda_j(\theta_0)\ln\frac{\lambda_j(\theta)}{\lambda_j(\theta_0)}
          + 2\sum_c\big[A_c(\theta)\,\rho_{jc}(\alpha) + (L_c - A_c(\theta_0))\,\rho_{jc}(\alpha_0)\big], \qquad
          L_c = \sum_j w_j\lambda_{jc}(\theta_0)\ln\frac{\lambda_j(\theta)}{\lambda_j(\theta_0)}.

What data that are independent of the reference will have is the first kind with the expected A_c, and is given too.
"""

from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.inference.fit import Scan
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.yield_factors import total_yield_factors
from steelyard.regions.unbinned import UnbinnedModel
from steelyard.regions.varied_intensities import shape_products, varied_intensities

# Independent reference events that the sums of squares are estimated from: to 2 % of the result, in a second or two.
EVENTS = 20_000

# Length of the step in the direction of cov(mu, theta), in errors of mu, over which derivatives are taken.
STEP = 0.01


@dataclass(frozen=True)
class ReferenceError:
    r"""The component of the finite reference sample in the result of one data set.

    Attributes:
        mu: (G,) parameter values of the scan.
        sigma_t: (G,) its standard deviation in t(mu), of data independent of the reference.
        sigma_hat: the same in mu_hat; absent where the fit has no covariance, as on a bound.
        of_sigma: sigma_hat over the fit's error of mu_hat; absent with it.
        effective: effective reference events for each expected event at the best fit.
        regenerated_t: (G,) scatter of the expected curve itself, over samples that are reference and data at once;
            of Asimov data only.
    """

    mu: np.ndarray
    sigma_t: np.ndarray
    effective: float
    sigma_hat: float | None = None
    of_sigma: float | None = None
    regenerated_t: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Components:
    r"""What the reference density is made of.

    Attributes:
        weights: (n, R) :math:`\omega_kp_{kj}`; rows add up to the reference weights, columns to :math:`\omega_k`.
        events: (n,) number of the independent event that a row belongs to; None: each row is one.
    """

    weights: np.ndarray
    events: np.ndarray | None = None

    def variance(self, columns: np.ndarray) -> np.ndarray:
        """Variance of sum_j w_j q_j for each column q of (n, Q): (Q,)."""
        shares = self.weights.sum(axis=0)
        means = (self.weights / np.where(shares > 0.0, shares, 1.0)).T @ columns
        influence = self.weights.sum(axis=1)[:, None] * columns - self.weights @ means
        if self.events is not None:
            influence = np.stack([np.bincount(self.events, weights=column) for column in influence.T], axis=1)
        return np.einsum("jq,jq->q", influence, influence)


def reference_error(
    model: UnbinnedModel,
    data: Likelihood,
    scan: Scan,
    components: Components,
    asimov: bool,
    events: int = EVENTS,
    seed: int = 0,
) -> ReferenceError:
    """The component of the finite reference sample in t(mu) and in mu_hat of one data set.

    Args:
        model: with the reference sample.
        data: the likelihood of the data.
        scan: of these data.
        components: of the model's n reference events.
        asimov: the data are the expected ones, made of this reference sample.
        events: independent reference events, at random, that the sums of squares are estimated from.
        seed: of their choice.

    Raises:
        ModelError: the components are not those of the model's events.
    """
    if components.weights.shape[0] != len(model.weights) or not np.allclose(
        components.weights.sum(axis=1), model.weights, rtol=1e-9, atol=0.0
    ):
        raise ModelError(
            f"the components of {len(components.weights)} reference events do not add up to the weights of the "
            f"model's {len(model.weights)}: take both from the same reference, or build the model again"
        )
    part = _Part.of(model, components, events, seed)
    best = np.asarray(scan.fit.alpha, dtype=float)
    alpha = np.zeros((len(scan.mu), 0)) if scan.alpha is None else np.asarray(scan.alpha)
    reached = part.normalised(best)
    at_best = part.terms(scan.fit.hat, best, reached)
    counted = part.weights * at_best.sum(axis=1) if asimov else data
    own = reached @ (2.0 * part.shares(counted, scan.fit.hat, best, reached))
    columns = []
    regenerated = [] if asimov else None
    for mu, point in zip(scan.mu, alpha, strict=True):
        there = part.normalised(point) if len(best) else reached
        columns.append(there @ (2.0 * part.shares(counted, float(mu), point, there)) - own)
        if regenerated is not None:
            intensity = part.terms(float(mu), point, there).sum(axis=1)
            ratio = np.log(intensity / at_best.sum(axis=1))
            moved = 2.0 * (part.weights * ratio) @ at_best
            regenerated.append(columns[-1] + reached @ moved - 2.0 * at_best.sum(axis=1) * ratio)
    sigma_t = np.sqrt(part.variance(np.stack(columns, axis=1)))
    hat = _sigma_hat(model, counted, part, scan)
    return ReferenceError(
        mu=np.asarray(scan.mu),
        sigma_t=sigma_t,
        effective=part.effective(at_best.sum(axis=1)),
        sigma_hat=hat,
        of_sigma=None if hat is None else hat / scan.fit.uncertainty,
        regenerated_t=None if regenerated is None else np.sqrt(part.variance(np.stack(regenerated, axis=1))),
    )


def _sigma_hat(model: UnbinnedModel, counted: "Likelihood | np.ndarray", part: "_Part", scan: Scan) -> float | None:
    covariance, error = scan.fit.covariance, scan.fit.uncertainty
    if covariance is None or not error:
        return None
    direction = np.asarray(covariance[0], dtype=float)
    place = np.array([scan.fit.hat, *scan.fit.alpha])
    # A step of the parameter that leads out of its range is a shorter one.
    room = min(abs(bound - scan.fit.hat) for bound in model.mixture.bounds)
    step = min(STEP / error, 0.5 * room / error**2)
    if not step > 0.0:
        return None
    ends = []
    for side in (1.0, -1.0):
        mu, *alpha = place + side * step * direction
        point = np.clip(np.array(alpha), *model.systematics.bounds.T)
        reached = part.normalised(point)
        ends.append(reached @ (2.0 * part.shares(counted, mu, point, reached)))
    change = 0.5 * (ends[0] - ends[1]) / (2.0 * step)
    return float(np.sqrt(part.variance(change[:, None])[0]))


@dataclass(frozen=True, eq=False)
class _Part:
    """Some of the reference events, as a reference sample of its own: normalised to itself."""

    model: UnbinnedModel
    intensities: np.ndarray
    log_g: np.ndarray
    components: Components
    fraction: float

    @classmethod
    def of(cls, model: UnbinnedModel, components: Components, events: int, seed: int) -> "_Part":
        owner = np.arange(len(model.weights)) if components.events is None else components.events
        number = int(owner.max()) + 1
        chosen = np.ones(number, dtype=bool)
        if number > events:
            chosen = np.zeros(number, dtype=bool)
            chosen[np.random.default_rng(seed).choice(number, events, replace=False)] = True
        rows = np.flatnonzero(chosen[owner])
        shares, kept = components.weights.sum(axis=0), components.weights[rows]
        sums = kept.sum(axis=0)
        kept = kept * np.where(sums > 0.0, shares / np.where(sums > 0.0, sums, 1.0), 0.0)
        numbers = None if components.events is None else np.unique(owner[rows], return_inverse=True)[1]
        part = Components(kept, numbers)
        return cls(model, model.intensities[rows], model.log_g[rows], part, min(events / number, 1.0))

    @property
    def weights(self) -> np.ndarray:
        return self.components.weights.sum(axis=1)

    def variance(self, columns: np.ndarray) -> np.ndarray:
        """Of the whole sample, which has more events than the part."""
        return self.fraction * self.components.variance(columns)

    def normalised(self, alpha: np.ndarray) -> np.ndarray:
        """rho_jc (m, C), with mean 1."""
        systematics, result = self.model.systematics, self.intensities.copy()
        for c in np.unique(systematics.terms[:, 0]):
            result[:, c] *= shape_products(systematics, self.log_g, alpha[None], int(c))[0]
        return result / (self.weights @ result)

    def terms(self, mu: float, alpha: np.ndarray, normalised: np.ndarray) -> np.ndarray:
        """lambda_jc (m, C)."""
        mixture = self.model.mixture
        coefficients = mixture.coefficients_along(mixture.to_coordinate(mu))[0]
        return normalised * (coefficients * total_yield_factors(self.model.systematics, alpha) * mixture.yields)

    def shares(
        self, counted: Likelihood | np.ndarray, mu: float, alpha: np.ndarray, normalised: np.ndarray
    ) -> np.ndarray:
        """A_c (C,) of the data, or of these events with the weights (m,) of expected data."""
        if isinstance(counted, Likelihood):
            mixture, systematics = self.model.mixture, self.model.systematics
            coefficients = mixture.coefficients_along(mixture.to_coordinate(mu))[0]
            terms = coefficients * varied_intensities(systematics, counted.intensities, counted.log_g, alpha)
            return (1.0 / terms.sum(axis=1)) @ terms
        terms = self.terms(mu, alpha, normalised)
        return (counted / terms.sum(axis=1)) @ terms

    def effective(self, intensity: np.ndarray) -> float:
        """Effective events of the whole sample for each expected event, with an intensity (m,)."""
        weights = self.weights * intensity
        if self.components.events is not None:
            weights = np.bincount(self.components.events, weights=weights)
        return float(weights.sum() / (weights**2).sum() / self.fraction)
