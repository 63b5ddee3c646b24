"""Binned analyses to compare with: an observable, a fixed discriminant, a parameterised one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from steelyard.baselines.results import (
    BaselineInput,
    BaselineResult,
    Bins,
    baseline_result,
    binned_scan,
    wald_intervals,
)
from steelyard.baselines.template_toys import throw_counts
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import Sample
from steelyard.inference.fit import Scan, scan
from steelyard.inference.intervals import curve
from steelyard.inference.toy_fits import ToyFits
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.mixture import Mixture
from steelyard.regions.binned import BinnedModel, Templates, fill_templates, with_shapes
from steelyard.regions.binning import histogram
from steelyard.regions.normalisation import log_ratios
from steelyard.regions.pyhf_model import pyhf_difference

# Points of the fit coordinate at which a parameterised observable is tested besides those of the scan.
REACH_POINTS = 33

# Histograms of a parameterised observable that are held against pyhf's, which takes longer than to fit them.
PYHF_POINTS = 6

# The data sets, in the order in which they are fitted.
DATA = ("asimov", "observed")


class Baseline(Protocol):
    """A baseline as it is declared: ``kind`` is ``observable``, ``discriminant`` or ``parameterised``.

    ``observable`` belongs to the first, ``numerator`` and ``denominator`` to the second; ``bins`` is a number of bins
    of equal expectation, or their edges.
    """

    name: str
    kind: str
    observable: str | None
    numerator: str | None
    denominator: str | None
    bins: int | Sequence[float]


def fit_baseline(
    baseline: Baseline,
    given: BaselineInput,
    samples: Sequence[Sample],
    events: ReferenceEvents,
    intensities: np.ndarray,
    observed: Sample | None = None,
    observed_intensities: np.ndarray | None = None,
) -> BaselineResult:
    """The baseline that the configuration asks for.

    Args:
        baseline: its section.
        given: simulated events and tests.
        samples, events: the simulated samples, and the rows of them that ``given`` is made of.
        intensities: (n, C) nu_c r_c(x_i) of these events.
        observed, observed_intensities: observed events and their intensities, if there are any.

    Raises:
        ModelError: a bin expects no events somewhere within the parameter's bounds.
        InputError: an observable is not stored.
    """
    if baseline.kind == "discriminant":
        processes = baseline.numerator, baseline.denominator
        return discriminant_baseline(baseline.name, given, intensities, *processes, baseline.bins, observed_intensities)
    if baseline.kind == "parameterised":
        return parameterised_baseline(baseline.name, given, intensities, baseline.bins, observed_intensities)
    name = [baseline.observable]
    values = events.gather([sample.observables_named(name)[:, 0] for sample in samples])
    counted = None if observed is None else observed.observables_named(name)[:, 0]
    return fixed_baseline(baseline.name, "observable", baseline.observable, given, values, baseline.bins, counted)


def fixed_baseline(
    name: str,
    kind: str,
    observable: str,
    given: BaselineInput,
    values: np.ndarray,
    bins: int | Sequence[float],
    observed: np.ndarray | None = None,
) -> BaselineResult:
    """A histogram of one observable that does not depend on the parameter.

    Args:
        name, kind, observable: for the result.
        given: simulated events and tests.
        values: (n,) observable of the simulated events.
        bins: number of bins, quantiles of the reference that hold all events, or edges outside of which events are
            left out.
        observed: (N,) observable of the observed events.

    Raises:
        ModelError: a bin expects no events somewhere within the parameter's bounds.
    """
    mixture = given.mixture
    binning = Bins.of(bins, values, given.weights)
    templates = fill_templates(binning.index(values), given.densities, mixture, len(binning), given.varied)
    model = BinnedModel.of(mixture, templates, name)
    datasets = [model.asimov(given.truth)]
    if observed is not None:
        datasets.append(binning.count(observed))
    scans, difference = [], 0.0
    for data, counts in zip(DATA, datasets, strict=False):
        likelihood = model.likelihood(counts)
        result = scan(likelihood, given.mu)
        intervals = wald_intervals(_test_statistic(likelihood, result), given)
        toys = {}
        if given.toys is not None:
            conditional = scan(likelihood, given.toys.points)
            for place, mu in enumerate(conditional.mu.tolist()):
                toys[mu] = _throw(model, given, name, data, mu, conditional, place)
        scans.append(binned_scan(counts, result, intervals, given, toys))
        difference = max(difference, pyhf_difference(model, counts, mixture.to_coordinate(given.mu)))
    return baseline_result(name, kind, observable, binning.edges, model, given, scans, difference)


def discriminant_baseline(
    name: str,
    given: BaselineInput,
    intensities: np.ndarray,
    numerator: str,
    denominator: str,
    bins: int | Sequence[float],
    observed_intensities: np.ndarray | None = None,
) -> BaselineResult:
    """A histogram of the fixed discriminant log r_numerator/r_denominator.

    Args:
        name: for the result.
        given: simulated events and tests.
        intensities: (n, C) nu_c r_c(x_i) of the simulated events.
        numerator, denominator: names of processes.
        bins: as of :func:`fixed_baseline`.
        observed_intensities: (N, C) of the observed events.

    Raises:
        ModelError: a bin expects no events somewhere within the parameter's bounds.
    """
    mixture = given.mixture
    chosen = [mixture.processes.index(process) for process in (numerator, denominator)]

    def discriminant(of: np.ndarray) -> np.ndarray:
        log_r = log_ratios(of[:, chosen], mixture.yields[chosen])
        return log_r[:, 0] - log_r[:, 1]

    observed = None if observed_intensities is None else discriminant(observed_intensities)
    observable = f"log r_{numerator}/r_{denominator}"
    return fixed_baseline(name, "discriminant", observable, given, discriminant(intensities), bins, observed)


def parameterised_baseline(
    name: str,
    given: BaselineInput,
    intensities: np.ndarray,
    bins: int | Sequence[float],
    observed_intensities: np.ndarray | None = None,
) -> BaselineResult:
    r"""A histogram that changes with the hypothesis: each mu_0 is tested in the observable made for it.

    The observable is :math:`O_{\mu_0}(x)=\ln p(x|\mu_0)/p_\mathrm{ref}(x)`, in bins of equal expectation at mu_0 (or
    in given edges). With :math:`L_{\mu_0}(\mu)` the binned likelihood of the templates of all processes in *that*
    observable,

    .. math:: t(\mu_0) = -2\ln\frac{L_{\mu_0}(\mu_0)}{L_{\mu_0}(\hat\mu_{\mu_0})}

    so numerator and denominator always refer to the same counts, and t is a test statistic like any other. The
    reported best fit is the self-consistent one, :math:`\hat\mu_{\mu_0}=\mu_0`. Between the tested points t is a
    monotone cubic in the fit coordinate. Pseudo-experiments at mu_0 are counted and tested in its observable as well.
    An event whose ratios give a negative density is in the lowest bin: an observable may have any value.

    Args:
        name: for the result.
        given: simulated events and tests.
        intensities: (n, C) nu_c r_c(x_i) of the simulated events.
        bins: number of bins, or edges of the observable, outside of which events are left out.
        observed_intensities: (N, C) of the observed events.

    Raises:
        ModelError: a bin expects no events somewhere within the parameter's bounds.
    """
    mixture = given.mixture
    columns = [np.ascontiguousarray(given.densities[:, c]) * mixture.yields[c] for c in range(len(mixture.processes))]
    points = _tested_points(given)
    tests: list[list[tuple[float, float]]] = []  # per point, per data set: t and the best fit
    toys: tuple[dict[float, ToyFits], ...] = tuple({} for _ in DATA)
    difference, compared = 0.0, set(np.linspace(0, len(points) - 1, PYHF_POINTS, dtype=int).tolist())
    for place, point in enumerate(points):
        kappa = float(mixture.to_coordinate(point))
        binning, index, observed = _bin_density(given, intensities, bins, kappa, observed_intensities)
        counts = np.stack([histogram(index, column, len(binning)) for column in columns])
        templates = Templates(mixture.processes, counts, np.empty(0))
        if given.varied is not None:
            templates = with_shapes(templates, index, given.densities, given.varied)
        model = BinnedModel.of(mixture, templates, name)
        tests.append([])
        for number, data in enumerate([model.asimov(given.truth), *observed]):
            result = scan(model.likelihood(data), [point])
            tests[-1].append((float(result.t[0]), result.fit.hat))
            if given.toys is not None and point in given.toys.points:
                toys[number][float(point)] = _throw(model, given, name, DATA[number], float(point), result, 0)
            if place in compared:
                difference = max(difference, pyhf_difference(model, data, kappa))
    truth = float(mixture.to_coordinate(given.truth))
    binning, index, observed = _bin_density(given, intensities, bins, truth, observed_intensities)
    templates = fill_templates(index, given.densities, mixture, len(binning), given.varied)
    model = BinnedModel.of(mixture, templates, name)
    scans = []
    for number, data in enumerate([model.asimov(given.truth), *observed]):
        t, hats = np.array([test[number] for test in tests]).T
        intervals = wald_intervals(curve(mixture.to_coordinate(points), t), given)
        # The last fit lends its form; what it found is that of one observable among many.
        whole = Scan(points, t, float(t[0]), replace(result.fit, hat=_self_consistent(mixture, points, hats, t)))
        scans.append(binned_scan(data, whole, intervals, given, toys[number]))
    edges = np.log(np.maximum(binning.edges, np.finfo(float).tiny))
    observable = f"log p(x|{mixture.coefficients.parameters[0]})/p_ref"
    return baseline_result(name, "parameterised", observable, edges, model, given, scans, difference)


def _throw(
    model: BinnedModel, given: BaselineInput, name: str, data: str, mu: float, result: Scan, place: int
) -> ToyFits:
    """Pseudo-experiments at the conditional fit of the nuisance parameters to a data set."""
    alpha = None if result.alpha is None else result.alpha[place]
    return throw_counts(model, mu, alpha, given.toys.number, given.toys.seed_of(name, data, mu))


def _test_statistic(likelihood: Likelihood, result: Scan) -> Callable[[np.ndarray], np.ndarray]:
    """t of the fit coordinate, for a number as for an array; with nuisance parameters a curve through the scan."""
    if likelihood.systematics is not None and len(likelihood.systematics):
        return curve(likelihood.mixture.to_coordinate(result.mu), result.t)
    return lambda kappa: likelihood.value(kappa).reshape(np.shape(kappa)) - result.fit.minimum


def _tested_points(given: BaselineInput) -> np.ndarray:
    """The scan, the lower bound, where toys are thrown, and points equidistant in the fit coordinate over the range."""
    mixture = given.mixture
    thrown = () if given.toys is None else given.toys.points
    needed = np.unique([*given.mu, *given.range, mixture.bounds[0], *thrown])
    places = np.linspace(*mixture.to_coordinate(np.asarray(given.range)), REACH_POINTS)
    # None beside another: each costs a histogram of all events, and two a rounding error apart would give the
    # interpolated curve a slope made of noise.
    distance = np.abs(places[:, None] - mixture.to_coordinate(needed)).min(axis=1)
    return np.sort(np.concatenate([needed, mixture.to_parameter(places[distance > 0.3 * (places[1] - places[0])])]))


def _bin_density(
    given: BaselineInput,
    intensities: np.ndarray,
    bins: int | Sequence[float],
    kappa: float,
    observed_intensities: np.ndarray | None,
) -> tuple[Bins, np.ndarray, list[np.ndarray]]:
    """Bins of p(x|kappa)/p_ref, the bin of each simulated event (n,), and the observed counts, if there are any.

    The density ratio stands for its logarithm: the bins are the same, and it may be negative.
    """
    mixture = given.mixture
    coefficients = mixture.coefficients_along(kappa)[0] / float(mixture.total(kappa)[0])
    density = intensities @ coefficients
    edges = bins if isinstance(bins, int) else np.exp(np.asarray(bins, dtype=float))
    binning = Bins.of(edges, density, given.weights * density)
    observed = [] if observed_intensities is None else [binning.count(observed_intensities @ coefficients)]
    return binning, binning.index(density), observed


def _self_consistent(mixture: Mixture, points: np.ndarray, hats: np.ndarray, t: np.ndarray) -> float:
    """The value whose own observable gives it back: where hat(mu_0) - mu_0 changes its sign, at the smallest t."""
    kappa, excess = mixture.to_coordinate(points), mixture.to_coordinate(hats) - mixture.to_coordinate(points)
    turns = np.flatnonzero((excess[:-1] >= 0.0) & (excess[1:] <= 0.0))
    if not len(turns):
        return float(points[int(np.argmin(t))])
    left = turns[int(np.argmin(np.minimum(t[turns], t[turns + 1])))]
    fall = excess[left] - excess[left + 1]
    share = excess[left] / fall if fall > 0.0 else 0.0
    return float(mixture.to_parameter(kappa[left] + share * (kappa[left + 1] - kappa[left])))
