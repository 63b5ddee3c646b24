r"""Variance of a result from what was simulated, by source.

To first order a result moves by a sum over independent events (:mod:`steelyard.finite_simulation.result_functional`):
an event on the training side by :math:`I_i`, its influence through the learned densities
(:mod:`steelyard.finite_simulation.influence`); one of the reference by
:math:`J_i=\sum_k\omega_kp_{ki}(q_i-\langle q\rangle_k)`; and every event, on both sides, by the yields. With
:math:`\nu_c` the sum of the weights of all events and :math:`b_c` the derivative by :math:`\ln\nu_c` an event adds
:math:`Y_i=\sum_cb_c\,w_{ci}/\nu_c`, less the mean over all that were generated, since their number is fixed:

.. math:: \mathrm{var}_\nu = \sum_iY_i^2 - \sum_s\frac1{n_s}\Big(\sum_cb_c\frac{\nu_{sc}}{\nu_c}\Big)^2,

:math:`n_s` the entries of sample s before the selection. What one event does in several ways is added before it is
squared: training and yields, reference and yields, and, cross-fitted, all three. Weights that are all the same and no
selection: no error of the yields, and a yield that is configured has none.

*Networks*: the scatter of the members (:mod:`steelyard.finite_simulation.member_scatter`), as it is.

*Bias*: the same functional over events that did not train, :math:`z=-\sum_c\sum_ip_{ci}\varphi^D_c(x_i)`, has the first
order L of the error of the learned densities once, the second order twice, and the noise of these events, of variance
E. The second order of t is about R, below. A network whose error is orthogonal to what it predicts, as that of a
calibrated one is, has z = 0 and a t that is low by R; one that follows its events without restraint has L = 0 and is
high by R. So L is taken to be :math:`-R\pm R` before the measurement, beside the scatter by sample and networks. These
events are the reference too: with the covariance :math:`\kappa` of z's noise and the reference's part of the result,

.. math:: \langle\delta\rangle = K\,(z-R), \quad K = \frac{S+V+R^2-\kappa}{S+V+R^2+E}, \quad
          \langle\delta^2\rangle = \langle\delta\rangle^2 + S+V+R^2+\mathrm{ref} - K^2\,(S+V+R^2+E),

as Gaussian numbers. What z has beyond two of its standard deviations is a bias of the networks, which the data see as
it is. Cross-fitted, the noise of z is that of the training itself and drops out of both. Of mu_hat the second order
is not known, and R is left out.

*Noise*: a data set of finite size sees the error of u = ln lambda_mu/lambda_hat event by event,
:math:`\delta t=-2\sum_i\delta u(x_i)`, with a mean that is all of the above, and the variance

.. math:: 4R, \qquad R = \int\lambda\,(\delta u)^2\,p_\mathrm{ref}\,dx .

n times as many events have it 1/n as large relative to the rest. R is the square of the error of single events, which
no first-order measurement sees. It is taken for the larger of that of the finite sample, :math:`P\,S/4t'` as in
:mod:`steelyard.finite_simulation.simulation_error`, and what the members show event by event: with the mean square
:math:`s^2` between single members, :math:`s^2/M` of the mean of M of them and COMMON times :math:`s^2` that all have in
common (exact ratios: 2.2 to 3.6 in the embedded analysis, with matrix-element labels, where the first is 0.05 of R; in
the hard-label problem of benchmarks/simulation_uncertainty.py the first is 0.9 to 1.5 of R).
"""

from dataclasses import dataclass

import numpy as np

from steelyard.finite_simulation.bias_posterior import FREEDOM, ONE_MEMBER
from steelyard.finite_simulation.functional_derivative import Response
from steelyard.finite_simulation.influence import SimulatedEvents, centred, influences
from steelyard.finite_simulation.member_scatter import MemberScatter
from steelyard.finite_simulation.result_functional import ResultFunctional
from steelyard.finite_simulation.simulated_yields import SimulatedYields
from steelyard.regions.unbinned import UnbinnedModel

# Square of z, over its variance, beyond which it has another reason.
EXCESS = 4.0
# Square of the error that all networks of an ensemble have in common, event by event, over that between two of them.
COMMON = 2.5


@dataclass(frozen=True)
class ResultVariances:
    """Variances of one result, and the measured bias of the learned densities.

    Attributes:
        sample: finite training sample.
        networks: initial weights and optimiser, of the mean of the members.
        reference: finite reference sample.
        yields: finite sample in the yields.
        noise: 4R.
        correlated: twice the covariances of the yields with sample and reference.
        bias: learned minus true, expected after the measurement.
        square: mean square error by sample, networks and reference, given the measurement.
        measured: z.
        unseen: E.
        shared: kappa.
    """

    sample: float
    networks: float
    reference: float
    yields: float
    noise: float
    correlated: float
    bias: float
    square: float
    measured: float
    unseen: float
    shared: float

    @property
    def total(self) -> float:
        """Mean square error of the result."""
        return max(self.square + self.yields + self.correlated, 0.0) + self.noise


