"""Bias and error of t given what was measured of it: Gaussian numbers, combined.

What is measured and why it is combined so is derived in :mod:`steelyard.finite_simulation.simulation_error`, whose
letters are used here.
"""

from dataclasses import dataclass, replace

import numpy as np

# Scatter of t by the network of a single member, which shows none, as a part of t'.
ONE_MEMBER = 0.05
# What no measurement here resolves of t: so much, or so large a part of a small t'. In the embedded analysis, whose
# sharp dips of the interference are learned last, 0.002 to 0.02 at the second minimum with t' = 0.2.
RESOLUTION, RESOLVED = 0.0075, 0.1
# Degrees of freedom of the learned ratios along the curve: 4 to 30 over the trainings of benchmarks/verdict_study.py.
FREEDOM = 15.0


@dataclass(frozen=True)
class Measured:
    """What is measured at one point, all with the learned phi; S, V and E are those of this module's head.

    Attributes:
        shape: t', the part of the learned t that the shapes make.
        z: L + 2R and the noise of the events that did not train.
        unseen: variance E of that noise.
        samples: part of every sample in the variance S from the training events.
        members: variance V; absent with one member.
        second, second_error: R along functions of the features; absent where they were not given.
    """

    shape: float
    z: float
    unseen: float
    samples: tuple[float, ...]
    members: float | None = None
    second: float | None = None
    second_error: float | None = None


@dataclass(frozen=True)
class Posterior:
    """What is known of t's error at one point.

    Attributes:
        bias: its expectation.
        error: its standard deviation about that.
        noise: prior mean of the second order.
    """

    bias: float
    error: float
    noise: float


UNKNOWN = Posterior(np.nan, np.inf, np.nan)


def judged(measured: Measured, trained: bool) -> Posterior:
    """What follows from all that was measured at one point; ``trained``: on events that trained other members."""
    known = posterior(measured.shape, measured.z, sum(measured.samples), measured.members, measured.unseen, trained)
    if measured.second is not None and measured.second_error is not None:
        known = _with_missing(known, measured.z, measured.second, measured.second_error)
    return replace(known, error=float(np.hypot(known.error, min(RESOLUTION, RESOLVED * measured.shape))))


def posterior(
    shape: float, measured: float, sample: float, members: float | None, unseen: float, trained: bool = False
) -> Posterior:
    """Bias and error of t from the measured z and the variances S, V (None: unknown) and E of this module's head.

    Args:
        shape: t', the part of the learned t that the shapes make.
        measured: z.
        sample: S with the learned phi.
        members: V with the learned phi, of the mean of the members.
        unseen: E.
        trained: the events of z trained too, in other members.
    """
    scattered = max(sample, (ONE_MEMBER * shape) ** 2) if members is None else members
    noise = FREEDOM * (sample + scattered) / (4.0 * shape) if shape > 0.0 else 0.0
    share = true_share(shape, 0.5 * max(measured, 0.0))
    first, optimiser = sample * share, scattered * share
    common = min(first, np.sqrt(first * unseen)) if trained else 0.0  # -cov(L, epsilon)
    prior = first + optimiser
    total = prior + 4.0 * noise**2 + unseen - 2.0 * common
    away = measured - 2.0 * noise
    covariance, variance = prior - common + 2.0 * noise**2, prior + noise**2
    excess = max(away**2 - total, 0.0)
    if excess > 0.0:
        share, spread = _unexplained(away, shape)
        covariance += share * excess
        variance += (share**2 + spread**2) * excess
        total += excess
    if not total > 0.0:
        return Posterior(0.0, 0.0, noise)
    bias = noise + covariance / total * away
    return Posterior(float(bias), float(np.sqrt(max(variance - covariance**2 / total, 0.0))), float(noise))


def _unexplained(measured: float, shape: float) -> tuple[float, float]:
    """t's error as a fraction of a z of unknown origin, and how far this is unknown: R between its bounds."""
    least = float(np.clip(measured / (4.0 * shape), -1.0, 0.5)) if shape > 0.0 else 0.0
    if measured <= 0.0:
        return 1.0 - least, 0.0
    return 0.75 - 0.5 * least, 0.25 - 0.5 * least


def _with_missing(known: Posterior, measured: float, second: float, error: float) -> Posterior:
    """With a measurement of R: where it is more than R was taken for, the true t is larger by the difference."""
    missing = second - error - max(measured - known.bias, 0.0)
    if not missing > 0.0:
        return known
    return Posterior(known.bias - missing, float(np.hypot(known.error, error)), known.noise)


def true_share(shape: float, bias: float) -> float:
    """True over learned t', at most 1, at least a tenth: the size of the first-order variances."""
    return float(np.clip((shape - bias) / shape, 0.1, 1.0)) if shape > 0.0 else 1.0
