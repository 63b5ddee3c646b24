"""Made-up results of every kind, for pictures and pages: right in shape, with no physics in them."""

from dataclasses import replace

import numpy as np

from steelyard.baselines.results import BaselineResult, BinnedScan
from steelyard.checks import Check
from steelyard.coverage.audit import Audit, AuditPoint, Coverage, CriticalComparison
from steelyard.diagnostics.closure import Closure, ColumnClosure
from steelyard.diagnostics.factorisation.factorisation_checks import FactorisationCurve, FactorisationDiagnosis
from steelyard.diagnostics.inference.data_comparison import DataComparison
from steelyard.diagnostics.model.sensitivity import SensitivityMap
from steelyard.diagnostics.model.total_closure import ColumnTotal, TotalClosure
from steelyard.diagnostics.oracle.ratio_comparison import RatioComparison
from steelyard.diagnostics.ratio.calibration import Calibration
from steelyard.diagnostics.ratio.convergence import Convergence
from steelyard.diagnostics.simulation.simulation_checks import SimulationDiagnosis, diagnose_simulation
from steelyard.diagnostics.thresholds import Thresholds
from steelyard.finite_simulation.reference_error import ReferenceError
from steelyard.finite_simulation.simulation_error import SimulationError
from steelyard.finite_simulation.simulation_uncertainty import SOURCES, SimulationUncertainty
from steelyard.inference.belts import Belt, BeltPoint, BestFit, CriticalValue, Inference, Interval
from steelyard.inference.fit import Fit, Scan
from steelyard.inference.impacts import Impact, Impacts
from steelyard.inference.intervals import ends, wald_threshold
from steelyard.inference.significance import ExpectedSignificance, Significance
from steelyard.inference.toy_fits import ToyFits
from steelyard.plots.labels import EMBEDDED, Labels
from steelyard.report.summary import CheckResult, Summary, summarise

LEVELS = (0.6827, 0.9545)
PROCESSES = ("signal", "interfering", "background")
OBSERVABLES = ("mass", "angle", "momentum")
MU = np.linspace(0.0, 3.0, 31)
PASSED = Check("a check", 0.01, 0.02, "PASS", 0.003)

BOUNDS = (0.0, 5.0)
EVIDENCE = Significance(0.0, 1.77, 1.33, 1.3, (0.194, 0.185, 0.203), False, 0.86, 2000, 0.3)
EXPECTED = ExpectedSignificance(
    1.0,
    0.0,
    1000,
    0,
    (0.0, 0.6, 2.41, 4.5, 6.8),
    (0.0, 0.8, 1.4, 2.05, 2.7),
    (0.0, 0.2, 0.99, 1.75, 2.4),
    (False, False, False, False, True),
    0.08,
)

LABELS = Labels(
    parameter=r"$\mu$",
    processes={"signal": "gg→H*→ZZ", "background": "qq→ZZ"},
    columns={"mass": r"$m_{4\ell}$ [GeV]", "angle": r"$\cos\theta^*$"},
    note=EMBEDDED,
)


def toys_of(t, status=None) -> ToyFits:
    """Fits of toys with these t, converged unless another status is given."""
    t = np.asarray(t, dtype=float)
    return ToyFits(t, np.ones_like(t), np.full(len(t), 10), np.zeros(len(t), dtype=int) if status is None else status)


def scan(hat: float = 1.0, steepness: float = 6.0) -> Scan:
    t = steepness * (np.sqrt(MU) - np.sqrt(hat)) ** 2
    return Scan(MU, t, float(t[0]), Fit(hat, 0.0, True, 0.0, False, ((hat, 0.0),), 0.5))


def belt(scale: float = 1.0) -> Belt:
    def critical(level: float, mu: float) -> CriticalValue:
        value = scale * wald_threshold(level) * (0.75 + 0.25 * np.tanh(2.0 * mu))
        return CriticalValue(value, 0.95 * value, 1.06 * value)

    return Belt(
        LEVELS,
        tuple(
            BeltPoint(mu, 1000, {"converged": 1000}, {str(level): critical(level, mu) for level in LEVELS})
            for mu in (0.0, 0.1, 0.3, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0)
        ),
    )


