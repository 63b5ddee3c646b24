"""Input and result of a binned analysis, whatever it bins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from steelyard.baselines.template_toys import ToyPlan
from steelyard.checks import Check, Kind, Level, Threshold, at_least, at_most
from steelyard.inference.belts import Inference, build_belt, infer
from steelyard.inference.fit import Scan
from steelyard.inference.intervals import Segments, accepted, wald_threshold
from steelyard.inference.toy_fits import ToyFits
from steelyard.model.mixture import Mixture
from steelyard.regions.binned import BinnedModel, Varied
from steelyard.regions.binning import bin_index, quantile_edges

# Effective simulated events behind a bin: 25 are a relative error of 20 %, 10 of 32 %.
ENTRIES = Kind(
    title="Simulated entries of a histogram",
    name="simulated entries in baseline {baseline}",
    levels={
        "template_entries": Level(
            25.0, 10.0, "Effective simulated events behind the thinnest bin of a histogram.", falling=True
        ),
    },
    remedy="join the bin that is named with its neighbour, or simulate more",
    picture="baseline-{baseline}",
)
# Rounding in double precision is of order 10^-15 an operation; shapes are float32, 10^-7 of an expectation, which in a
# bin enters by n - lambda.
PYHF = Kind(
    title="Histogram against pyhf",
    name="baseline {baseline} against pyhf",
    levels={"pyhf": Level(1e-6, 1e-6, "Relative difference of -2 ln L of a histogram from that of pyhf.")},
    remedy="a fault of the program or of an installed version: report it with this configuration",
)
IN_A_BIN, AGREEMENT = ENTRIES.default("template_entries"), PYHF.default("pyhf")


@dataclass(frozen=True)
class BaselineInput:
    """What all baselines of an analysis share: the simulated events that no network trained on, and the tests.

    Attributes:
        mixture: processes, coefficients, yields, bounds.
        densities: (n, C) event weights of each process, each column of sum one.
        weights: (n,) reference weights, any positive sum.
        mu: (G,) parameter values of the scan.
        levels: confidence levels.
        truth: parameter value of the Asimov data.
        varied: what nuisance parameters do to the simulated events; None: nothing.
        reach: range of the parameter in which intervals are searched; its bounds by default.
        toys: where pseudo-experiments are thrown; None: nowhere.
        entries: levels of the effective simulated events behind a bin.
        agreement: levels of the relative difference from pyhf.
    """

    mixture: Mixture
    densities: np.ndarray
    weights: np.ndarray
    mu: np.ndarray
    levels: Sequence[float]
    truth: float
    reach: tuple[float, float] | None = None
    varied: Varied | None = None
    toys: ToyPlan | None = None
    entries: Threshold = IN_A_BIN
    agreement: Threshold = AGREEMENT

    @property
    def range(self) -> tuple[float, float]:
        """``reach``, or the bounds of the parameter."""
        return self.mixture.bounds if self.reach is None else self.reach


@dataclass(frozen=True)
class BinnedScan:
    """What one binned data set says.

    Attributes:
        counts: (B,) expected or observed events in the bins.
        mu: (G,) parameter values.
        t: (G,) test statistic.
        hat: best fit.
        t_lower_bound: t at the lower bound of the parameter.
        significance: sqrt of it, the standard deviations whose Wald set just excludes the lower bound.
        intervals: by the level as text, segments in which t is below the chi2_1 quantile (Wald). An end at the edge
            of the range searched says that the set goes on there, or touches the bound.
        inference: confidence sets and significance by the histogram's own pseudo-experiments, beside Wald's, with what
            their ends are; absent where none were thrown.
    """

    counts: np.ndarray
    mu: np.ndarray
    t: np.ndarray
    hat: float
    t_lower_bound: float
    significance: float
    intervals: dict[str, list[tuple[float, float]]]
    inference: Inference | None = None


@dataclass(frozen=True)
class BaselineResult:
    """One binned analysis of the Asimov data and, if there are any, of the observed ones.

    Attributes:
        name, kind: as configured.
        observable: what is binned.
        processes: C names.
        edges: (B+1,) edges; of a parameterised observable those at the truth, like everything below but the scans.
        templates: (C, B) expected events of each process at unit coefficient.
        template_errors: (C, B) their errors from the finite simulation. They are reported, not profiled.
        effective_entries: (B,) effective simulated events behind the expectation at the truth.
        outside: fraction of the expected events at the truth that no bin holds.
        truth: parameter value of the Asimov data.
        asimov, observed: the results.
        pyhf_difference: largest relative difference of -2 ln L from pyhf's, over the scan; of a parameterised
            observable at some of its points.
        checks: enough simulated events in every bin; agreement with pyhf.
    """

    name: str
    kind: str
    observable: str
    processes: tuple[str, ...]
    edges: np.ndarray
    templates: np.ndarray
    template_errors: np.ndarray
    effective_entries: np.ndarray
    outside: float
    truth: float
    asimov: BinnedScan
    pyhf_difference: float
    checks: tuple[Check, ...]
    observed: BinnedScan | None = None


@dataclass(frozen=True)
class Bins:
    """Bins of an observable.

    Attributes:
        edges: (B+1,).
        overflow: events outside belong to no bin; else to the outermost ones.
    """

    edges: np.ndarray
    overflow: bool

    @classmethod
    def of(cls, bins: int | Sequence[float], values: np.ndarray, weights: np.ndarray) -> "Bins":
        """Configured edges, or a number of bins of equal weight of the events (n,), which hold all events."""
        if isinstance(bins, int):
            return cls(quantile_edges(values, bins, weights), overflow=False)
        return cls(np.asarray(bins, dtype=float), overflow=True)

    def __len__(self) -> int:
        return len(self.edges) - 1

    def index(self, values: np.ndarray) -> np.ndarray:
        """Bin of each event (n,); the number of bins for one outside."""
        return bin_index(values, self.edges, self.overflow)

    def count(self, values: np.ndarray) -> np.ndarray:
        """Number of events in each bin, float64 (B,)."""
        return np.bincount(self.index(values), minlength=len(self) + 1)[: len(self)].astype(float)


def wald_intervals(t: Callable[[np.ndarray], np.ndarray], given: BaselineInput) -> dict[str, Segments]:
    """Segments of the parameter in which t, a function of the fit coordinate, is below each level's chi2_1 quantile."""
    mixture = given.mixture
    low, high = (float(edge) for edge in mixture.to_coordinate(np.asarray(given.range)))
    result = {}
    for level in given.levels:
        wald = wald_threshold(level)
        segments = accepted(t, lambda x, wald=wald: np.full_like(x, wald, dtype=float), low, high)
        # A root and its power do not give the edges of the range back exactly.
        edges = {low: float(given.range[0]), high: float(given.range[1])}
        result[str(level)] = [
            tuple(edges.get(end, float(mixture.to_parameter(end))) for end in segment) for segment in segments
        ]
    return result


