"""How well the tables and pairs of the normaliser stand for the joint expectation, in units of the likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steelyard.statistics.expectations import JointNormaliser
from steelyard.statistics.model import Model
from steelyard.statistics.normaliser import log_normaliser
from steelyard.statistics.responses import total_yield_factors

SIZES = (1.0, 2.0, 3.0)

# In units of -2 ln L, at |alpha| <= 1. A difference of that size moves no 68 % interval by more than a few per cent.
TOLERATED = 0.1


@dataclass(frozen=True)
class AccuracyWithin:
    r"""What is left of ln N_c at random points of :math:`|\alpha_k|\le` ``size``, uniform in every nuisance parameter.

    Attributes:
        size: half the width of the cube; narrower bounds of a nuisance parameter are kept.
        points: how many were drawn.
        log_normaliser: rms of the exact ln N_c of each process: what would be wrong without any normaliser.
        factorised: rms of what a product of normalisers of single shapes leaves of it, each process.
        rms: rms of what the form with pairs leaves, each process.
        largest: the largest of that by size, each process.
        deviation: rms of the corresponding difference in -2 ln L of the expected data,
            :math:`2\sum_c f_c\,G_c(\alpha)\,\nu_c\,\delta\ln N_c`, at the worst value of the parameter.
        largest_deviation: the largest of that by size, at any value of the parameter.
        factorised_deviation: as ``deviation``, without pairs.
    """

    size: float
    points: int
    log_normaliser: tuple[float, ...]
    factorised: tuple[float, ...]
    rms: tuple[float, ...]
    largest: tuple[float, ...]
    deviation: float
    largest_deviation: float
    factorised_deviation: float


@dataclass(frozen=True)
class NormaliserAccuracy:
    """The error of the normaliser's form against the exact joint expectation on the same events.

    Attributes:
        processes: order of the processes.
        mu: values of the parameter of interest at which -2 ln L was compared.
        events: size of the integration sample.
        within: one entry for each size of the cube.
    """

    processes: tuple[str, ...]
    mu: tuple[float, ...]
    events: int
    within: tuple[AccuracyWithin, ...]

    def sufficient(self, tolerated: float = TOLERATED) -> bool:
        """Whether the form does within ±1σ; if not, fits need :class:`~.expectations.JointNormaliser`."""
        return min(self.within, key=lambda entry: entry.size).deviation <= tolerated

    @property
    def advice(self) -> str:
        """One sentence for the log and the report."""
        parts = [f"{entry.deviation:.2g} (largest {entry.largest_deviation:.2g})" for entry in self.within]
        sizes = ", ".join(f"{entry.size:g}" for entry in self.within)
        found = f"the normaliser's form is off by {', '.join(parts)} in -2 ln L at |alpha| <= {sizes}"
        if self.sufficient():
            return f"{found}: good enough"
        return (
            f"{found}: more than {TOLERATED:g} within one sigma. Many shapes vary together: prune or merge nuisance "
            "parameters with shapes, or evaluate the joint expectation (steelyard.statistics.expectations)"
        )


def measure_accuracy(
    model: Model,
    mu: Sequence[float] | None = None,
    sizes: Sequence[float] = SIZES,
    points: int = 20,
    events: int = 100_000,
    seed: int = 0,
) -> NormaliserAccuracy:
    """Compare the form with the joint expectation at random points.

    The form is fitted anew to the integration sample if that is a part of the events, so that both sides of the
    comparison know the same events and only the form's own error is left.

    Args:
        model: with shape effects.
        mu: values of the parameter of interest; None: the nominal one and the lower bound, at which different processes
            carry the expected events.
        sizes: of the cubes.
        points: drawn in each.
        events: at most so many of the reference events.
        seed: of points and events.
    """
    mixture, systematics = model.mixture, model.systematics
    if mu is None:
        mu = (mixture.coefficients.nominal[mixture.coefficients.parameters[0]], mixture.bounds[0])
    expected = mixture.fractions(mixture.to_coordinate(np.array(mu))) * mixture.yields
    joint = JointNormaliser.over(systematics, model.log_g, model.densities, events, seed)
    form = joint.part or systematics
    single = replace(form, normaliser=replace(form.normaliser, pair_factors=0.0 * form.normaliser.pair_factors))
    generator = np.random.default_rng(seed)
    entries = []
    for size in sizes:
        alpha = np.tile(systematics.nominal, (points, 1))
        moved = np.unique(systematics.terms[:, 1])
        low, high = np.clip(systematics.bounds[moved].T, -size, size)
        alpha[:, moved] = generator.uniform(low, high, size=(points, len(moved)))
        exact = joint.joint(alpha)
        left, factorised = log_normaliser(form, alpha) - exact, log_normaliser(single, alpha) - exact
        scale = 2.0 * total_yield_factors(systematics, alpha)
        deviation, factorised_deviation = ((scale * part) @ expected.T for part in (left, factorised))
        entries.append(
            AccuracyWithin(
                size=float(size),
                points=points,
                log_normaliser=_rms(exact),
                factorised=_rms(factorised),
                rms=_rms(left),
                largest=tuple(np.abs(left).max(axis=0).tolist()),
                deviation=max(_rms(deviation)),
                largest_deviation=float(np.abs(deviation).max()),
                factorised_deviation=max(_rms(factorised_deviation)),
            )
        )
    return NormaliserAccuracy(mixture.processes, tuple(map(float, mu)), len(joint.log_g), tuple(entries))


def _rms(values: np.ndarray) -> tuple[float, ...]:
    return tuple(np.sqrt(np.mean(values**2, axis=0)).tolist())