def inference(narrow: list, wide: list, hat: float = 1.0, searched: tuple[float, float] = (0.0, 3.0)) -> Inference:
    """Of a parameter in [0, 5] that was searched in [0, 3]."""
    intervals = tuple(
        Interval(
            level,
            sets,
            wald,
            ends(sets, searched, BOUNDS),
            ends(wald, searched, BOUNDS),
            [(0.0 if low == 0.0 else 0.02, 0.0 if high == searched[1] else 0.03) for low, high in sets],
        )
        for level, sets, wald in zip(LEVELS, (narrow, wide), ([(0.2, 1.6)], [(0.0, 2.1)]), strict=True)
    )
    return Inference(hat, intervals, EVIDENCE, BestFit(), searched, searched, BOUNDS, EXPECTED)


def summary(checks: list[CheckResult] | None = None, oracle: bool = True, **changes) -> Summary:
    """Two data sets that say the same; ``changes`` are fields of the learned inference."""
    learned = replace(inference([(0.0, 0.15), (0.4, 1.7)], [(0.0, 2.3)], 1.02), **changes)
    exact = {"asimov": learned, "observed": learned} if oracle else {}
    result = summarise(
        "demo", "mu", {"asimov": learned, "observed": learned}, exact, [replace(baseline(), name="mass")], []
    )
    return replace(result, checks=checks or [])


def checks() -> list[Check]:
    return [
        Check("normalisation of signal", 0.0007, 0.0025, "PASS", 0.0006, "raw E_ref[r] = 1.00070"),
        Check("normalisation of interfering", -0.003, 0.0025, "WARN", 0.0004, "raw E_ref[r] = 0.99700"),
        Check("normalisation of background", 0.008, 0.005, "FAIL", 0.0005, "raw E_ref[r] = 1.00800"),
    ]


def _shape(bins: int = 12) -> tuple[np.ndarray, np.ndarray]:
    edges = np.concatenate([np.linspace(200.0, 600.0, bins), [1500.0]])
    content = np.diff(edges) * np.exp(-(edges[1:] - 200.0) / 200.0)
    return edges, content / content.sum()


def closure(ratio: str = "signal", features: int = 3) -> Closure:
    generator = np.random.default_rng(3)
    columns = []
    for name in (*OBSERVABLES, *(f"feature_{number}" for number in range(features))):
        edges, target = _shape()
        error = 0.01 * np.sqrt(target.mean() * target)
        reweighted = target + error * generator.normal(size=len(target))
        columns.append(ColumnClosure(name, edges, target, reweighted, error, 11.0, 11, 0.01, 0.003))
    return Closure(ratio, tuple(columns), PASSED)


def total_closure(features: int = 8) -> TotalClosure:
    columns = []
    for place, name in enumerate((*OBSERVABLES, *(f"feature_{number}" for number in range(features)))):
        edges, target = _shape()
        deviation = 0.02 + 0.01 * place * np.exp(-MU)
        expected = 1100.0 * target
        model, error = expected + 0.05 * np.sqrt(expected), 0.04 * np.sqrt(expected)
        columns.append(ColumnTotal(name, edges, MU, deviation, 0.1 * deviation, 0.05, expected, model, error))
    return TotalClosure(tuple(columns), PASSED)


def calibration() -> Calibration:
    predicted = np.linspace(0.2, 0.8, 10)
    observed = predicted + 0.003 * np.cos(np.arange(10))
    return Calibration(
        "signal", np.linspace(-2.0, 2.0, 11), predicted, observed, np.full(10, 0.004), 8.0, 10, 0.01, PASSED
    )