def binned_scan(
    counts: np.ndarray,
    scan: Scan,
    intervals: dict[str, Segments],
    given: BaselineInput,
    toys: dict[float, ToyFits],
) -> BinnedScan:
    """Collect the results on one data set.

    Args:
        counts: (B,) the data.
        scan: t at any values, among them those of the configured scan.
        intervals: Wald's.
        given: levels and scan.
        toys: pseudo-experiments by tested value; may be empty.
    """
    mu = np.asarray(given.mu, dtype=float)
    t = np.asarray(scan.t)[np.searchsorted(scan.mu, mu)]
    inference = None
    if toys:
        inference = infer(build_belt(toys, tuple(given.levels)), scan, given.mixture, toys)
    significance = float(np.sqrt(max(scan.t_lower_bound, 0.0)))
    hat, lowest = float(scan.fit.hat), float(scan.t_lower_bound)
    return BinnedScan(counts, mu, t, hat, lowest, significance, intervals, inference)


def baseline_result(
    name: str,
    kind: str,
    observable: str,
    edges: np.ndarray,
    model: BinnedModel,
    given: BaselineInput,
    scans: Sequence[BinnedScan],
    pyhf_difference: float,
) -> BaselineResult:
    """Collect the results of one baseline and judge its templates.

    Args:
        model: the binned model, its templates with their covariance.
        scans: of the Asimov data, then of the observed ones if there are any.
        pyhf_difference: largest difference found.
    """
    mixture, templates = given.mixture, model.templates
    coefficients = mixture.coefficients_along(mixture.to_coordinate(given.truth))[0]
    entries = templates.effective_entries(coefficients)
    thin = int(np.argmin(entries))
    detail = f"bin {thin + 1} of {len(entries)}, from {edges[thin]:.4g} to {edges[thin + 1]:.4g}"
    checks = (
        at_least(ENTRIES.of(baseline=name), float(entries[thin]), given.entries, detail),
        at_most(PYHF.of(baseline=name), pyhf_difference, given.agreement, detail="relative difference of -2 ln L"),
    )
    total = float(coefficients @ (given.densities.sum(axis=0) * mixture.yields))
    inside = float(templates.expected(coefficients).sum())
    return BaselineResult(
        name=name,
        kind=kind,
        observable=observable,
        processes=templates.processes,
        edges=edges,
        templates=templates.counts,
        template_errors=np.sqrt(np.einsum("bcc->cb", templates.covariance)),
        effective_entries=entries,
        outside=max(1.0 - inside / total, 0.0),
        truth=float(given.truth),
        asimov=scans[0],
        pyhf_difference=pyhf_difference,
        checks=checks,
        observed=scans[1] if len(scans) > 1 else None,
    )
