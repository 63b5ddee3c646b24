r"""The error of the expected t(mu) from finite simulation and training, predicted without the truth.

Learned minus true t is :math:`\delta=L+R`: L to first order in the error of the ratios, of either sign, and R to
second order, never negative, the noise of the ratios that looks like sensitivity
(:mod:`steelyard.finite_simulation.functional_derivative`). What is known of them:

- *sample*: the scatter of L from the finite training sample, variance S (:mod:`steelyard.finite_simulation.influence`);
- *members*: the scatter of L from the networks' initial weights and optimisers, variance V of the mean of M members.
  Each member's deviation :math:`\sum_c\int\varphi_c\,(r_{mc}-\bar r_c)\,p_\mathrm{ref}` is linear in it, so that the
  bias of a single member's t does not enter; of bootstrapped members it has the sample's noise in it once more, as the
  mean of M of them has. Of networks that processes share the sum over these processes is taken before the variance,
  else the variances of the processes are added. One member alone shows no scatter: it is taken for that of the
  sample, at least 5 % of t';
- *measured*: :math:`z=L+2R+\varepsilon` on events that did not train, variance E of :math:`\varepsilon`. Of
  cross-fitted ratios the events are the same, and :math:`\mathrm{cov}(L,\varepsilon)=-S`: their noise drops out of z;
- *noise*: a network with P degrees of freedom along the curve has the mean of R at :math:`R_0=P\,(S+V)/4t'`, since
  a change of u by one function of unit norm has the variance :math:`(S+V)/4t'`, t' the part of t that the shapes make.
  P is of the order of 15, known to a factor: R is given the error R_0.

These are combined as Gaussian numbers: the expectation of :math:`\delta` given z is the measured bias, its variance the
error of that, and :math:`\sigma_t^2` the sum of the square of the one and the other: the mean square of :math:`\delta`
given all that was measured. Where z is larger than all of them together allow, there is another reason (too short a
training, too few units, an optimiser that has not settled). Of this excess :math:`\delta=z-R` is known as far as R is:
:math:`z^2/4t'\le R\le z/2` where z is positive (Schwarz' inequality with the learned u; L is not negative then, or the
noise would explain it), and :math:`R=z^2/4t'` where it is negative, which is much where a network has learned little.

R is measured once more by its part along the features and their products
(:mod:`steelyard.finite_simulation.missing_sensitivity`). Where this is larger, less its error, than what R has been
taken for, there is a signal that the networks have not learned, and the true t is larger by the difference.

S and E are taken with the learned :math:`\varphi`, whose size is that of u: where t is mostly noise, they are the
noise's, and the first-order error is smaller by the square root of true over learned t'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.errors import ModelError
from steelyard.finite_simulation.bias_posterior import UNKNOWN, Measured, judged, true_share
from steelyard.finite_simulation.functional_derivative import ExpectedData
from steelyard.finite_simulation.influence import SimulatedEvents, influences
from steelyard.finite_simulation.member_scatter import MemberRatios, MemberScatter
from steelyard.finite_simulation.missing_sensitivity import Functions
from steelyard.inference.fit import Scan
from steelyard.regions.unbinned import UnbinnedModel


@dataclass(frozen=True)
class SimulationError:
    """The error of the expected t(mu) from finite simulation and training; arrays (G,).

    Attributes:
        mu: values of the parameter.
        t: the learned expected t.
        sigma_t: its error, root mean square; infinite where some event has a negative intensity.
        bias: measured t minus the true one, on events that did not train.
        bias_error: standard deviation of the bias.
        events: of every sample, what its finite number of training events alone does to t, to first order.
        noise: mean of the second-order error from the same events.
        members: scatter from the networks, of the mean of the members; absent with one member.
        reference: from the finite reference sample, in sigma_t too; absent where it was not given.
        measured: what all this follows from, None where some event has a negative intensity.
    """

    mu: np.ndarray
    t: np.ndarray
    sigma_t: np.ndarray
    bias: np.ndarray
    bias_error: np.ndarray
    events: dict[str, np.ndarray]
    noise: np.ndarray
    members: np.ndarray | None = None
    reference: np.ndarray | None = None
    measured: tuple[Measured | None, ...] = ()

    @property
    def corrected(self) -> np.ndarray:
        """t less its measured bias, not below zero."""
        return np.maximum(self.t - self.bias, 0.0)


def simulation_error(
    model: UnbinnedModel,
    scan: Scan,
    nominal: float,
    events: SimulatedEvents,
    members: MemberRatios | None = None,
    reference: np.ndarray | None = None,
    points: Sequence[int] | None = None,
) -> SimulationError:
    """Predict the error of the expected t(mu).

    Args:
        model: with the reference events.
        scan: of the expected data.
        nominal: the parameter of the expected data; nuisance parameters are at their nominal values.
        events: the model's reference events, as simulated ones.
        members: of the ratios; None: nothing is known of their scatter, as with one.
        reference: (G,) error from the reference sample along the scan.
        points: numbers of the points of the scan; all of them by default.

    Raises:
        ModelError: the events are not the model's.
    """
    if len(events.densities) != len(model.weights):
        raise ModelError(
            f"there are {len(events.densities)} simulated events and {len(model.weights)} reference events of the "
            "model: take both from one reference, or build the model again"
        )
    chosen = np.arange(len(scan.mu)) if points is None else np.asarray(points, dtype=int)
    data = ExpectedData.at(model, nominal)
    ratios = model.intensities / model.mixture.yields
    labelled = events.densities if events.labelled is None else events.labelled
    alpha = np.zeros((len(scan.mu), 0)) if scan.alpha is None else np.asarray(scan.alpha)
    scatter = None if members is None else MemberScatter.of(model, members)
    functions = None
    if members is not None and members.features is not None:
        functions = Functions(model, data.intensity, events, members.rows, members.features)
    inflation = 1.0 if members is None else members.inflation
    measured: list[Measured | None] = []
    for g in chosen:
        response = data.response(float(scan.mu[g]), alpha[g])
        if not np.isfinite(response.t):
            measured.append(None)
            continue
        phi = response.phi
        samples = (
            events.variances(influences(labelled, events.composition, ratios, phi, events.mixed))
            / events.training
            * inflation
        )
        unseen = samples.sum() * events.training / inflation
        if events.labelled is not None:
            unseen = events.variances(influences(events.densities, events.composition, ratios, phi, events.mixed)).sum()
        second, error = (None, None) if functions is None else functions.measure(response)
        measured.append(
            Measured(
                shape=response.shape,
                z=-float(np.einsum("ic,ic->", events.densities, phi)),
                unseen=float(unseen),
                samples=tuple(samples.tolist()),
                members=None if scatter is None else scatter.variance(phi),
                second=second,
                second_error=error,
            )
        )
    return _result(scan, chosen, events, measured, None if reference is None else np.asarray(reference, dtype=float))


def _result(
    scan: Scan,
    chosen: np.ndarray,
    events: SimulatedEvents,
    measured: "Sequence[Measured | None]",
    reference: np.ndarray | None,
) -> SimulationError:
    found = [UNKNOWN if item is None else judged(item, events.trained) for item in measured]
    bias, error = np.array([item.bias for item in found]), np.array([item.error for item in found])
    added = np.zeros(len(chosen)) if reference is None else reference[chosen]
    # To first order the scatter at the true curve, not at the learned one.
    shares = [
        np.nan if item is None else true_share(item.shape, max(moved, 0.0))
        for item, moved in zip(measured, bias, strict=True)
    ]
    nothing = (np.nan,) * len(events.samples)
    variances = np.array([nothing if item is None else item.samples for item in measured])
    of_samples = np.sqrt(variances * np.array(shares)[:, None])
    spread = [np.nan if item is None else item.members for item in measured]
    return SimulationError(
        mu=np.asarray(scan.mu, dtype=float)[chosen],
        t=np.asarray(scan.t, dtype=float)[chosen],
        sigma_t=np.where(np.isfinite(bias), np.sqrt(bias**2 + error**2 + added**2), np.inf),
        bias=bias,
        bias_error=error,
        events={name: of_samples[:, index] for index, name in enumerate(events.samples)},
        noise=np.array([item.noise for item in found]),
        members=None if None in spread else np.sqrt(np.array(spread, dtype=float) * np.array(shares)),
        reference=None if reference is None else added,
        measured=tuple(measured),
    )