def training_curve(epochs: int = 6) -> np.ndarray:
    names = ("epoch", "training_loss", "validation_loss", "learning_rate", "seconds")
    curve = np.zeros(epochs, dtype=[(name, float) for name in names])
    curve["epoch"] = np.arange(1, epochs + 1)
    curve["training_loss"] = 0.66 + 0.02 * np.exp(-curve["epoch"] / 2.0)
    curve["validation_loss"] = 0.66 + 0.001 * (curve["epoch"] - 4.0) ** 2
    curve["learning_rate"] = 1e-3 * (1.0 - curve["epoch"] / epochs)
    return curve


def audit() -> Audit:
    points = []
    for mu in (0.0, 0.5, 1.0, 2.0):
        coverage, critical = [], []
        for level in LEVELS:
            error = np.sqrt(level * (1.0 - level) / 500.0)
            coverage.append(Coverage(level, int(1000 * level), 1000, level + 0.5 * error, float(error), 0.5))
            value = wald_threshold(level)
            learned, exact = (CriticalValue(x, 0.95 * x, 1.06 * x) for x in (value, 0.97 * value))
            critical.append(CriticalComparison(level, learned, exact, 0.4))
        points.append(AuditPoint(mu, 0, tuple(coverage), tuple(critical)))
    return Audit(tuple(points))


def displaced(result: Audit) -> Audit:
    """The same with experiments at other nuisance parameters beside those at nominal ones."""
    more = [replace(point, nuisances={"scale": value}, critical=()) for point in result.points for value in (1.0, -1.0)]
    return Audit((*result.points, *more))


def impacts(scale: float = 1.0) -> Impacts:
    """Three parameters, the largest first; the parts add up to the error; errors and shifts grow with ``scale``."""
    found = [
        Impact("scale", "experimental", True, 0.0, 0.0, 0.8, 0.41 * scale, -0.39 * scale, 0.4 * scale, 0.5 * scale),
        Impact("norm", "theory", True, 0.01, 0.01, 0.95, -0.2 * scale, 0.2 * scale, -0.2 * scale, 0.21 * scale),
        Impact("free", "norm factors", False, 1.0, 0.0, 0.1, None, None, None, 0.1 * scale),
    ]
    correlation = [[1.0, 0.5, -0.2, 0.1], [0.5, 1.0, 0.3, -0.7], [-0.2, 0.3, 1.0, 0.0], [0.1, -0.7, 0.0, 1.0]]
    return Impacts(
        "mu",
        1.0,
        True,
        tuple(found),
        ("mu", "scale", "norm", "free"),
        error=0.8 * scale,
        statistical=0.66 * scale,
        groups={"experimental": 0.4 * scale, "theory": 0.2 * scale},
        fixed=0.6 * scale,
        inflation=0.53 * scale,
        group_inflations={"experimental": 0.5 * scale, "theory": 0.21 * scale, "norm factors": 0.1 * scale},
        correlation=correlation,
    )


def reference_error(regenerated: bool = False) -> ReferenceError:
    """A tenth of the error of the fit."""
    sigma = 0.2 * np.sqrt(scan().t)
    return ReferenceError(MU, sigma, 30.0, 0.05, 0.1, 0.1 * sigma if regenerated else None)


def uncertainty(reason: str | None = None) -> SimulationUncertainty:
    """A tenth of the error of the fit, or none of the best fit."""
    sigma = 0.2 * np.sqrt(scan().t)
    sources = {name: sigma / np.sqrt(5.0) for name in SOURCES}
    if reason is not None:
        return SimulationUncertainty(MU, scan().t, sigma, 0.5 * sigma, sources, 0.1 * sigma, 1.0, reason=reason)
    own = dict.fromkeys(SOURCES, 0.02)
    return SimulationUncertainty(MU, scan().t, sigma, 0.5 * sigma, sources, 0.1 * sigma, 1.0, 0.05, 0.1, own, 0.005)


