"""The summary of an analysis: one JSON file that other software can rely on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steelyard.baselines.results import BaselineResult, BinnedScan
from steelyard.checks import Advice, Check
from steelyard.diagnostics.simulation.simulation_point import SimulationPoint
from steelyard.inference.belts import BestFit, Inference, Interval
from steelyard.inference.intervals import Ends, Segments, ends
from steelyard.inference.significance import ExpectedSignificance, Significance

Range = tuple[float, float]

# Of the summary's fields.
VERSION = 2

if TYPE_CHECKING:
    from steelyard.finite_simulation.reference_error import ReferenceError
    from steelyard.finite_simulation.simulation_uncertainty import SimulationUncertainty


@dataclass(frozen=True)
class LevelResult:
    """Confidence sets at one level, each a list of segments of the parameter.

    Attributes:
        neyman, asymptotic: by toys and by Wald's approximation.
        oracle, oracle_asymptotic: the same of the exact likelihood.
        neyman_simulation: by toys, with the uncertainty from finite simulation and training in t; where it was asked
            for.
        ends: by the name of a set above, what both ends of each segment are: ``crossing``, a real end; ``bound``, the
            bound of the parameter, which is in the set; ``open``, the edge of what was searched, beyond which it goes
            on.
        errors: by the name of a set, errors of both ends of each segment from the number of toys; zero at an end that
            is no crossing.
    """

    neyman: list[tuple[float, float]] | None = None
    asymptotic: list[tuple[float, float]] = field(default_factory=list)
    oracle: list[tuple[float, float]] | None = None
    oracle_asymptotic: list[tuple[float, float]] | None = None
    neyman_simulation: list[tuple[float, float]] | None = None
    ends: dict[str, Ends] = field(default_factory=dict)
    errors: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class SignificanceResult:
    """Standard deviations against the lower bound of the parameter.

    Attributes:
        asymptotic, neyman, oracle: sqrt(t), and the two-sided readings of the p-values by toys of the learned and of
            the exact likelihood. Limits where ``is_limit`` says so in the next two.
        headline: the reading that people see first, ``two-sided`` or ``one-sided``.
        learned, exact: t, p-value with its range, and both readings.
        expected, expected_exact: median and bands of toys at the nominal value; Asimov data only.
    """

    asymptotic: float
    neyman: float | None = None
    oracle: float | None = None
    headline: str = "two-sided"
    learned: Significance | None = None
    exact: Significance | None = None
    expected: ExpectedSignificance | None = None
    expected_exact: ExpectedSignificance | None = None


@dataclass(frozen=True)
class HistogramResult:
    """What one binned analysis says of one data set: as of the unbinned one."""

    hat: float
    levels: dict[str, LevelResult]
    significance: Significance
    searched: Range | None = None
    fit: BestFit | None = None


@dataclass(frozen=True)
class SigmaMC:
    """The uncertainty of one data set's result from finite simulation and training, which no interval contains by
    itself (:class:`steelyard.finite_simulation.simulation_uncertainty.SimulationUncertainty`).

    Attributes:
        hat: of the best fit within its basin; absent for the ``reason``.
        of_sigma: of the best fit, over the error of the fit.
        sources: of the best fit by source: ``sample``, ``networks``, ``reference``, ``yields``, ``noise``.
        bias: measured error of the best fit from the learned densities, in ``hat``.
        reason: why there is none of the best fit.
        mu, t, sigma_t: the same of t along the scan, infinite where t is.
        shift_t: sigma_t without the noise event by event, which pseudo-experiments have in them.
        sources_t: of t by source.
    """

    mu: list[float]
    t: list[float]
    sigma_t: list[float]
    shift_t: list[float]
    sources_t: dict[str, list[float]]
    hat: float | None = None
    of_sigma: float | None = None
    sources: dict[str, float] = field(default_factory=dict)
    bias: float | None = None
    reason: str | None = None

    @classmethod
    def of(cls, found: "SimulationUncertainty") -> "SigmaMC":
        """As software reads it."""
        return cls(
            mu=found.mu.tolist(),
            t=found.t.tolist(),
            sigma_t=found.sigma_t.tolist(),
            shift_t=found.shift_t.tolist(),
            sources_t={name: values.tolist() for name, values in found.sources.items()},
            hat=found.sigma_hat,
            of_sigma=found.of_sigma,
            sources=dict(found.hat_sources),
            bias=found.hat_bias,
            reason=found.reason,
        )


@dataclass(frozen=True)
class DataResult:
    """What one data set (Asimov or observed) says.

    Attributes:
        hat: best fit.
        levels: confidence sets, by the level as text.
        significance: against the lower bound.
        baselines: of each binned analysis the sets by Wald's approximation, by the level as text.
        sigma_reference: the component of the finite reference sample in ``hat``, which the intervals do not contain.
        histograms: all that the binned analyses say, by their names.
        fit: what is special about the best fit.
        searched, scanned: ranges of the parameter in which the sets by toys and those by Wald were searched.
        bounds: physical range of the parameter.
        oracle_hat, oracle_fit, oracle_searched: best fit of the exact likelihood, and the range of its sets by toys.
        sigma_mc: what finite simulation and training leave unknown of this result.
    """

    hat: float
    levels: dict[str, LevelResult]
    significance: SignificanceResult
    baselines: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    sigma_reference: float | None = None
    histograms: dict[str, HistogramResult] = field(default_factory=dict)
    fit: BestFit | None = None
    searched: Range | None = None
    scanned: Range | None = None
    bounds: Range | None = None
    oracle_hat: float | None = None
    oracle_fit: BestFit | None = None
    oracle_searched: Range | None = None
    sigma_mc: SigmaMC | None = None


@dataclass(frozen=True)
class CheckResult:
    """One diagnostic with its verdict."""

    name: str
    value: float
    threshold: float
    status: str


@dataclass(frozen=True)
class Summary:
    """The contract of ``summary.json``. What an analysis does not have is absent.

    ``negative_weights`` has for each process the sum of |w| of its events of negative weight over that of all its
    events, where any process has some. ``version`` rises when a field changes its meaning or place: 2 has ``sigma_mc``
    in each result.
    """

    analysis: str
    parameter: str
    results: dict[str, DataResult]
    checks: list[CheckResult]
    advice: list[Advice] | None = None
    negative_weights: dict[str, float] | None = None
    simulation: list[SimulationPoint] | None = None
    version: int = VERSION


def summarise(
    analysis: str,
    parameter: str,
    inferences: Mapping[str, Inference],
    oracle: Mapping[str, Inference],
    baselines: Sequence[BaselineResult],
    checks: Sequence[Check],
    headline: str = "two-sided",
    reference: "Mapping[str, ReferenceError] | None" = None,
    advice: Sequence[Advice] = (),
    negative_fractions: Mapping[str, float] | None = None,
    simulation: Sequence[SimulationPoint] = (),
    uncertainty: "Mapping[str, SimulationUncertainty] | None" = None,
) -> Summary:
    """Put the results of an analysis together.

    Args:
        analysis, parameter: names.
        inferences: what the learned belt says of each data set, ``asimov`` and perhaps ``observed``.
        oracle: the same of the exact likelihood's belt; empty where there is none.
        baselines: the binned analyses.
        checks: the verdicts of all diagnostics.
        headline: reading of the p-value that people see first.
        reference: what the finite reference sample adds to each data set.
        advice: what to do next.
        negative_fractions: of each process, see :class:`steelyard.data.reference.Reference`.
        simulation: what finite simulation and training leave unknown of t.
        uncertainty: of each data set's result from finite simulation and training.
    """
    results = {}
    for data, inference in inferences.items():
        scans = {baseline.name: getattr(baseline, data) for baseline in baselines}
        scans = {name: scan for name, scan in scans.items() if scan is not None}
        error = reference[data].sigma_hat if reference and data in reference else None
        found = (uncertainty or {}).get(data)
        sigma_mc = None if found is None else SigmaMC.of(found)
        results[data] = _data_result(inference, oracle.get(data), scans, headline, error, sigma_mc)
    verdicts = [CheckResult(check.name, check.value, check.threshold, check.status) for check in checks]
    negative = dict(negative_fractions) if any((negative_fractions or {}).values()) else None
    unknown = list(simulation) or None
    return Summary(
        analysis,
        parameter,
        results,
        verdicts,
        advice=list(advice) or None,
        negative_weights=negative,
        simulation=unknown,
    )


def _data_result(
    inference: Inference,
    oracle: Inference | None,
    scans: Mapping[str, BinnedScan],
    headline: str,
    sigma_reference: float | None,
    sigma_mc: SigmaMC | None,
) -> DataResult:
    evidence, bounds = inference.significance, inference.bounds
    headline_of_oracle = None
    if oracle is not None:
        found = oracle.significance
        headline_of_oracle = found.asymptotic if found.neyman is None else found.neyman
    return DataResult(
        hat=inference.hat,
        levels={
            str(interval.level): _level(interval, oracle.intervals[index] if oracle else None)
            for index, interval in enumerate(inference.intervals)
        },
        significance=SignificanceResult(
            evidence.asymptotic,
            evidence.neyman,
            headline_of_oracle,
            headline,
            evidence,
            oracle.significance if oracle else None,
            inference.expected,
            oracle.expected if oracle else None,
        ),
        baselines={name: scan.intervals for name, scan in scans.items()},
        sigma_reference=sigma_reference,
        histograms={name: _histogram(scan, bounds, evidence.tested) for name, scan in scans.items()},
        fit=inference.fit,
        searched=inference.searched,
        scanned=inference.scanned,
        bounds=bounds,
        oracle_hat=oracle.hat if oracle else None,
        oracle_fit=oracle.fit if oracle else None,
        oracle_searched=oracle.searched if oracle else None,
        sigma_mc=sigma_mc,
    )


def _level(interval: Interval, oracle: Interval | None = None) -> LevelResult:
    sets = {"neyman": (interval.neyman, interval.neyman_ends, interval.neyman_errors)}
    sets["asymptotic"] = (interval.asymptotic, interval.asymptotic_ends, None)
    if interval.simulation is not None:
        sets["neyman_simulation"] = (interval.simulation, interval.simulation_ends, None)
    if oracle is not None:
        sets["oracle"] = (oracle.neyman, oracle.neyman_ends, oracle.neyman_errors)
        sets["oracle_asymptotic"] = (oracle.asymptotic, oracle.asymptotic_ends, None)
    return LevelResult(
        **{name: segments for name, (segments, _, _) in sets.items()},
        ends={name: kinds for name, (_, kinds, _) in sets.items() if kinds is not None},
        errors={name: errors for name, (_, _, errors) in sets.items() if errors is not None},
    )


def _histogram(scan: BinnedScan, bounds: Range | None, tested: float) -> HistogramResult:
    """Of a binned analysis without toys there are Wald's sets alone."""
    if scan.inference is not None:
        found = scan.inference
        levels = {str(interval.level): _level(interval) for interval in found.intervals}
        return HistogramResult(found.hat, levels, found.significance, found.searched, found.fit)
    reach = float(scan.mu[0]), float(scan.mu[-1])

    def level(segments: Segments) -> LevelResult:
        kinds = {} if bounds is None else {"asymptotic": ends(segments, reach, bounds)}
        return LevelResult(asymptotic=segments, ends=kinds)

    return HistogramResult(
        hat=scan.hat,
        levels={name: level(segments) for name, segments in scan.intervals.items()},
        significance=Significance(tested, scan.t_lower_bound, scan.significance),
        searched=reach,
    )