@dataclass(frozen=True, eq=False)
class Simulation:
    """All that is known of the simulation behind a model.

    Attributes:
        model: with the reference events.
        events: these as simulated ones.
        scatter: of the members.
        inflation: of the sample's variance by validation events.
        yields: None: all configured.
        fraction: of the reference events that these are.
    """

    model: UnbinnedModel
    events: SimulatedEvents
    scatter: MemberScatter | None = None
    inflation: float = 1.0
    yields: SimulatedYields | None = None
    fraction: float = 1.0

    def variances(self, result: ResultFunctional, intensity: np.ndarray) -> ResultVariances:
        """Of one result, with lambda (n,) of the data where they fit best."""
        events, model = self.events, self.model
        ratios = model.intensities / model.mixture.yields
        densities = events.densities if events.mixed is None else events.mixed
        labelled = events.densities if events.labelled is None else events.labelled
        training = influences(labelled, events.composition, ratios, result.fixed, events.mixed)
        sample = self._sum(training, training) / events.training * self.inflation
        seen = influences(events.densities, events.composition, ratios, result.fixed, events.mixed)
        reference = centred(densities, result.sums[:, None] * events.composition)
        own = self.fraction * self._sum(reference, reference)
        slopes = result.yields if self.yields is None else result.yields * self.yields.simulated
        yields, correlated = 0.0, 0.0
        # All events over those of the reference: cross-fitted, they are the same.
        both = 1.0 if events.trained else 1.0 + events.training * self.fraction
        if self.yields is not None:
            part = events.densities @ slopes
            yields = self.fraction * self._sum(part, part) / both
            yields = max(yields - float(((self.yields.shares @ slopes) ** 2 / self.yields.generated).sum()), 0.0)
            correlated += 2.0 * self.fraction / both * (self._sum(part, training) + self._sum(part, reference))
        networks = self._networks(result, sample)
        z = -float(np.einsum("ic,ic->", events.densities, result.fixed))
        noise = 4.0 * self._noise(result, intensity)
        found = Measurement(
            prior=sample + networks,
            reference=own,
            measured=z,
            unseen=self._sum(seen, seen),
            shared=self.fraction * self._sum(seen, reference),
            both=self.fraction * self._sum(training, reference) if events.trained else 0.0,
            common=min(sample, float(np.sqrt(sample * self._sum(seen, seen)))) if events.trained else 0.0,
            second=0.25 * noise if result.of_t else 0.0,
        )
        bias, square = found.error()
        return ResultVariances(
            sample=sample,
            networks=networks,
            reference=own,
            yields=yields,
            noise=noise,
            correlated=correlated,
            bias=bias,
            square=square,
            measured=z,
            unseen=found.unseen,
            shared=found.shared,
        )

    def _sum(self, first: np.ndarray, second: np.ndarray) -> float:
        """Sum over independent events of the products of what they add, (n,)."""
        owner = self.events.events
        if owner is not None:
            first, second = np.bincount(owner, weights=first), np.bincount(owner, weights=second)
        return float(first @ second)

    def _networks(self, result: ResultFunctional, sample: float) -> float:
        found = None if self.scatter is None else self.scatter.variance(result.fixed)
        if found is not None:
            return found
        return max(sample, sum(4.0 * part * (ONE_MEMBER**2 * own.shape) for own, part in result.responses))

    def _noise(self, result: ResultFunctional, intensity: np.ndarray) -> float:
        """R of the result."""
        noise = sum(part * self._sampled_noise(own) for own, part in result.responses)
        single = None if self.scatter is None else self.scatter.single_noise(result.terms, intensity)
        if self.scatter is None or single is None:
            return noise
        return max(noise, single * (1.0 / self.scatter.fewest + COMMON))

    def _sampled_noise(self, response: Response) -> float:
        """P S/4t', S of the expected t."""
        if not response.shape > 0.0:
            return 0.0
        events, ratios = self.events, self.model.intensities / self.model.mixture.yields
        labelled = events.densities if events.labelled is None else events.labelled
        moved = influences(labelled, events.composition, ratios, response.phi, events.mixed)
        return FREEDOM * self._sum(moved, moved) / events.training * self.inflation / (4.0 * response.shape)


@dataclass(frozen=True)
class Measurement:
    """What is known of a result's error before z, and z.

    Attributes:
        prior: S + V.
        reference: variance by the reference.
        measured, unseen: z and E.
        shared: kappa.
        both: covariance of training and reference, of events that are in both.
        common: covariance of training and z's noise, with the sign reversed, of events that are in both.
        second: R.
    """

    prior: float
    reference: float
    measured: float
    unseen: float
    shared: float = 0.0
    both: float = 0.0
    common: float = 0.0
    second: float = 0.0

    def error(self) -> tuple[float, float]:
        """Its expectation and its mean square."""
        prior, away = self.prior + self.second**2, self.measured - self.second
        total = max(prior + self.unseen - 2.0 * self.common, 0.0)
        excess = max(away**2 - EXCESS * total, 0.0)
        covariance = prior - self.common - self.shared + self.both + excess
        variance = prior + self.reference + 2.0 * self.both + excess
        total += excess
        if not total > 0.0:
            return 0.0, float(max(variance, 0.0))
        bias = covariance / total * away
        return float(bias), float(bias**2 + max(variance - covariance**2 / total, 0.0))