def simulation() -> SimulationDiagnosis:
    """An error of a twentieth of t, and a bias of half of that."""
    t = scan().t
    parts = {"signal": 0.02 * t, "background": 0.01 * t}
    error = SimulationError(MU, t, 0.05 * t, 0.025 * t, 0.04 * t, parts, 0.01 * t, 0.015 * t, 0.01 * t)
    return diagnose_simulation(error, 1.0, Thresholds())


def factorisation() -> FactorisationDiagnosis:
    """A cross term that matters for data at the point, and less for these."""
    t = scan().t
    curves = [
        FactorisationCurve(
            where,
            MU,
            t,
            size * (MU - 1.0),
            np.full_like(MU, 0.02),
            np.zeros_like(MU),
            np.maximum(0.15, 0.1 * t),
            {"signal": 0.7 * size * (MU - 1.0), "background": 0.3 * size * (MU - 1.0)},
            PASSED,
        )
        for where, size in (("expected fit", 0.01), ("observed fit", -0.05), ("data at the point", 0.2))
    ]
    return FactorisationDiagnosis("both_up", {"scale": 1.0, "angle": 1.0}, 1000, {"signal": (0.1, 0.01)}, tuple(curves))


def ratio_comparisons() -> list[RatioComparison]:
    edges = np.concatenate([[-3.0], np.linspace(-1.0, 2.0, 9), [3.0]])
    mean, width = 0.02 * np.cos(np.arange(10)), np.full(10, 0.15)
    return [
        RatioComparison(name, 0.15, 0.001, 0.002, 0, edges, mean, width, PASSED)
        for name in ("signal", "signal/background")
    ]


def data_comparison() -> DataComparison:
    edges = np.concatenate([[5.0], np.linspace(6.0, 8.0, 9), [10.0]])
    observed = np.array([50.0, 61.0, 44.0, 57.0, 52.0, 0.0, 49.0, 66.0, 55.0, 58.0])
    return DataComparison(1.0, edges, observed, np.full(10, 55.0), np.full(10, 0.8), 12.0, 0.3, PASSED)


def convergence(members: int = 6) -> Convergence:
    count = np.arange(1, members + 1)
    rms = 0.1 * np.sqrt(1.0 / count - 1.0 / members)
    return Convergence("signal", count, rms, PASSED, 0.1, 0.1 / np.sqrt(members))


def sensitivity_map(x: str = "mass", y: str = "angle") -> SensitivityMap:
    columns, rows = np.meshgrid(np.arange(20), np.arange(20), indexing="ij")
    events = np.exp(-(((columns - 5) / 6) ** 2) - ((rows - 10) / 6) ** 2)
    share = np.where(rows < 2, 0.0, np.exp(-(((columns - 9) / 4) ** 2) - ((rows - 10) / 4) ** 2))
    edges = np.linspace(-1.0, 1.0, 21)
    return SensitivityMap(0.0, 1.0, x, y, np.linspace(200.0, 1500.0, 21), edges, share, events, 1.77)


def baseline(observed: bool = True) -> BaselineResult:
    edges, content = _shape()
    templates = np.outer([50.0, 170.0, 900.0], content)
    counts = templates.sum(axis=0)
    expected = BinnedScan(
        counts, MU, scan(steepness=2.0).t, 1.0, 0.65, 0.8, {"0.6827": [(0.0, 2.0)], "0.9545": [(0.0, 3.0)]}
    )
    found = BinnedScan(
        np.round(counts), MU, scan(1.1, 2.0).t, 1.1, 0.7, 0.8, {"0.6827": [(0.0, 2.1)], "0.9545": [(0.0, 3.0)]}
    )
    return BaselineResult(
        name="histogram_of_mass",
        kind="observable",
        observable="mass",
        processes=PROCESSES,
        edges=edges,
        templates=templates,
        template_errors=0.02 * templates,
        effective_entries=1e4 * content,
        outside=0.0,
        truth=1.0,
        asimov=expected,
        pyhf_difference=1e-9,
        checks=(PASSED,),
        observed=found if observed else None,
    )
