"""Learned against exact, where a simulator knows its densities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steelyard.baselines.results import BaselineResult
from steelyard.checks import Check
from steelyard.diagnostics.oracle.ratio_comparison import RatioComparison, compare_gain, compare_ratio, compare_scans
from steelyard.diagnostics.stages import OracleInputs, run_registered
from steelyard.inference.fit import Scan
from steelyard.regions.normalisation import log_ratios
from steelyard.regions.unbinned import UnbinnedModel

if TYPE_CHECKING:
    from steelyard.diagnostics.thresholds import Diagnostics


@dataclass(frozen=True)
class OracleDiagnosis:
    """The log ratios that the configuration names, the curve t(mu), and the gain over each baseline.

    ``further`` are the checks of the diagnostics that are registered for this stage.
    """

    ratios: tuple[RatioComparison, ...]
    scan: Check
    gains: tuple[Check, ...]
    further: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The verdicts."""
        return (*(ratio.check for ratio in self.ratios), self.scan, *self.gains, *self.further)


def compare_oracle(
    learned: UnbinnedModel,
    exact: UnbinnedModel,
    learned_scan: Scan,
    exact_scan: Scan,
    baselines: Mapping[str, BaselineResult],
    settings: "Diagnostics",
) -> OracleDiagnosis:
    """Compare two models of the same reference events, and their expected t(mu).

    Args:
        learned, exact: the models.
        learned_scan, exact_scan: of their Asimov data, on the same grid.
        baselines: binned analyses by name.
        settings: section ``diagnostics`` of the configuration.
    """
    thresholds = settings.thresholds
    comparisons = []
    for rule in settings.oracle_rms:
        name = f"{rule.numerator}/{rule.denominator}" if rule.denominator else rule.numerator
        of_learned, of_exact = (_log_ratio(model, rule.numerator, rule.denominator) for model in (learned, exact))
        comparisons.append(compare_ratio(name, of_learned, of_exact, learned.weights, rule.threshold))
    gains = [
        compare_gain(name, learned_scan.t, exact_scan.t, result.asimov.t, thresholds.gain)
        for name, result in baselines.items()
    ]
    scan = compare_scans(
        learned_scan.mu,
        learned_scan.t,
        exact_scan.t,
        thresholds.scan_absolute,
        thresholds.scan_relative,
        thresholds.scan,
        settings.oracle_range,
    )
    given = OracleInputs(learned, exact, learned_scan, exact_scan, baselines, thresholds)
    return OracleDiagnosis(tuple(comparisons), scan, tuple(gains), run_registered(given))


def _log_ratio(model: UnbinnedModel, numerator: str, denominator: str | None) -> np.ndarray:
    """log of one ratio to the reference, or of two to each other, on the reference events (n,)."""
    chosen = [model.mixture.processes.index(name) for name in (numerator, denominator) if name is not None]
    log_r = log_ratios(model.intensities[:, chosen], model.mixture.yields[chosen])
    return log_r[:, 0] if denominator is None else log_r[:, 0] - log_r[:, 1]
