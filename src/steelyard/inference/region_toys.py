r"""Expected data and pseudo-experiments of all regions of a model, at one point of its parameters.

Unbinned regions are drawn by the Poisson bootstrap of their reference events (:mod:`steelyard.inference.toys`), each of
its own; a bin has a Poisson number of counts, and with template errors δ an auxiliary measurement of its factor, thrown
about 1 with the error δ. The global observables are common to all regions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from steelyard.errors import ModelError
from steelyard.inference.global_observables import throw_from
from steelyard.inference.toy_fits import RegionToys, ToyFits, fit_experiments
from steelyard.inference.toys import ToySampler
from steelyard.likelihood.kernels.total_intensity import region_intensities
from steelyard.likelihood.likelihood import Likelihood
from steelyard.likelihood.region_events import RegionEvents
from steelyard.model.model import Model
from steelyard.model.parameters import ParameterSet
from steelyard.model.region import BinnedRegion, Region
from steelyard.seeds import seed_for

Point = ArrayLike | Mapping[str, float] | None


@dataclass(frozen=True, eq=False)
class Thrown:
    """T pseudo-experiments of all regions.

    Attributes:
        regions: what they see of each.
        global_observables: (T, K).
    """

    regions: tuple[RegionToys, ...]
    global_observables: np.ndarray

    def fit(self, model: Model, tested: float, threads: int = 1, parameter: str | None = None) -> ToyFits:
        """t of each at a value of a parameter (:func:`~steelyard.inference.toy_fits.fit_experiments`)."""
        return fit_experiments(model, self.regions, tested, self.global_observables, threads, parameter)


def expected_data(model: Model, references: Sequence[RegionEvents | None], point: Point = None) -> Likelihood:
    """The likelihood of the Asimov data of all regions at values of the parameters (P,), or by name.

    Args:
        model: parameters and regions.
        references: of each unbinned region the reference events, with the weights of p_ref, of sum 1; None of bins.
        point: nominal by default; the global observables are those of the nuisance parameters there.

    Raises:
        ModelError: see :func:`expected_events`.
    """
    values = model.parameters.point(point)
    events = tuple(
        _seen(region, reference, expected)
        for region, reference, expected in zip(
            model.regions, references, expected_events(model, references, values), strict=True
        )
    )
    own = _nuisances(model)
    observed = np.where(own.measured, values[len(model.theta) :], own.nominal)
    return Likelihood(model, events, observed)


def expected_events(model: Model, references: Sequence[RegionEvents | None], point: Point = None) -> list[np.ndarray]:
    """Asimov weights of the reference events of each unbinned region, and expected counts of the bins of others.

    Raises:
        ModelError: a weight or a bin is negative there.
    """
    values = model.parameters.point(point)
    thetas = len(model.theta)
    coefficients = model.coefficient_values(values[None, :thetas])
    named = dict(zip(model.parameters.names, values, strict=True))
    found = []
    for region, reference, own in zip(model.regions, references, coefficients, strict=True):
        alpha = np.array([named[name] for name in region.systematics.names])
        if isinstance(region, BinnedRegion):
            expected = region_intensities(region, region.templates, region.log_g, own[0], alpha)
        elif reference is None or reference.weights is None:
            raise ModelError(f"region {region.name} needs its reference events with their weights")
        else:
            expected = region_intensities(region, reference.intensities, reference.log_g, own[0], alpha)
            expected = expected * np.asarray(reference.weights)
        if (expected < 0.0).any():
            raise ModelError(
                f"{np.count_nonzero(expected < 0.0)} of {len(expected)} {'bins' if region.binned else 'events'} of "
                f"region {region.name} have a negative density at {named}"
            )
        found.append(expected)
    return found


def throw_regions(
    model: Model, references: Sequence[RegionEvents | None], point: Point, number: int, seed: int
) -> Thrown:
    """Pseudo-experiments of all regions.

    Args:
        model, references: as of :func:`expected_data`.
        point: values of the parameters (P,), or by name, at which they are thrown.
        number: how many.
        seed: of everything random; each region has random numbers of its own, by its name.

    Raises:
        ModelError: see :func:`expected_events`.
    """
    values = model.parameters.point(point)
    regions = []
    for region, reference, expected in zip(
        model.regions, references, expected_events(model, references, values), strict=True
    ):
        generator = np.random.default_rng(seed_for(seed, "region", region=region.name))
        if isinstance(region, BinnedRegion):
            regions.append(_throw_bins(region, expected, number, generator))
        elif reference is not None:
            rows, offsets = ToySampler(np.cumsum(expected)).draw(number, generator)
            seen = RegionEvents(reference.intensities, None, reference.log_g)
            regions.append(RegionToys(seen, offsets, rows))
    own = _nuisances(model)
    alpha = np.tile(values[len(model.theta) :], (number, 1))
    aside = np.random.default_rng(seed_for(seed, "global_observables"))
    return Thrown(tuple(regions), throw_from(own, alpha, aside.normal(size=alpha.shape)))


def _throw_bins(region: BinnedRegion, expected: np.ndarray, number: int, generator: np.random.Generator) -> RegionToys:
    bins = len(expected)
    counts = generator.poisson(expected, size=(number, bins)).astype(float)
    auxiliary = None
    if region.errors is not None:
        auxiliary = generator.normal(1.0, region.errors, size=(number, bins))
    events = RegionEvents(region.templates, counts.reshape(-1), region.log_g)
    return RegionToys(events, bins * np.arange(number + 1), None, auxiliary)


def _nuisances(model: Model) -> ParameterSet:
    return ParameterSet(model.parameters.parameters[len(model.theta) :])


def _seen(region: Region, reference: RegionEvents | None, expected: np.ndarray) -> RegionEvents:
    if isinstance(region, BinnedRegion):
        return RegionEvents.of_counts(region, expected)
    if reference is None:
        raise ModelError(f"region {region.name} needs its reference events")
    return RegionEvents(reference.intensities, expected, reference.log_g)
